"""A challenger tried on a whole night: people label only what it judges otherwise than the night did, and two checks.

`compare_night` is called by a command. Reads lake/verdicts, the day's comments and labels, lake/experiments; asks the
challenger as `runs` does, under the set `night-D`; adds requests to lake/label_requests, writes evaluation/comparisons.
Never here: a verdict that is published; a rater who learns what either said; a label of a comment that was not drawn.
"""
