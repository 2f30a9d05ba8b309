"""A comment taken out of everything, and the proof."""
