"""Sets of labelled comments: how they come in, how they are split, where they lie.

`add_set` is called by a command. Versions are written once: put if absent.
Never here: a version that is changed; a part of a file; a cluster of like texts in two splits.
"""
