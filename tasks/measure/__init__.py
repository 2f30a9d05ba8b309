"""What a night measures, and how it compares with earlier nights.

Stages, in order: measure_drift, measure_golden.
Reads the run's frames below work/, lake/nights, lake/metrics, state/vocabulary, state/texts and state/golden; appends
to lake/metrics, replaces its plain object, replaces the day in lake/golden, adds to state/vocabulary, state/texts and
state/golden. A metric is counted in `night_numbers`, judged by its rule in `detect/rules`.
Never here: a change to what is measured, a row of metrics that is rewritten, a message to anybody.
"""
