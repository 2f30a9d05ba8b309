"""Sets of labelled comments: how they come in, how they are split, where they lie.

`add_set` and `add_night` are called by commands. Versions are written once: put if absent; an erasure blanks texts.
Never here: a version that is changed otherwise; a part of a file; a cluster of like texts in two splits.
"""
