"""What each policy would cost and miss, from the answers of a set that are stored: a replay, without a call.

`measure_savings` is called by a command. Pure beside it: `replay` decides as a night would, `score` counts that against
the labels, `guarantee` says what so many labels prove.
Reads evaluation/sets, lake/experiments, lake/verdicts, the catalog's policies, the rules, prices.toml; writes nothing.
Never here: a call; a figure of a policy whose models were not asked.
"""
