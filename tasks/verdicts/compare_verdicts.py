"""Before publishing: what the new verdicts change about a day that was published before, for people to see.

The two days are joined by ranges of a hash of the comment id, so that a day of any size needs the memory of one range.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import polars as pl

from data_contracts.documents.plan import Plan
from data_contracts.tables.flips import FLIPS
from data_contracts.tables.verdicts import VERDICTS
from tasks.adapters.lake import reading_lake
from tasks.base.frames import scan_file, scratch
from tasks.base.settings import Settings
from tasks.base.stage import stage
from tasks.ledger.run import Run
from tasks.verdicts.day_flips import published_verdicts, ranges, write_flips
from tasks.verdicts.flips import COLUMNS, Flips, Provenance, count_changes, summarise_flips


def changes_by_range(before: pl.LazyFrame, after: pl.LazyFrame, row_count: int) -> Iterator[pl.DataFrame]:
    """`count_changes` of one range of comments after another; `row_count` is that of the longer side."""
    for in_range in ranges(row_count):
        yield count_changes(before.filter(in_range), after.filter(in_range)).collect(engine="streaming")


class Side(NamedTuple):
    """A day's verdicts, before or after: where they come from (None if there are none), and how many they are."""

    provenance: Provenance | None
    row_count: int


def read_side(verdicts: pl.LazyFrame) -> Side:
    """Read where a day's verdicts come from, and count them.

    Columns: VERDICTS; all rows of a published day are of one run.
    """
    firsts = ("run_id", "model_id", "prompt_name", "prompt_version")
    row = (
        verdicts.select(*(pl.col(name).first() for name in firsts), violations=pl.col("violation").sum(), rows=pl.len())
        .collect(engine="streaming")
        .row(0, named=True)
    )
    if not row["rows"]:
        return Side(None, 0)
    prompt = f"{row['prompt_name']}/{row['prompt_version']}"
    provenance = Provenance(
        run_id=row["run_id"], model_id=row["model_id"], prompt=prompt, violation_count=row["violations"] or 0
    )
    return Side(provenance, row["rows"])


@stage
@reading_lake()
def compare_verdicts(settings: Settings, plan: Plan) -> Flips | None:
    """Write what the night changes about a day that has verdicts already; None for a day that has none. A rerun
    overwrites it.

    Reads: work/verdicts, lake/verdicts, lake/nights.
    Writes: work/flips; flips.json, if the day was published before.
    Stops when: a backfill would flip too many verdicts (FlipsHeld).
    """
    run = Run.of(settings, plan)
    with scratch() as temporary:
        old, new, rows = (Path(temporary) / f"{name}.parquet" for name in ("before", "after", "flips"))
        published = published_verdicts(run.outside, run.paths)
        published.select(*COLUMNS, "run_id", "prompt_name", "prompt_version").sink_parquet(old)
        before = read_side(scan_file(old))
        if before.provenance is None:
            FLIPS.empty().write_parquet(rows)
            run.storage.send(rows, run.paths.work(FLIPS.name))
            return None
        run.storage.fetch(run.paths.work(VERDICTS.name), new)
        after = read_side(scan_file(new))
        nobody = Provenance(run_id=plan.run_id, model_id="", prompt="", violation_count=0)
        counts = (before.row_count, after.row_count)
        sides = (scan_file(old), scan_file(new))
        changes = changes_by_range(*sides, max(counts))
        flips = summarise_flips(plan.run_date, (before.provenance, after.provenance or nobody), counts, changes)
        write_flips(*sides, max(counts), plan.run_date, rows)
        run.storage.send(rows, run.paths.work(FLIPS.name))
    run.storage.put(run.paths.file("flips.json"), flips.model_dump_json(indent=1).encode())
    return flips
