"""Evaluation: sets of labelled comments, candidates asked over them, and whether one is better than another.

By hand: sets/add_set, sets/add_night, runs/run_candidates, compare_candidates, nights/compare_night,
promotion/promote_candidate, promotion/roll_back, classifier/recalibrate. No stages: a night knows nothing of it but the
champion, which it reads from state/champion.json, and the newest classifier.
Reads and writes evaluation/, lake/experiments and the batch root's folder evaluation/; promotion writes
state/champion.json and state/rebaselined.json, the classifier's training state/classifier. Reads a night's verdicts,
labels and texts, and adds to its label requests. Bedrock is asked in runs alone.
Never here: a verdict that is published; a comparison of answers to different comments; a text outside a set.
"""
