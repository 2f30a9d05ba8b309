"""What is done about days that are over: backfill, restore, remeasure, erase."""
