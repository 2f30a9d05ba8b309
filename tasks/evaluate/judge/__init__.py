"""A model of another family judges explanations: by criteria that are met or not, and two beside each other.

`judge_explanations` and `judge_pairs` are called by a command. Questions go by evaluate/questions; what was found lies
in evaluation/judgements.
Never here: a score from 1 to 5; a judge of the judged model's own family; a figure that passes for validated.
"""
