"""What the stages' facts look like in a log line, on the run's page and on the terminal; never a comment's text."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence

from data_contracts.documents.golden import GoldenNight
from data_contracts.documents.summary import Night, RouteFigures
from data_contracts.documents.trust import Trust
from data_contracts.tables.metrics import MetricRow, ReasonCode, State
from tasks.base.figures import count as tally
from tasks.base.figures import dollars, per_thousand, percent
from tasks.base.safe_text import brief, code, inert, literal
from tasks.reports.report_parts import SOURCES, drift, headline_accuracy
from tasks.reports.words.say import Say, say_in

#: What the terminal and the run's state speak.
_ENGLISH = say_in("en")


def headline(night: Night) -> str:
    """The night in a line, for where many nights stand below each other."""
    books, drifted = night.balance, len(_degraded(night))
    facts = [f"{books.verdict_count:,} verdicts", f"{night.violation_count:,} violations"]
    facts += [f"{books.review_count:,} to review"] if books.review_count else []
    facts += [f"degraded: {drifted}"] if drifted else []
    facts += [f"warnings: {len(night.warnings)}"] if night.warnings else []
    return ", ".join([*facts, dollars(night.cost_usd)])


def _trust_lines(trust: Trust, say: Say) -> list[str]:
    """The report's first screen in lines: the answer with its reasons, what to do, the command."""
    reasons = " ".join(say.reason(said) for said in trust.reasons)
    lines = [f"{say.plain('{answer}.', answer=say.words.answers[trust.answer])} {reasons}"]
    lines += [] if trust.step.code == "nothing" else [f"{say.plain('What to do')}: {say.step(trust.step)}"]
    return [*lines, *([trust.command] if trust.command else [])]


def describe_night(night: Night, language: str = "en") -> str:
    """The night in Markdown, for the run's page: whether it can be trusted, what must be looked at, the figures.

    Only short facts stand in the table: Prefect's page cuts off what is wider than it.
    """
    books, say = night.balance, say_in(language)
    troubles = _drift_lines(night, say)[1:]
    troubles += [say.plain("warning: {what}", what=warning) for warning in night.warnings]
    troubles += [say.plain("alert: {what}", what=line) for line in _alert_lines(night) if line != "none"]
    rows = [
        (say.plain("ingested"), f"{books.ingested_count:,}"),
        (say.plain("valid"), f"{books.valid_count:,}"),
        (say.plain("rejected"), f"{books.rejected_count:,} {_counts(night.rejected)}"),
        (say.plain("verdicts"), f"{books.verdict_count:,} {_counts(night.statuses)}"),
        (say.plain("violations"), f"{night.violation_count:,}"),
        (say.plain("judged as a duplicate"), f"{night.duplicate_count:,}"),
        (say.plain("to review"), f"{books.review_count:,}"),
        (say.plain("accuracy"), _short_accuracy(night, say)),
        (say.plain("drift"), inert(_drift_lines(night, say)[0])),
        *([(say.plain("judge"), literal(_judge_line(night)))] if night.champion else []),
        (say.plain("cost"), _short_cost(night, say)),
    ]
    rows += [
        (say.plain("step {name}", name=route.step), inert(line))
        for route, line in zip(night.routes, _route_lines(night.routes), strict=True)
    ]
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    paths = "\n".join(f"- {name}: {code(uri)}" for name, uri in night.paths.items())
    first = "".join(f"- {literal(brief(trouble, 600))}\n" for trouble in troubles) + "\n" if troubles else ""
    if night.trust is not None:
        answer, *rest = _trust_lines(night.trust, say)
        told = [f"**{literal(say.plain('Can the verdicts of this night be trusted?'))} {literal(answer)}**"]
        told += [code(line) if line == night.trust.command else literal(line) for line in rest]
        first = "\n\n".join(told) + "\n\n" + first
    title, heads = (
        say.plain("Night of {day}", day=night.run_date),
        f"| {say.plain('what')} | {say.plain('the night')} |",
    )
    return f"# {title}\n\n{first}{heads}\n|---|---|\n{table}\n\n{paths}\n"


def _short_cost(night: Night, say: Say) -> str:
    estimate = say.plain("{usd} estimated", usd=say.dollars(night.estimated_cost_usd))
    source = f" {say.plain('from')} {say.plain(SOURCES[night.estimate_source])}" if night.estimate_source else ""
    return f"{say.dollars(night.cost_usd)} ({estimate}{source})"


def _counts(counts: dict[str, int]) -> str:
    return f"({', '.join(f'{name} {count:,}' for name, count in counts.items())})" if counts else ""


def describe_terminal(result: object) -> str:
    """What the command line prints when a flow has ended well: a night within TERMINAL_COLUMNS, paths never cut."""
    if isinstance(result, Night):
        return "\n".join(
            [f"Night of {result.run_date}, published by run {inert(result.run_id)}", *_night_lines(result)]
        )
    return "published already: nothing to do" if result is None else str(result)


#: Width of the terminal summary, and of its first column.
TERMINAL_COLUMNS, _LABEL_COLUMNS = 100, 12
#: Degraded metrics that the terminal names one by one; the report has them all.
_NAMED_METRICS = 10


def _night_lines(night: Night) -> list[str]:
    books = night.balance
    money = {"actual": night.cost_usd, "estimated": night.estimated_cost_usd}
    if books.verdict_count:
        money["per 1,000 comments"] = per_thousand(night.cost_usd, books.verdict_count)
    sections = {
        **({"trust": _trust_lines(night.trust, _ENGLISH)} if night.trust else {}),
        "balance": [
            f"{books.ingested_count:,} ingested = {books.valid_count:,} valid + {books.rejected_count:,} rejected",
            f"{books.verdict_count:,} verdicts for {books.valid_count:,} valid comments",
        ],
        "rejected": [_listed(dict(sorted(night.rejected.items(), key=lambda item: (-item[1], item[0]))))],
        "verdicts": [
            _listed(night.statuses),
            f"{night.violation_count:,} violations, {night.duplicate_count:,} judged as duplicates",
            *([f"{books.review_count:,} without a verdict are on the review list"] if books.review_count else []),
        ],
        "accuracy": [_accuracy_line(night)],
        **({"golden": _golden_lines(night.golden)} if night.golden else {}),
        **({"policy": _route_lines(night.routes)} if night.routes else {}),
        **({"judge": [_judge_line(night)]} if night.champion else {}),
        "drift": _drift_lines(night),
        "dollars": [
            ", ".join(f"{name} {dollars(cost)}" for name, cost in money.items()),
            *([f"of these golden pack {dollars(books.golden_cost_usd)}"] if books.golden_cost_usd != 0 else []),
        ],
        "tokens": [
            f"{books.ledger_input_tokens:,} read, estimated {night.estimated_input_tokens:,}{_from(night)}",
            f"{books.ledger_output_tokens:,} written, estimated {night.estimated_output_tokens:,}",
        ],
        "alerts": _alert_lines(night),
        **({"warnings": [brief(warning, 600) for warning in night.warnings]} if night.warnings else {}),
    }
    lines = [line for label, texts in sections.items() for line in _section(label, texts)]
    lines.append("paths")
    return lines + [f"  {inert(name):<{_LABEL_COLUMNS - 2}}{inert(uri)}" for name, uri in night.paths.items()]


def _judge_line(night: Night) -> str:
    """Which champion judged it, and what that is."""
    return f"{night.champion}: {night.prompt} on {night.model_id}"


def _from(night: Night) -> str:
    return f" from {SOURCES[night.estimate_source]}" if night.estimate_source else ""


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items()) or "none"


def _section(label: str, texts: Sequence[str]) -> list[str]:
    """A label and its texts in two columns, wrapped by what a terminal shows: a wide character takes two places."""
    room = TERMINAL_COLUMNS - _LABEL_COLUMNS
    lines = [line for text in texts for line in _wrap(inert(text), room)]
    return [f"{label if number == 0 else '':<{_LABEL_COLUMNS}}{line}" for number, line in enumerate(lines)]


def _wrap(text: str, room: int) -> list[str]:
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and _columns(lines[-1]) + 1 + _columns(word) > room:
            lines.append("  ")
        elif lines[-1].strip():
            lines[-1] += " "
        for char in word:
            if _columns(lines[-1]) + _columns(char) > room:
                lines.append("  ")
            lines[-1] += char
    return lines


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _accuracy_line(night: Night) -> str:
    row, labels = headline_accuracy(night.metrics)
    if row is None:
        return "unknown: neither sample nor planted labels have come for this day"
    apart = "" if row.slice == "all" else "; no sample labels have come for this day"
    apart += "; provisional, more labels are to come" if row.reason_code == ReasonCode.PROVISIONAL else ""
    return f"{percent(row.value)} (95% interval {_ENGLISH.interval(row)}), n {tally(row.n)} {labels}{apart}"


def _golden_lines(golden: GoldenNight) -> list[str]:
    """What the golden pack showed; the texts stay, so what moves there is the model's or the prompt's doing."""
    attacks = f"{len(golden.succeeded):,} of {golden.attack_count:,} attacks succeeded"
    lines = [f"{golden.right_count:,} of {golden.judged_count:,} as expected, {attacks}"]
    if golden.compared_count:
        lines.append(f"{len(golden.flipped):,} of {golden.compared_count:,} answers are other than when first asked")
    if (change := golden.change) is not None:
        turned = change.became_violation + change.became_none
        lines.append(
            f"changed on {change.after_date} ({change.before_prompt}, {change.before_model_id} before): "
            f"{turned:,} of {change.compared_count:,} verdicts turned, McNemar p {change.violation_p_value:.2g}"
        )
    return lines


def _route_lines(routes: Sequence[RouteFigures]) -> list[str]:
    """What each step of the policy decided, how often its audit disagrees, and what that misses."""
    lines = []
    for route in routes:
        line = f"{route.step} decided {route.decided_count:,} for {dollars(route.cost_usd)}"
        if route.error_rate is not None:
            line += (
                f"; {route.audited_count:,} audited, {percent(route.error_rate)} wrong ({percent(route.ci_low)} to "
                f"{percent(route.ci_high)}), {route.missed_violations:,.0f} violations missed ({route.missed_low:,.0f} "
                f"to {route.missed_high:,.0f})"
            )
        lines.append(line)
    return lines


def _short_accuracy(night: Night, say: Say) -> str:
    row, labels = headline_accuracy(night.metrics)
    if row is None:
        return f"{say.plain('unknown')}: {say.plain('no labels yet')}"
    return f"{percent(row.value)} ({say.interval(row)}), {tally(row.n)} {say.words.labels.get(labels, labels)}"


def _degraded(night: Night) -> list[MetricRow]:
    return [row for row in drift(night.metrics).telling if row.state == State.DEGRADED]


def _drift_lines(night: Night, say: Say = _ENGLISH) -> list[str]:
    telling, silent = drift(night.metrics)
    states = Counter(row.state for row in telling + silent)
    lines = [
        ", ".join(f"{states[state]} {say.plain(state.replace('_', ' '))}" for state in State if states[state])
        or say.plain("nothing measured")
    ]
    degraded = _degraded(night)
    for row in degraded[:_NAMED_METRICS]:
        part = "" if row.slice == "all" else f" {brief(row.slice, 40)}"
        facts = [f"{row.metric}{part} {say.amount(row.value, row)}"]
        if row.baseline is not None:
            facts.append(say.plain("expected {value}", value=say.amount(row.baseline, row)))
        if row.since:
            facts.append(say.plain("since {day}", day=row.since))
        lines.append(say.plain("degraded: {facts}", facts=", ".join(facts)))
    if len(degraded) > _NAMED_METRICS:
        lines.append(say.plain("and {count} more, in the report", count=len(degraded) - _NAMED_METRICS))
    return lines


def _alert_lines(night: Night) -> list[str]:
    lines = [brief(title, 200) for title in night.alerts.get("titles", ())] or ["none"]
    failed = night.alerts.get("failed", ())
    lines += [f"not delivered: {brief(fault, 200)}" for fault in failed]
    return [*lines, brief(night.alerts["note"], 200)] if night.alerts.get("note") else lines
