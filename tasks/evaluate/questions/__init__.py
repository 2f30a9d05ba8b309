"""Questions to a model that are no comments: how a guideline could be better, how good an explanation is.

`ask_questions` is called by the optimiser and by the judge of explanations. Ledger, budget and "once" are those of
candidates, in folders of their own: evaluation/{ledger,requests,answers}/WHAT, the batch root's evaluation/WHAT.
Never here: a text of a comment outside the batch files; what a question or a reply means.
"""
