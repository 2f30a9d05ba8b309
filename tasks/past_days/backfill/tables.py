"""How a backfill's plan, progress and questions read in the Prefect UI and on the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from zoneinfo import ZoneInfo

from tasks.base.figures import dollars, moment
from tasks.base.safe_text import literal, safe_text
from tasks.base.settings import Language, Settings
from tasks.past_days.backfill.plan_backfill import DONE_BEFORE, BackfillPlan, PlannedDay
from tasks.past_days.backfill.record import BackfillRecord, DayProgress
from tasks.reports.words.say import Say, say_in
from tasks.verdicts.flips import Flips, Provenance, describe_flips

Row = dict[str, str]

#: Columns of both tables, and what stands in the column `state` beside what a plan found: the outcomes of days.
COLUMNS = ("day", "state", "comments", "to judge", "tokens in", "tokens out", "dollars", "jobs", "note")
STATES = ("running", "waiting", "published", "unchanged", "stopped")

#: Longest note in a table, whose cells some pages read as Markdown.
_NOTE_CHARS = 400
#: Days named one by one in a question or a sentence.
_NAMED_DAYS = 10


def plan_rows(plan: BackfillPlan) -> list[Row]:
    """The plan's table: every day of the range in order, then the totals."""
    rows = {day.day.run_date: _planned_row(day) for day in plan.days}
    rows |= {day.run_date: _other_row(str(day.run_date), day.label, why) for day, why in plan.others}
    total = {
        "day": f"{len(plan.days)} days",
        "state": "",
        "comments": _count(sum(day.comment_count or 0 for day in plan.days)),
        "to judge": _count(sum(day.record_count for day in plan.days)),
        "tokens in": _count(sum(day.input_tokens for day in plan.days)),
        "tokens out": _count(sum(day.output_tokens for day in plan.days)),
        "dollars": dollars(plan.cost_usd),
        "jobs": _count(sum(day.job_count for day in plan.days)),
        "note": "",
    }
    return [*(rows[day] for day in sorted(rows)), total]


def _planned_row(day: PlannedDay) -> Row:
    return {
        "day": str(day.day.run_date),
        "state": day.day.label,
        "comments": "unknown" if day.comment_count is None else _count(day.comment_count),
        "to judge": _count(day.record_count),
        "tokens in": _count(day.input_tokens),
        "tokens out": _count(day.output_tokens),
        "dollars": dollars(day.cost_usd),
        "jobs": _count(day.job_count),
        "note": safe_text(day.note, _NOTE_CHARS),
    }


def _other_row(day: str, state: str, why: str) -> Row:
    empty = dict.fromkeys(("comments", "to judge", "tokens in", "tokens out", "dollars", "jobs"), "")
    return {"day": day, "state": state, **empty, "note": safe_text(f"left alone: {why}", _NOTE_CHARS)}


def _count(number: int) -> str:
    return f"{number:,}"


def worded_rows(rows: Sequence[Row], say: Say) -> list[Row]:
    """A table for the Prefect UI with its headings and states in a language; notes stay as they are."""
    if say.language == "en":
        return list(rows)
    return [
        {say.plain(name): say.plain(cell) if name == "state" and cell in STATES else cell for name, cell in row.items()}
        for row in rows
    ]


def plan_summary(plan: BackfillPlan, record: BackfillRecord, settings: Settings, language: Language = "en") -> str:
    """The plan in Markdown beside its table: what, with what, how much, until when."""
    request, say = plan.request, say_in(language)
    ways = sorted({literal(f"{settings.prompt}/{day.prompt_version} on {day.model_id}") for day in plan.days})
    lines = [
        say.plain(
            "**{count} of {total} days** from {first} to {last}, mode `{mode}`: {ways}.",
            count=len(plan.days),
            total=len(request.days),
            first=request.start_date,
            last=request.end_date,
            mode=request.mode,
            ways="; ".join(ways) or say.plain("nothing to judge"),
        ),
        say.plain("Reason: {reason}", reason=literal(request.reason)),
    ]
    if plan.days:
        facts = {"usd": say.dollars(plan.cost_usd), "finish": finish(plan, settings.zone, say)}
        expected = say.plain("Expected: **{usd}**, {finish}.", **facts)
        left_out = say.plain("Repeated texts and bad rows cost nothing: their share is that of 5,000 rows.")
        lines.append(f"{expected} {left_out}")
    if plan.cost_usd is None:
        lines.append(say.plain("**The model has no known price: no budget can hold this back.**"))
    if record.days:
        stopped = sum(day.outcome == "stopped" for day in record.days.values())
        done, usd = len(record.days) - stopped, dollars(record.spent_usd)
        lines.append(
            say.plain(
                "It goes on: {done} days are done, {stopped} stopped, {usd} spent so far.",
                done=done,
                stopped=stopped,
                usd=usd,
            )
        )
    return "\n\n".join(lines)


def describe_idle(plan: BackfillPlan) -> str:
    """Why there is nothing to do."""
    why = Counter(reason for _, reason in plan.others)
    reasons = ", ".join(f"{count} {reason}" for reason, count in why.items())
    hint = "; to judge them once more, give another reason" if DONE_BEFORE in why else ""
    return f"nothing to do: of {len(plan.others)} days {reasons}{hint}"


def finish(plan: BackfillPlan, zone: ZoneInfo, say: Say) -> str:
    """When it will be over, as far as earlier nights tell."""
    if plan.finish_at is None:
        return say.plain("an unknown time (no night has been published yet; Bedrock promises none)")
    facts = {"at": moment(plan.finish_at, zone), "seconds": f"{plan.night_s or 0:,.0f}"}
    return say.plain("finished about {at} (nights lately took {seconds} s each)", **facts)


def progress_rows(plan: BackfillPlan, record: BackfillRecord, current: date | None) -> list[Row]:
    """Where every planned day stands, and the totals."""
    rows = [_progress_row(day, record.days, current) for day in plan.days]
    spent = f"{dollars(record.spent_usd)} in all"
    done = sum(row["state"] in ("published", "unchanged") for row in rows)
    return [*rows, {"day": f"{done} of {len(rows)} done", "state": "", "dollars": spent, "note": ""}]


def _progress_row(day: PlannedDay, ended: Mapping[date, DayProgress], current: date | None) -> Row:
    run_date = day.day.run_date
    end = ended.get(run_date)
    if run_date == current:
        return {"day": str(run_date), "state": "running", "dollars": f"{dollars(day.cost_usd)} expected", "note": ""}
    if end is None:
        return {"day": str(run_date), "state": "waiting", "dollars": f"{dollars(day.cost_usd)} expected", "note": ""}
    return {
        "day": str(run_date),
        "state": end.outcome,
        "dollars": dollars(end.cost_usd),
        "note": safe_text(end.note, _NOTE_CHARS),
    }


def describe_endings(plan: BackfillPlan, record: BackfillRecord) -> list[str]:
    """The days that are published and not as they should be, each with the reason."""
    days = [(day.day.run_date, record.days[day.day.run_date]) for day in plan.days]
    endings = [f"{run_date} {day.ending}: {day.note}" for run_date, day in days if day.ending]
    more = [f"and {len(endings) - _NAMED_DAYS} more days"] if len(endings) > _NAMED_DAYS else []
    return endings[:_NAMED_DAYS] + more


def render_table(rows: Sequence[Row]) -> str:
    """Rows in columns for a terminal; numbers stand at the right."""
    names = list(rows[0])
    widths = {name: max(len(name), *(len(row[name]) for row in rows)) for name in names}
    right = {"comments", "to judge", "tokens in", "tokens out", "dollars", "jobs"} & set(names)

    def line(cells: Row) -> str:
        placed = [cells[n].rjust(widths[n]) if n in right else cells[n].ljust(widths[n]) for n in names]
        return "  ".join(placed).rstrip()

    return "\n".join([line({name: name for name in names}), *map(line, rows)])


def describe_changed(changed: Sequence[date]) -> str:
    """That the plan is no longer what was seen."""
    named = ", ".join(map(str, changed[:_NAMED_DAYS])) + (" ..." if len(changed) > _NAMED_DAYS else "")
    return f"The plan has changed since it was shown, on {len(changed)} days ({named}): planned again."


def flips_question(flips: Flips, max_fraction: float, language: Language = "en") -> str:
    """Why a day is held, in Markdown."""
    say = say_in(language)

    def side(of: Provenance) -> dict[str, str]:
        count = f"{of.violation_count:,}"
        return {"prompt": literal(of.prompt), "model": literal(of.model_id), "count": count}

    facts = {"day": flips.run_date, "flips": flips_line(flips, say), "limit": f"{max_fraction:.1%}"}
    return "\n\n".join(
        [
            say.plain("**{day} is not published yet: {flips}.**", **facts),
            say.plain("The limit is {limit} (`MODERATION_MAX_FLIP_FRACTION`).", **facts),
            say.plain("Before: {prompt} on {model}, {count} violations.", **side(flips.before)),
            say.plain("After: {prompt} on {model}, {count} violations.", **side(flips.after)),
            flips_table(flips, language),
            say.plain(
                "What was asked is paid for and kept either way. Readers see the day as it was until you publish it."
            ),
        ]
    )


def flips_line(flips: Flips, say: Say) -> str:
    """The flip report in a line; English says which way and why as well."""
    if say.language == "en":
        return describe_flips(flips)
    facts = {"flipped": f"{flips.flipped_count:,}", "count": f"{flips.compared_count:,}"}
    return say.plain("{flipped} of {count} verdicts changed ({share})", share=f"{flips.flipped_fraction:.1%}", **facts)


def flips_table(flips: Flips, language: Language = "en") -> str:
    """The changes and the languages in Markdown tables."""
    say = say_in(language)
    heads = (say.plain("before"), say.plain("after"), say.plain("comments"))
    lines = [f"| {' | '.join(heads)} |", "|---|---|---|"]
    lines += [f"| {literal(item.before)} | {literal(item.after)} | {item.count:,} |" for item in flips.transitions[:20]]
    heads = (say.plain("language"), say.plain("compared"), say.plain("flipped"))
    lines += ["", f"| {' | '.join(heads)} |", "|---|---|---|"]
    lines += [
        f"| {literal(item.language)} | {item.compared_count:,} | {item.flipped_count:,} |"
        for item in flips.languages[:20]
    ]
    return "\n".join(lines)
