"""Human truth: label files, accuracy.

Stages, in order: measure_accuracy, remeasure_late_labels.
Reads labels/date=D, lake/verdicts, lake/nights and lake/metrics; appends to lake/metrics, replaces its plain object,
writes confusion.json, quality.json and state/labels.
Never here: a change to a label or a verdict; a night that stops because of a label: what cannot be used is counted.
"""
