"""Can last night's verdicts be trusted: yes, no, or cannot tell; why, and what to do. A pure function decides.

The rules, in order. The first level on which a rule holds is the answer, and all rules of that level that hold are its
reasons:

no            the books do not balance; too few comments were judged; labels show more errors than before; the golden
              pack is judged otherwise than before; more of its attacks succeed
cannot tell   nothing came in; labels stopped, did not come, are too few or too new; prompt or model changed after the
              newest labels, and no golden pack spoke; a quality alert is open; the verdicts changed, and no labels of
              that night say whether rightly
yes           labels agree with the verdicts as they used to

Changed inputs, dollars and single failed answers do not make verdicts wrong: they are on the page, not in the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from data_contracts.documents.trust import Answer, Said, Trust
from data_contracts.tables.metrics import MetricRow, ReasonCode, State
from tasks.measure.detect.rules import Group, rule_of
from tasks.measure.metric_history import LABEL_DAYS
from tasks.reports.report_parts import typical


class Change(NamedTuple):
    """The first night of another prompt or model than the night before had."""

    day: date
    what: str  # prompt or model
    old: str
    new: str


class Evidence(BaseModel):
    """What the answer rests on.

    Attributes:
        run_date: the night.
        valid_count: comments that were to be judged.
        verdict_count: rows of its verdicts.
        judged_count: those with a verdict.
        open_count: those without one that a backfill in mode partial asks for again.
        most_failed: share without a verdict from which on a night is not to be trusted.
        rows: how things stand tonight, see `metrics_table.read_standing`.
        changes: of prompt and model, oldest first.
        open_groups: groups of which an alert is open.
    """

    model_config = ConfigDict(frozen=True)

    run_date: date
    valid_count: int
    verdict_count: int
    judged_count: int
    open_count: int = 0
    most_failed: float = 0.05
    rows: tuple[MetricRow, ...] = ()
    changes: tuple[Change, ...] = ()
    open_groups: frozenset[str] = frozenset()

    def row(self, metric: str) -> MetricRow | None:
        """The metric's row of slice `all`."""
        return next((row for row in self.rows if row.metric == metric and row.slice == "all"), None)

    @property
    def lacking_count(self) -> int:
        """Comments without a verdict."""
        return self.verdict_count - self.judged_count

    @property
    def judged_share(self) -> float | None:
        """Share of the verdicts that say something."""
        return self.judged_count / self.verdict_count if self.verdict_count else None

    @property
    def golden_spoke(self) -> bool:
        """Whether the golden pack was judged tonight."""
        row = self.row("golden_accuracy")
        return row is not None and row.date == self.run_date and row.value is not None


def decide(seen: Evidence) -> Trust:
    """The answer by the rules above."""
    for answer, rules in ((Answer.NO, NO), (Answer.CANNOT_TELL, CANNOT_TELL)):
        if reasons := tuple(said for rule in rules if (said := rule(seen)) is not None):
            return Trust(answer=answer, reasons=reasons, **_step(seen, reasons[0])._asdict())
    return Trust(answer=Answer.YES, reasons=tuple(_good(seen)), **_step_if_good(seen)._asdict())


def _numbers(row: MetricRow) -> dict[str, float | int | str | None]:
    """A row's numbers, in the unit that people read."""
    value, baseline = (None if given is None else typical(given, row.metric) for given in (row.value, row.baseline))
    return {
        "metric": row.metric,
        "value": value,
        "baseline": baseline,
        "low": row.ci_low,
        "high": row.ci_high,
        "n": row.n,
        "day": str(row.date),
    }


def _unbalanced(seen: Evidence) -> Said | None:
    if seen.verdict_count == seen.valid_count:
        return None
    return Said(code="unbalanced", facts={"count": seen.verdict_count, "valid": seen.valid_count})


def _incomplete(seen: Evidence) -> Said | None:
    if seen.lacking_count <= seen.most_failed * seen.verdict_count:
        return None
    facts = {"share": seen.judged_share, "lacking": seen.lacking_count, "count": seen.verdict_count}
    return Said(code="incomplete", facts=facts)


def _degraded(metric: str) -> Callable[[Evidence], Said | None]:
    def rule(seen: Evidence) -> Said | None:
        row = seen.row(metric)
        return Said(code=metric, facts=_numbers(row)) if row is not None and row.state is State.DEGRADED else None

    return rule


def _empty(seen: Evidence) -> Said | None:
    return None if seen.verdict_count else Said(code="empty")


def _labels(seen: Evidence) -> Said | None:
    """Why the labels say nothing of last night; None if they say that it is ok, or that it is not."""
    row = seen.row("accuracy")
    if row is None or row.state is State.NO_DATA:
        stopped = row is not None and row.severity is not None
        return Said(code="labels_stopped" if stopped else "no_labels", facts={"days": LABEL_DAYS})
    if row.state in (State.OK, State.DEGRADED):
        return None
    if row.state is State.LEARNING:
        return Said(code="learning", facts=_numbers(row))
    code = "provisional" if row.reason_code == ReasonCode.PROVISIONAL else "few_labels"
    return Said(code=code, facts=_numbers(row))


def _changed(seen: Evidence) -> Said | None:
    row = seen.row("accuracy")
    if row is None or row.state is not State.OK or seen.golden_spoke:
        return None
    after = [change for change in seen.changes if row.date < change.day <= seen.run_date]
    if not after:
        return None
    change = after[-1]
    facts = {"what": change.what, "new": change.new, "change_day": str(change.day), "day": str(row.date)}
    return Said(code="changed", facts=facts)


def _alert_open(seen: Evidence) -> Said | None:
    return Said(code="alert_open") if Group.QUALITY in seen.open_groups else None


def _outputs(seen: Evidence) -> Said | None:
    """The verdicts changed; labels of that very night would say whether rightly."""
    accuracy = seen.row("accuracy")
    if accuracy is not None and accuracy.state is State.OK and accuracy.date == seen.run_date:
        return None
    rows = [row for row in degraded_rows(seen.rows) if rule_of(row.metric).group is Group.OUTPUTS]
    if not rows:
        return None
    row = next((row for row in rows if row.slice == "all"), rows[0])
    return Said(code="outputs", facts=_numbers(row) | {"part": row.slice})


def degraded_rows(rows: Sequence[MetricRow]) -> list[MetricRow]:
    """What is not as it should be, the furthest out first."""
    return sorted((row for row in rows if row.state is State.DEGRADED), key=lambda row: -abs(row.statistic or 0.0))


#: Why verdicts are not to be trusted, the weightiest first.
NO = (_unbalanced, _incomplete, *map(_degraded, ("accuracy", "golden_accuracy", "golden_flip_rate")))
NO = (*NO, _degraded("attack_success_rate"))
#: Why nobody can say, the weightiest first.
CANNOT_TELL = (_empty, _labels, _changed, _alert_open, _outputs)


def _good(seen: Evidence) -> Iterator[Said]:
    row = seen.row("accuracy")
    if row is not None:  # no other way leads here
        yield Said(code="agrees", facts=_numbers(row))
    if seen.lacking_count:
        yield Said(code="lacking", facts={"lacking": seen.lacking_count, "count": seen.verdict_count})
    elif rows := degraded_rows(seen.rows):
        yield Said(code="apart", facts={"metric": rows[0].metric, "count": len({row.metric for row in rows})})


class _Step(NamedTuple):
    step: Said
    command: str | None = None


def _export(day: date) -> str:
    return f"python -m flows labels export --date {day} --output labels-{day}.csv"


def _partial(seen: Evidence) -> _Step:
    day = seen.run_date
    command = f'python -m flows backfill --mode partial --start-date {day} --end-date {day} --reason "missing answers"'
    return _Step(Said(code="ask_again", facts={"lacking": seen.open_count}), command)


def _review(seen: Evidence) -> _Step:
    return _Step(Said(code="review", facts={"lacking": seen.lacking_count}))


def _step(seen: Evidence, reason: Said) -> _Step:
    """What to do about the weightiest reason."""
    match reason.code:
        case "unbalanced":
            return _Step(Said(code="judge_again"), f"python -m flows nightly --run-date {seen.run_date}")
        case "incomplete":
            return _partial(seen) if seen.open_count else _review(seen)
        case "accuracy" | "golden_accuracy" | "golden_flip_rate" | "attack_success_rate":
            return _about_quality(seen, reason)
        case "empty":
            return _Step(Said(code="ask_upstream"))
        case "labels_stopped":
            return _Step(Said(code="ask_labelers"), "python -m flows labels status")
        case "learning" | "provisional":
            return _Step(Said(code="wait"))
        case _:
            return _Step(Said(code="label_first"), _export(seen.run_date))


def _about_quality(seen: Evidence, reason: Said) -> _Step:
    """Set back what changed before it got worse; what changed afterwards is not the cause."""
    row = seen.row(reason.code)
    since = (row.since or row.date) if row else seen.run_date
    if before := [change for change in seen.changes if change.day <= since]:
        return _set_back(before[-1])
    return _Step(Said(code="label"), _export(seen.run_date))


def _set_back(change: Change) -> _Step:
    facts: dict[str, float | int | str | None] = {"old": change.old, "new": change.new, "day": str(change.day)}
    if change.what == "prompt":
        return _Step(
            Said(code="set_prompt_back", facts=facts), f"python -m flows prompts --diff {change.old} {change.new}"
        )
    return _Step(Said(code="set_model_back", facts=facts))


def _step_if_good(seen: Evidence) -> _Step:
    if seen.open_count:
        return _partial(seen)
    if seen.lacking_count:
        return _review(seen)
    return _Step(Said(code="look" if degraded_rows(seen.rows) else "nothing"))
