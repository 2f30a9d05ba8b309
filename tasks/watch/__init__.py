"""What is looked at beside the day's own rows: buckets, the model's life, late input, the watchdog."""
