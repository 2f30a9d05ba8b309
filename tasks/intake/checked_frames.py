"""A run's frames of checked rows: `checked` without text, `valid`, `rejected`; written again, they are the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
from pydantic import BaseModel, ConfigDict

from data_contracts.documents.plan import Plan
from data_contracts.tables.checked_rows import CHECKED_ROWS
from data_contracts.tables.comments import Reason
from tasks.adapters.storage import Storage
from tasks.base.errors import TooManyRejected, WrongTimeZone
from tasks.base.frames import lay_by_range, scan_file, scratch
from tasks.base.paths import RunPaths
from tasks.intake.expectations.day_profile import row_facts
from tasks.intake.footers import fetch_inputs
from tasks.intake.other_zone import OtherDay, find_other_day
from tasks.intake.row_rules import check_rows, day_bounds, rejected_rows, row_rules, split_records, with_normal


class ValidationSummary(BaseModel):
    """What became of the ingested rows."""

    model_config = ConfigDict(frozen=True)

    ingested_count: int
    valid_count: int
    rejected_counts: dict[str, int]

    @property
    def rejected_count(self) -> int:
        """Rows that broke the contract."""
        return sum(self.rejected_counts.values())


def check_rejection_rate(
    summary: ValidationSummary, max_rejected_fraction: float, find_cause: Callable[[], OtherDay | None] = lambda: None
) -> None:
    """Check that few enough rows were rejected.

    Args:
        summary: what became of the rows.
        max_rejected_fraction: most that may be rejected.
        find_cause: asked only if there were too many: the day by which the rows outside it were cut.

    Raises:
        WrongTimeZone: if that is it; raising the limit would drop a part of each day.
        TooManyRejected: with the counts by reason.
    """
    # What was erased on request says nothing of the input.
    broken_count = summary.rejected_count - summary.rejected_counts.get(Reason.ERASED, 0)
    # Divided, not multiplied: 29 of 100 is 0.29, but 0.29 times 100 is a little less than 29.
    if summary.ingested_count and broken_count / summary.ingested_count > max_rejected_fraction:
        counts = ", ".join(f"{reason} {count}" for reason, count in sorted(summary.rejected_counts.items()))
        tally = f"{broken_count} of {summary.ingested_count} rows rejected ({counts})"
        if (other := find_cause()) is not None:
            raise WrongTimeZone(
                f"{tally}, but {other.found_count} of the {other.outside_count} outside the day lie in the day by "
                f"{other.name}: if upstream cuts its folders by that, set MODERATION_TIMEZONE to "
                f"{other.zone or 'a zone of it'}; nothing was sent to Bedrock"
            )
        raise TooManyRejected(
            f"{tally}, more than MODERATION_MAX_REJECTED_FRACTION={max_rejected_fraction}: nothing was sent to Bedrock"
        )


def _count(path: Path, by: str | None = None) -> dict[str, int]:
    frame = scan_file(path)
    if by is None:
        return {"all": frame.select(pl.len()).collect().item()}
    return dict(frame.group_by(by).len().collect().iter_rows())


def write_checked_frames(storage: Storage, paths: RunPaths, plan: Plan) -> ValidationSummary:
    """Check every planned row and write the three frames below the run's `work/`.

    Raises:
        InputChanged: if an object was replaced or deleted since it was planned.
        WrongTimeZone, TooManyRejected: as `check_rejection_rate` says; then no frame is written.
    """
    day = day_bounds(plan.run_date, paths.settings.zone)
    with scratch() as folder:
        names = ("rows", "checked", "valid", "rejected")
        checked, without_text, valid, rejected = (Path(folder) / f"{name}.parquet" for name in names)
        comments = fetch_inputs(storage, plan.inputs, Path(folder))
        facts = row_facts(row_rules(day, paths.settings.max_text_chars))
        # The facts first: both need the same costly expressions, and neighbouring columns share them.
        comments = with_normal(comments).with_columns(**facts)
        erased = frozenset(Path(item.uri).stem for item in storage.list(paths.erasures))
        check_rows(comments, plan.run_date, day, paths.settings.max_text_chars, erased).sink_parquet(checked)
        is_kept = pl.col("reason").ne_missing(Reason.ERASED.value)
        CHECKED_ROWS.conform(scan_file(checked).filter(is_kept)).sink_parquet(without_text)
        split = split_records(scan_file(checked))
        # One after the other: two sinks of one query share a cache that holds the whole night.
        as_ingested = Path(folder) / "as-ingested.parquet"
        split.valid.drop("reason", *facts).sink_parquet(as_ingested)
        valid_count = _count(as_ingested)["all"]
        lay_by_range(as_ingested, valid, valid_count, Path(folder))
        rejected_rows(split.rejected, plan.run_date, plan.run_id).sink_parquet(rejected)
        summary = ValidationSummary(
            ingested_count=plan.row_count, valid_count=valid_count, rejected_counts=_count(rejected, "reason")
        )
        limit = paths.settings.max_rejected_fraction
        check_rejection_rate(summary, limit, lambda: find_other_day(scan_file(checked), plan.run_date, limit))
        storage.send(without_text, paths.work("checked"))
        storage.send(valid, paths.work("valid"))
        storage.send(rejected, paths.work("rejected"))
    return summary
