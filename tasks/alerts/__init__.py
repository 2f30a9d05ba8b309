"""Who gets which message, once, in which language.

Stages, in order: send_alerts, alert_stopped_night.
Reads lake/metrics, and lake/verdicts for ids; writes state/alerts; sends through the port `AlertChannel`. `incident*`
is about one night's measures, `problem*` about what is wrong across days; the sentences are in `words/`, a module a
language.
Never here: a comment's text, a secret; the same message twice; a night that stops because a channel fails.
"""
