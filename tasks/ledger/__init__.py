"""What is on record about a day: who holds it, what was asked, what it cost, when it must end.

No stages: every other room asks here first.
Reads and writes ledger/, state/lease and stopped.json, preflight.json of a run, and clears a run's frames in work/;
reads lake/nights, state/restores, state/champion.json with the day's plans, and prices.toml. Entries and leases are
written by conditional writes alone, so no run writes over what another has written meanwhile; the two files of a run
are its own.
Never here: a call to Bedrock; an entry that changes otherwise than by `moves`, along the `phases`.
"""
