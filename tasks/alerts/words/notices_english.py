"""What is said of problems that are no metric, in English: by the watchdog, a night that stopped, late input."""

from __future__ import annotations

from tasks.alerts.words.forms import NoticeWords

_UNPUBLISHED = "The night of {day} is not published; it was due by {due}."
_PUBLISHED = "The night of {day} is published now."
_AGAIN = "Run the day: what was paid for is in the ledger, and is not paid again."
_REFRESH = "Write it again from the lake, which is the truth."
_LOOK = "Somebody has to look: the watchdog cannot tell more."

NOTICES_ENGLISH = NoticeWords(
    heads={
        "stop": "the night of {day} stopped: {error}",
        "stop_after": "the night of {day} stopped after publishing: {error}",
        "absent": "the night of {day} is not published",
        "stopped": "the night of {day} is not published",
        "died": "the run of {day} died",
        "late": "the night of {day} is late",
        "unclosed": "the night of {day} was not closed",
        "abandoned": "the run of {day} died",
        "no_balance": "the books of {day} are lost",
        "unbalanced": "the books of {day} do not add up",
        "rows": "rows of {day} in lake/{table} are not those of its night",
        "other_run": "rows of {day} in lake/{table} are of another run",
        "plain_absent": "{table}.parquet of {day} is not there",
        "plain_rows": "{table}.parquet of {day} has other rows than the lake",
        "plain_other": "{table}.parquet of {day} is of another run",
        "plain_broken": "{table}.parquet of {day} cannot be read",
        "unknown_job": "a Bedrock job of {day} that no ledger knows",
        "unowned_job": "a Bedrock job of {day} without an owner",
        "stuck": "answers of {day} that nobody has collected",
        "lease": "a run has held {day} for {ago}",
        "record": "a record of {day} cannot be read",
        "table": "lake/{table} cannot be read",
        "s3": "S3 cannot be looked at",
        "bedrock": "Bedrock's jobs cannot be looked at",
        "broken": "the watchdog itself failed",
        "late_input": "late input for {day}",
        "unread_input": "objects of {day} that no night reads",
    },
    problems={
        "stop": "The night of {day} stopped with {error}; nothing new was published: {reason}",
        "stop_after": "The night of {day} stopped with {error} after its verdicts were published: readers see them, "
        "but measurements or report may be lacking, and the night is not closed: {reason}",
        "absent": f"{_UNPUBLISHED} No run works on it.",
        "stopped": f"{_UNPUBLISHED} Run {{run}} stopped: {{reason}}",
        "died": f"{_UNPUBLISHED} Run {{run}} died; its last sign of life came {{ago}} before this look.",
        "late": f"{_UNPUBLISHED} Run {{run}} still works on it.",
        "unclosed": "{day} has verdicts in the table but no row in lake/nights: its night was not closed.",
        "abandoned": "Run {run} of {day} died and nobody took over; its last sign of life came {ago} before this look.",
        "no_balance": "The night of {day} has no readable balance.json of run {run}, which published it.",
        "unbalanced": "The books of {day} do not add up: {ingested} ingested, {valid} valid, {rejected} rejected, "
        "{verdicts} verdicts.",
        "rows": "{day} has {found} rows in lake/{table}, its night says {expected}.",
        "other_run": "{day} has rows of run {found} in lake/{table}, its night was published by run {expected}.",
        "plain_absent": "{table}/date={day}/{table}.parquet is not there, the lake has the day.",
        "plain_rows": "{table}/date={day}/{table}.parquet has {found} rows, the lake has {expected}.",
        "plain_other": "{table}/date={day}/{table}.parquet is of run {found}, the lake's day of run {expected}.",
        "plain_broken": "{table}/date={day}/{table}.parquet cannot be read: {error}",
        "unknown_job": "Bedrock job {job} ({status}) is not in the ledger of {day}: nobody will read its answers.",
        "unowned_job": "Bedrock job {job} ({status}) runs, and no run has worked on {day} for {ago}.",
        "stuck": "{count} ledger entries of {day} are not collected, the oldest {ago} after it was intended.",
        "lease": "Run {run} has held {day} for {ago}.",
        "record": "A record of {day} cannot be read: {uri}",
        "table": "The table lake/{table} cannot be read: {error}",
        "s3": "S3 cannot be looked at: {error}",
        "bedrock": "Bedrock's jobs cannot be looked at: {error}",
        "broken": "The watchdog itself failed: {error}",
        "late_input": "{day}: {new} new, {changed} changed, {gone} gone since run {run} published it: {names}",
        "unread_input": "{day}: {count} objects in {folder}/ are not read: {names}",
    },
    ends={
        "": "",
        **dict.fromkeys(("stop", "stop_after", "absent", "stopped", "died", "late", "unclosed"), _PUBLISHED),
        "late_input": "The late input of {day} is judged.",
    },
    advice={
        "stop": _AGAIN,
        "stop_after": _AGAIN,
        "absent": _AGAIN,
        "stopped": _AGAIN,
        "died": _AGAIN,
        "late": "See how far it is; its jobs may be waiting for Bedrock.",
        "unclosed": _AGAIN,
        "abandoned": _AGAIN,
        "no_balance": _LOOK,
        "unbalanced": "A defect of ours: keep the run's folder.",
        "rows": "See which versions of the day there are; an earlier one can be brought back.",
        "other_run": "A run died before it closed the night. " + _AGAIN,
        "plain_absent": _REFRESH,
        "plain_rows": _REFRESH,
        "plain_other": _REFRESH,
        "plain_broken": _REFRESH,
        "unknown_job": "It costs money for nobody: stop it, or find out who made it.",
        "unowned_job": "Run the day, which adopts the job; or stop it.",
        "stuck": _AGAIN,
        "lease": "See whether the run still moves; if not, end it, and the day is free a minute later.",
        "record": _LOOK,
        "table": _LOOK,
        "s3": "Check credentials, network and permissions. Nothing else could be looked at.",
        "bedrock": "Check credentials, network and bedrock:ListModelInvocationJobs.",
        "broken": "A defect of ours: what it looks at is not watched.",
        "late_input": "Judge these days again: only comments that were not asked about before are paid for.",
        "unread_input": "If they are part of the day, have them written as *.parquet, directly in the folder or in "
        "subfolders key=value; they are late input then. If not, give them names that begin with _ or a dot.",
    },
)
