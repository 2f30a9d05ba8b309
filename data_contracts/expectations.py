"""The Great Expectations suites, derived from the contracts that the row rules keep to, and how they are run.

Two suites: `rows` over every ingested row (or a sample of them), `profile` over the day's numbers. A rule stands in one
of them: what a single row can break is expected of the rows, except for what is critical or has a number of its own in
the profile. Great Expectations and pandas are imported when a suite is run and nowhere else: they take seconds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Literal, NamedTuple

import polars as pl

from data_contracts.tables.checked_rows import ID_COLUMNS, LANGUAGES, OTHER, ROW_REASONS, flag, presence
from data_contracts.tables.comments import Reason
from data_contracts.tolerances import Tolerances

#: Row rules whose share of the whole day is in the profile, exactly and never sampled.
_IN_PROFILE = (Reason.NULL_TEXT, Reason.BLANK_TEXT)
#: Counts of rows, yes or no of the one profile, and nothing else: an unexpected value would be a customer's.
_RESULT_FORMATS: dict[str, dict[Any, Any]] = {
    "rows": {"result_format": "SUMMARY", "partial_unexpected_count": 0, "include_unexpected_rows": False},
    "profile": {"result_format": "BOOLEAN_ONLY"},
}
#: Great Expectations keeps its project in a global of the process.
_ONE_AT_A_TIME = threading.Lock()


class CheckSeverity(StrEnum):
    """What a failure does; Great Expectations knows the same words."""

    #: the night stops before money is spent
    CRITICAL = "critical"
    #: the night goes on, and says so
    WARNING = "warning"


SuiteName = Literal["rows", "profile"]


class RowCounts(NamedTuple):
    """What Great Expectations says of one check and one batch: how many, and never which.

    Attributes:
        name: the check's.
        counted: values that it looked at.
        unexpected_count: those that are not as they should be.
        expectation: type and arguments, in Great Expectations' words.
    """

    name: str
    counted: int
    unexpected_count: int
    expectation: dict[str, Any]


#: How a suite's checks are counted in batches of rows, see `counts_by_check`.
RunSuite = Callable[[SuiteName, Sequence["Check"], Iterable[pl.DataFrame]], list[RowCounts]]


@dataclass(frozen=True)
class Check:
    """An expectation before Great Expectations is loaded.

    Attributes:
        name: its name in results, docs and errors, unique within its suite.
        tolerance: the field of Tolerances that sets its limit, and says why.
        severity: what its failure does.
        column: the column of CHECKED_ROWS or PROFILE that it looks at; by default the one of its name.
        low: smallest legal value.
        high: largest legal value.
        value: the only legal value, of a flag. Without any of the three the column may not be null.
        max_share: the share of rows that may break it.
        min_rows: it is asked only of days with so many rows.
    """

    name: str
    tolerance: str
    severity: CheckSeverity = CheckSeverity.WARNING
    column: str = ""
    low: float | None = None
    high: float | None = None
    value: bool | None = None
    max_share: float = 0.0
    min_rows: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "column", self.column or self.name)

    @property
    def reason(self) -> str:
        """Why its limit is what it is."""
        return str(Tolerances.model_fields[self.tolerance].description)


def row_checks(tolerances: Tolerances, row_count: int) -> list[Check]:
    """What is expected of each row of CHECKED_ROWS: each row rule, each column that may not be null, the rating."""
    share = _at_most(tolerances.max_fault_share, tolerances, row_count)
    low, high = tolerances.lowest_rating, tolerances.highest_rating
    checks = [
        *(
            Check(str(reason), "max_fault_share", column=flag(reason), value=False)
            for reason in ROW_REASONS
            if reason not in _IN_PROFILE
        ),
        *(Check(presence(name), "max_fault_share", value=True) for name in ID_COLUMNS),
        Check("has_posted_at", "max_fault_share", column="posted_at"),
        Check("rating_on_scale", "max_fault_share", column="rating", low=low, high=high),
    ]
    return [replace(check, max_share=share) for check in checks]


def profile_checks(tolerances: Tolerances, row_count: int, id_count: int) -> list[Check]:
    """What is expected of PROFILE; the critical ones first.

    Args:
        row_count: rows of the day.
        id_count: those that have an id.
    """
    t, critical = tolerances, CheckSeverity.CRITICAL
    # The same division as in the profile, so that few_rows of few ids is exactly its limit.
    unique = min(t.min_id_unique_share, max(id_count - t.few_rows, 0) / id_count) if id_count else t.min_id_unique_share
    null, blank = (_at_most(share, t, row_count) for share in (t.max_null_text_share, t.max_fault_share))
    most, margin = t.max_row_count_factor, t.max_rating_mean_margin
    length, change = t.max_text_length_factor, t.max_language_change
    of_every_day = [
        # An empty day is a legal day: it is not judged here, and unusual below.
        Check("row_count", "min_row_count_ratio", critical, "row_count_ratio", low=t.min_row_count_ratio, min_rows=1),
        Check("null_text_share", "max_null_text_share", critical, high=null),
        Check("id_unique_share", "min_id_unique_share", critical, low=unique),
        Check("usual_row_count", "max_row_count_factor", column="row_count_ratio", low=1 / most, high=most),
        Check("blank_text_share", "max_fault_share", high=blank),
    ]
    of_days_with_many_rows = [
        Check("char_count_mean", "max_mean_chars", high=t.max_mean_chars),
        Check("char_count_p50", "min_median_chars", low=t.min_median_chars),
        Check("char_count_p99", "min_p99_chars", low=t.min_p99_chars),
        Check("text_length_ratio", "max_text_length_factor", low=1 / length, high=length),
        *(
            Check(f"language_{name}_change", "max_language_change", low=-change, high=change)
            for name in (*LANGUAGES, OTHER)
        ),
        Check("rating_mean", "max_rating_mean_margin", low=t.lowest_rating + margin, high=t.highest_rating - margin),
        Check("rating_null_share", "max_null_rating_share", high=t.max_null_rating_share),
        Check("freshness_h", "max_silent_h", high=t.max_silent_h),
    ]
    return of_every_day + [replace(check, min_rows=t.min_rows) for check in of_days_with_many_rows]


def _at_most(share: float, tolerances: Tolerances, row_count: int) -> float:
    """The share that may break a rule: of a small day, that of a few rows."""
    return max(share, min(tolerances.few_rows / row_count, 1.0)) if row_count else share


def counts_by_check(suite: SuiteName, checks: Sequence[Check], batches: Iterable[pl.DataFrame]) -> list[RowCounts]:
    """What Great Expectations counts for each check in each batch.

    Only columns that a check names go there: numbers, times and flags.

    Raises:
        RuntimeError: if a check could not be evaluated: a defect of ours, and no statement about the day.
    """
    columns = sorted({check.column for check in checks})
    counts: list[RowCounts] = []
    with _ONE_AT_A_TIME:
        day = None
        for batch in batches:
            day = day or _Day(suite, checks)
            counts += map(_counts, day.validate(batch.select(columns)))
    return counts


def _counts(result: Any) -> RowCounts:
    """An expectation that raised counts nothing, and Great Expectations calls it failed: it is told apart here."""
    name, counts = result.expectation_config.meta["name"], result.result
    if result.exception_info.get("raised_exception", True):
        raise RuntimeError(f"expectation {name} could not be evaluated: {result.exception_info}")
    config = result.expectation_config.to_json_dict()
    kwargs = {key: value for key, value in config["kwargs"].items() if key != "batch_id"}
    return RowCounts(
        name,
        # A column that may not be null counts its nulls as unexpected, any other as missing.
        counts.get("element_count", 1) - counts.get("missing_count", 0),
        counts.get("unexpected_count", int(not result.success)),
        {"type": config["type"], "kwargs": kwargs},
    )


class _Day:
    """A suite in a context of its own, in memory: nothing is stored, sent or shown.

    Batches are validated without a checkpoint: what that adds is comparing and storing its parts, a third of the time.
    """

    def __init__(self, suite: SuiteName, checks: Sequence[Check]) -> None:
        import great_expectations as gx
        from great_expectations.data_context.types import base

        config = base.DataContextConfig(
            store_backend_defaults=base.InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
            progress_bars=base.ProgressBarsConfig(globally=False),
            analytics_enabled=False,
        )
        context = gx.get_context(mode="ephemeral", project_config=config)
        asset = context.data_sources.add_pandas("day").add_dataframe_asset(suite)
        self._whole = asset.add_batch_definition_whole_dataframe("all")
        self._suite = gx.ExpectationSuite(suite, expectations=[_expectation(check) for check in checks])
        self._result_format: Any = _RESULT_FORMATS[suite]

    def validate(self, batch: pl.DataFrame) -> list[Any]:
        whole = self._whole.get_batch(batch_parameters={"dataframe": batch.to_pandas()})
        return whole.validate(self._suite, result_format=self._result_format).results


def _expectation(check: Check) -> Any:
    import great_expectations.expectations as gxe

    given: dict[str, Any] = {
        "column": check.column,
        "severity": str(check.severity),
        "mostly": 1 - check.max_share,
        "notes": check.reason,
        "meta": {"name": check.name},
    }
    if check.value is not None:
        return gxe.ExpectColumnValuesToBeInSet(value_set=[check.value], **given)
    if check.low is None and check.high is None:
        return gxe.ExpectColumnValuesToNotBeNull(**given)
    return gxe.ExpectColumnValuesToBeBetween(min_value=check.low, max_value=check.high, **given)
