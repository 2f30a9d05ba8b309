"""What a night measures, and how it compares with earlier nights.

Stages, in order: measure_drift.
Reads the run's frames below work/, lake/nights, lake/metrics, state/vocabulary and state/texts; appends to
lake/metrics, replaces its plain object, adds to state/vocabulary and state/texts. A metric is counted in
`night_numbers`, judged by its rule in `detect/rules`.
Never here: a change to what is measured, a row of metrics that is rewritten, a message to anybody.
"""
