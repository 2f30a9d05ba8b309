"""The overview written down: in columns for the terminal, as Markdown for Prefect's page, as JSON."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from tasks.base.figures import NONE, count, percent
from tasks.base.safe_text import brief, inert, literal
from tasks.reports.overview.days import Day, DayState, Overview
from tasks.reports.words.say import Say

#: Of the table, in order.
HEADINGS = ("day", "state", "balanced", "judged", "violations", "accuracy", "cost", "alerts", "labels")

#: What stands below the table.
KEY = "judged: of the verdicts; accuracy: with its 95% interval, * more labels are to come; labels: answered of asked"

#: The column of what opens a day on Prefect's page: behind its state, as the page cuts off what is far to the right.
_LINKS_AT = 2


def headings(say: Say) -> list[str]:
    """The table's first line."""
    return [say.plain(heading) for heading in HEADINGS]


def cells(day: Day, say: Say) -> list[str]:
    """One day's line."""
    state = say.words.states[day.state]
    if day.reason:
        state += f": {brief(day.reason, 40)}"
    if day.run_id is None:
        return [str(day.date), state, *[""] * (len(HEADINGS) - 2)]
    rate = f" ({percent(day.violation_count / day.judged_count)})" if day.judged_count and day.violation_count else ""
    return [
        str(day.date),
        state,
        say.plain("yes") if day.is_balanced else say.plain("NO"),
        f"{count(day.judged_count)} / {count(day.verdict_count)}",
        f"{count(day.violation_count)}{rate}",
        _accuracy(day, say),
        say.dollars(day.cost_usd),
        say.plain(", ").join(say.words.groups.get(group, group) for group in day.alerts) or say.plain("none"),
        _labels(day),
    ]


def _accuracy(day: Day, say: Say) -> str:
    if day.accuracy is None:
        return say.plain("no labels")
    text = f"{percent(day.accuracy)} ({say.between(day.accuracy_low, day.accuracy_high)})"
    return f"{text}*" if day.is_provisional else text


def _labels(day: Day) -> str:
    asked = NONE if day.labels_asked is None else count(day.labels_asked)
    return f"{count(day.labels_answered)} / {asked}"


def summary_lines(overview: Overview, say: Say) -> list[str]:
    """What stands above the table: whether the newest night can be trusted, what to do, what is open."""
    lines = []
    if overview.trust is not None:
        answer = say.words.answers[overview.trust.answer]
        question = say.plain("Can the verdicts of {day} be trusted?", day=overview.trust_day)
        reasons = " ".join(map(say.reason, overview.trust.reasons[:2]))
        lines.append(f"{question} {say.plain('{answer}.', answer=answer)} {reasons}")
        lines.append(f"{say.plain('What to do')}: {say.step(overview.trust.step)}")
        lines += [f"  {overview.trust.command}"] if overview.trust.command else []
    if overview.champion is not None:
        champion = {"number": overview.champion.number, "day": overview.champion.since.date()}
        lines.append(
            say.plain("{day} was judged by:", day=overview.trust_day)
            + " "
            + say.plain("champion {number} since {day}", **champion)
        )
    published = [day for day in overview.days if day.run_id is not None]
    named = [
        say.words.groups.get(alert.group, alert.group)
        + (f" ({say.plain('since {day}', day=alert.since)})" if alert.since else "")
        for alert in overview.open_alerts
    ]
    lines.append(f"{say.plain('Open alerts')}: {say.plain(', ').join(named) or say.plain('none')}")
    asked = [day.labels_asked for day in published if day.labels_asked is not None]
    answered = sum(day.labels_answered or 0 for day in published)
    facts = {"answered": count(answered), "asked": count(sum(asked)) if asked else NONE}
    lines.append(say.plain("Labels of these days: {answered} answered, {asked} asked", **facts))
    return lines


def terminal_lines(overview: Overview, say: Say) -> list[str]:
    """The overview in columns; wide characters take two places."""
    table = [headings(say), *(cells(day, say) for day in overview.days)]
    safe = [[inert(cell) for cell in row] for row in table]
    widths = [max(_columns(row[column]) for row in safe) for column in range(len(HEADINGS))]
    return [
        *map(inert, summary_lines(overview, say)),
        "",
        *("  ".join(padded(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in safe),
        "",
        say.plain(KEY),
    ]


def padded(cell: str, width: int) -> str:
    """A cell filled up to the columns that a terminal shows; a wide character takes two."""
    return cell + " " * (width - _columns(cell))


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def markdown(overview: Overview, say: Say, links: Sequence[Sequence[str]] = ()) -> str:
    """The overview as a page of the Prefect UI.

    Args:
        overview: what it shows.
        say: the language.
        links: for each day, in order, the Markdown of what opens it; none for a page without links.
    """
    names = headings(say)
    if links:
        names.insert(_LINKS_AT, say.plain("open"))
    lines = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    for place, day in enumerate(overview.days):
        row = [literal(cell) for cell in cells(day, say)]
        if day.state not in (DayState.PUBLISHED, DayState.NOT_PUBLISHED):
            row[1] = f"**{row[1]}**"
        if links:
            row.insert(_LINKS_AT, ", ".join(links[place]))
        lines.append(f"| {' | '.join(row)} |")
    title = say.plain("The last 28 days")
    above = [f"- {literal(line)}" for line in summary_lines(overview, say)]
    return "\n".join([f"# {title}", "", *above, "", *lines, "", literal(say.plain(KEY)), ""])
