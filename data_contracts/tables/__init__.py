"""Every table once: its columns, their types and what they mean."""
