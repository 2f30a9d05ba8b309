"""A classifier over runs of characters: it clears what it is sure is fine, and sends all else on to the model.

`features` turns texts into numbers, `model` into chances of a violation, `stored` keeps versions, `fitness` says when
it is not asked. It is trained in `evaluate/classifier`.
Reads state/classifier, lake/metrics.
Never here: a comment that it flags (it clears or it passes on); a pickle; a text that is kept.
"""
