"""What a night measures, and how it compares with earlier nights.

Stages, in order: measure_drift, measure_golden, explain_change.
Reads the run's frames below work/, lake/nights, lake/metrics, state/vocabulary, state/texts, state/cells and
state/golden; appends to lake/metrics, replaces its plain object, replaces the day in lake/golden, adds to what it reads
below state/. A metric is counted in `night_numbers`, judged by its rule in `detect/rules`.
Never here: a change to what is measured, a row of metrics that is rewritten, a message to anybody.
"""
