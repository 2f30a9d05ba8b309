"""Variants of labelled comments, written by a model: how far a verdict holds when the same is said in another way.

`make_variants` is called by a command. Reads evaluation/sets, asks a model of another maker as `questions` does, under
`NAME.v`; writes the next version of a set, each variant flagged as a model's.
Never here: a variant among figures of production; a variant in another cluster or split than its comment.
"""
