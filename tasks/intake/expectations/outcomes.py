"""What came of each expectation of a day, from what Great Expectations counted: numbers, never a value of a row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from data_contracts.expectations import Check, CheckSeverity, RowCounts, SuiteName
from data_contracts.tables.checked_rows import CHECKED_ROWS, PROFILE
from data_contracts.tolerances import Tolerances
from tasks.base.errors import CriticalExpectationFailed
from tasks.base.figures import NONE, percent

_UNITS = {column.name: column.unit for column in (*CHECKED_ROWS, *PROFILE)}


class OutcomeState(StrEnum):
    """What an expectation says about the day."""

    OK = "ok"
    FAILED = "failed"
    #: too few rows, no value, or nothing to compare with
    NOT_JUDGED = "not_judged"


class Outcome(BaseModel):
    """An expectation and what came of it."""

    model_config = ConfigDict(frozen=True)

    suite: SuiteName
    name: str
    column: str
    severity: CheckSeverity
    state: OutcomeState
    #: of the profile the number itself, of the rows the share that is not as expected; None if there is none
    observed: float | None
    low: float | None
    high: float | None
    value: bool | None
    #: the share of rows that may be otherwise
    max_share: float
    #: asked only of days with so many rows
    min_rows: int
    counted: int
    unexpected_count: int
    #: why the limit is what it is
    reason: str
    #: type and arguments in Great Expectations' words; empty when it was not asked
    expectation: dict[str, Any]

    @property
    def seen(self) -> str:
        """What was observed, in words."""
        if self.suite == "profile" or self.observed is None:
            return told(self.observed, _UNITS[self.column])
        if not self.unexpected_count:
            return f"all {self.counted:,}"
        return f"all but {self.unexpected_count:,} of {self.counted:,} ({percent(self.observed)})"

    @property
    def expected(self) -> str:
        """What was expected, in words."""
        unit = _UNITS[self.column]
        match self.low, self.high, self.value:
            case None, None, None:
                told_range = "not null"
            case None, None, bool(value):
                told_range = str(value).lower()
            case low, None, _:
                told_range = f"at least {told(low, unit)}"
            case None, high, _:
                told_range = f"at most {told(high, unit)}"
            case low, high, _:
                told_range = f"{told(low, unit).removesuffix(' times').removesuffix(' points')} to {told(high, unit)}"
        return (
            told_range if self.suite == "profile" else f"{told_range} in all but {percent(self.max_share)} of the rows"
        )


def told(value: float | None, unit: str | None) -> str:
    """A number of the profile for people."""
    if value is None:
        return NONE
    match unit:
        case "fraction":
            return percent(value)
        case "points":
            return f"{100 * value:+.1f} points"
        case "ratio":
            return f"{value:.2f} times"
        case "hour":
            return f"{value:.1f} h"
        case "row" | "day":
            return f"{value:,.0f}"
        case _:
            return f"{value:,.1f}".removesuffix(".0")


def askable(checks: Iterable[Check], profile: Mapping[str, float | None]) -> list[Check]:
    """The checks of a profile that the day has a number and enough rows for."""
    row_count = profile["row_count"] or 0
    return [check for check in checks if row_count >= check.min_rows and profile[check.column] is not None]


def outcomes(
    suite: SuiteName,
    checks: Sequence[Check],
    counts: Iterable[RowCounts],
    values: Mapping[str, float | None] | None = None,
) -> list[Outcome]:
    """One outcome a check, in order; the counts of a check in several batches add up.

    Great Expectations judges each batch; what may break an expectation is a share of all of them.

    Args:
        values: of the profile, by column; of the rows what is observed is a share.
    """
    counts_of: dict[str, list[RowCounts]] = {check.name: [] for check in checks}
    for item in counts:
        counts_of[item.name].append(item)
    return [_outcome(suite, check, counts_of[check.name], values) for check in checks]


def _outcome(
    suite: SuiteName, check: Check, counts: Sequence[RowCounts], values: Mapping[str, float | None] | None
) -> Outcome:
    counted, unexpected = sum(item.counted for item in counts), sum(item.unexpected_count for item in counts)
    share = unexpected / counted if counted else None
    return Outcome(
        suite=suite,
        name=check.name,
        column=check.column,
        severity=check.severity,
        state=OutcomeState.NOT_JUDGED
        if share is None
        else OutcomeState.OK
        if share <= check.max_share
        else OutcomeState.FAILED,
        observed=values[check.column] if values is not None else share,
        low=check.low,
        high=check.high,
        value=check.value,
        max_share=check.max_share,
        min_rows=check.min_rows,
        counted=counted,
        unexpected_count=unexpected,
        reason=check.reason,
        expectation=counts[0].expectation if counts else {},
    )


def failed(results: Iterable[Outcome], severity: CheckSeverity) -> dict[str, str]:
    """The failed expectations of a severity: by name, what was observed and what was expected."""
    return {
        item.name: f"{item.seen}, expected {item.expected}"
        for item in results
        if item.state is OutcomeState.FAILED and item.severity is severity
    }


def stop_if_critical(results: Iterable[Outcome], docs: str) -> None:
    """Raises CriticalExpectationFailed if a critical expectation failed.

    Args:
        docs: where the whole result is to be read.

    Raises:
        CriticalExpectationFailed: naming each with what was observed and expected.
    """
    if critical := failed(results, CheckSeverity.CRITICAL):
        facts = "; ".join(f"{name} is {fact}" for name, fact in critical.items())
        raise CriticalExpectationFailed(f"{facts}: nothing was sent to Bedrock; see {docs}")


class ExpectationReport(BaseModel):
    """Everything that is known of the day's expectations, as it is stored in expectations.json."""

    model_config = ConfigDict(frozen=True)

    run_date: date
    run_id: str
    great_expectations_version: str
    row_count: int
    checked_count: int
    profile: dict[str, float | None]
    outcomes: tuple[Outcome, ...]
    tolerances: Tolerances
