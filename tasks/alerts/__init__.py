"""Who gets which message, once, in which language.

Stages, in order: send_alerts, tell_published, alert_stopped_night.
Reads lake/metrics, lake/nights, and lake/verdicts for ids; writes state/alerts/groups; sends through the port
`AlertChannel`. Whoever finds something wrong calls `tell` with what was found, a `Look`; `groups/` decides what is told
of it, by a state machine for each of quality, outputs, inputs, pipeline and money. The sentences are in `words/`, by
language.
Commands: snooze_alerts. Pages read `open_alerts`.
Never here: a comment's text, a secret; the same message twice; a night that stops because a channel fails.
"""
