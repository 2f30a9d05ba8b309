"""Why the violation rate changed: a day in counts, and the change between two periods split up; pure."""
