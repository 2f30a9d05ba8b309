"""The classifier's training: from people's labels first, and from the model's verdicts with less weight.

`recalibrate` is called by a command and a flow. Pure beside it: `fit` learns and calibrates, `proof` says from
where the labels allow it to clear. `examples` reads what it learns from, and keeps nothing of it.
Reads labels, comments, lake/verdicts; writes state/classifier.
Never here: a text or an id that outlives the run; a proof by what was learnt from; a verdict of the classifier's own.
"""
