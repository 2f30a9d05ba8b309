"""What a night measures, and how it compares with earlier nights."""
