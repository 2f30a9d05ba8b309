"""What is kept of a day's labels, so that later nights can put it together with theirs: counts alone, no comment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import polars as pl
from pydantic import BaseModel, ConfigDict

from data_contracts.tables.labels import LabelSource
from tasks.labels.pooled.figures import CELLS
from tasks.labels.quality import cells_of, with_weights
from tasks.labels.truth import Settled


class LabelledCell(BaseModel):
    """The sample labels of one stratum and verdict, see `intervals.Cell`."""

    model_config = ConfigDict(frozen=True)

    stratum: str
    flagged: bool
    size: float
    true_share: float
    n: int
    effective_n: float
    is_weighted: bool


def day_cells(settled: Settled) -> tuple[LabelledCell, ...]:
    """The sample of a day by stratum and verdict; empty without sample labels."""
    sample = settled.comments.filter(pl.col("source") == LabelSource.SAMPLE)
    is_weighted = sample["inclusion_probability"].null_count() == 0
    cells = sorted(cells_of(with_weights(sample))) if len(sample) else ()
    return tuple(LabelledCell(**cell._asdict(), is_weighted=is_weighted) for cell in cells)


def cells_frame(days: Mapping[date, tuple[LabelledCell, ...]]) -> pl.DataFrame:
    """The cells of some days as one frame; columns: CELLS."""
    rows = [{"date": day, **cell.model_dump()} for day, cells in days.items() for cell in cells]
    return pl.DataFrame(rows, schema=CELLS)
