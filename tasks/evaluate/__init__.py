"""Evaluation: sets of labelled comments, candidates asked over them, and whether one is better than another.

Pure statistics in paired and comparison; nothing here is part of a night.
Never here: a verdict that is published; a comparison of answers to different comments; a text outside a set.
"""
