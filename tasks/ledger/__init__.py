"""What is on record about a day: who holds it, what was asked, what it cost, when it must end.

No stages: every other room asks here first.
Reads and writes ledger/, state/lease and stopped.json, preflight.json of a run; reads lake/nights, state/restores and
prices.toml. Both ledger and lease are written by S3's conditional writes alone.
Never here: a call to Bedrock; an entry that changes otherwise than by `moves`, along the `phases`; a write over what
another run has written meanwhile.
"""
