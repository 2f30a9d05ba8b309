"""What may follow a model that ends: candidates held against the champion over all sets, and over last night.

By hand: try_successors, which the alert of a model's end names. Reads evaluation/sets, lake/label_requests,
lake/verdicts and the day's input; asks and compares as any evaluation does. No label is asked for, nothing is promoted.
Never here: a text that stays; a candidate that is promoted without a person.
"""
