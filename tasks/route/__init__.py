"""Who judges each comment: the steps of a policy that come before the model, and the audit that watches them.

Stages, in order: route_comments.
Pure beside it: `rules` and `cached_verdicts` decide, `audit_draw` draws, `decisions` says what
the model is asked for, `estimates` what the audit shows.
`classifier/` clears what labels prove it may.
Reads work/valid, work/duplicates, lake/verdicts, lake/metrics, state/classifier, the salt; writes work/routed.
No Bedrock, no money: `batch` asks.
Never here: a step whose errors nobody would see. What a step decides may be drawn for the audit, with a probability
that is on record before the model is asked.
"""
