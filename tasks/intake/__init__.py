"""From the day's files to valid, unique comments."""
