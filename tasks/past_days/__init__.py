"""What is done about days that are over: backfill, restore, remeasure, erase.

No stage of a night; flows and commands of their own call `plan_backfill`, `remeasure_day`, `restore_day`,
`erase_comment`.
Reads everything of a day; writes its tables by new commits, its plain objects, state/backfills, state/restores and
state/erasures. An erasure also deletes.
Never here: a verdict: a backfill judges each day as a night of its own; a write to a day that another run holds.
"""
