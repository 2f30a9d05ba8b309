"""Whether a published day is in order: its night, its books, its rows in the lake and its plain objects agree."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from tasks.alerts.problems import Problem
from tasks.base.ports import Severity
from tasks.verdicts.published_rows import Rows, is_as_published
from tasks.watch.facts import Books, DayFacts, Facts, NightRow

#: What analysts read first: a wrong one is looked at now.
_VERDICTS = "verdicts"


def find_disorder(day: date, facts: Facts) -> Iterator[Problem]:
    """What of a published day is at odds; nothing for a day that is not published or could not be read."""
    night = (facts.nights or {}).get(day)
    if night is None or any(fault.kind == "s3" and fault.day in (day, None) for fault in facts.faults):
        return
    of_day = facts.days[day]
    yield from _books(day, night, of_day.books)
    for table, expected in night.counts.items():
        rows = facts.rows.get(table, {}).get(day)
        if rows is not None:
            if is_as_published(rows, night.run_id, expected, of_day.erased_count):
                yield from _plain(day, table, rows, of_day, facts)
            else:
                yield _rows(day, table, night, rows, expected)


def _books(day: date, night: NightRow, books: Books | None) -> Iterator[Problem]:
    key = f"books {day}"
    if books is None:
        yield Problem(key=key, kind="no_balance", severity=Severity.TICKET, day=day, facts={"run": night.run_id})
        return
    counts = {
        "ingested": books.ingested_count,
        "valid": books.valid_count,
        "rejected": books.rejected_count,
        "verdicts": books.verdict_count,
    }
    adds_up = books.ingested_count == books.valid_count + books.rejected_count
    is_whole = books.verdict_count == books.valid_count
    if not (adds_up and is_whole):
        details = {name: str(count) for name, count in counts.items()}
        yield Problem(key=key, kind="unbalanced", severity=Severity.PAGE, day=day, facts=details)


def _rows(day: date, table: str, night: NightRow, rows: Rows, expected: int) -> Problem:
    """The lake's day is not that of its night."""
    severity = Severity.PAGE if table == _VERDICTS else Severity.TICKET
    if others := rows.run_ids - {night.run_id}:
        kind, details = "other_run", {"found": ", ".join(sorted(others)), "expected": night.run_id}
    else:
        kind, details = "rows", {"found": str(rows.row_count), "expected": str(expected)}
    return Problem(key=f"rows {table} {day}", kind=kind, severity=severity, day=day, facts={"table": table, **details})


def _plain(day: date, table: str, rows: Rows, of_day: DayFacts, facts: Facts) -> Iterator[Problem]:
    """The plain object against the lake's day."""
    key = f"plain {table} {day}"
    broken = next(
        (item for item in facts.faults if (item.kind, item.day, item.table) == ("plain_broken", day, table)), None
    )
    if broken is not None:
        details = {"table": table, "error": broken.error}
        yield Problem(key=key, kind="plain_broken", severity=Severity.TICKET, day=day, facts=details)
        return
    plain = of_day.plain.get(table)
    if plain is None:
        yield Problem(key=key, kind="plain_absent", severity=Severity.TICKET, day=day, facts={"table": table})
    elif plain.row_count != rows.row_count:
        details = {"table": table, "found": str(plain.row_count), "expected": str(rows.row_count)}
        yield Problem(key=key, kind="plain_rows", severity=Severity.TICKET, day=day, facts=details)
    elif plain.run_ids - rows.run_ids:
        details = {
            "table": table,
            "found": ", ".join(sorted(plain.run_ids)),
            "expected": ", ".join(sorted(rows.run_ids)),
        }
        yield Problem(key=key, kind="plain_other", severity=Severity.TICKET, day=day, facts=details)
