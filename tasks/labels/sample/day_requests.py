"""A day's label requests drawn and published: in a night, and whenever its verdicts become others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import polars as pl
from pydantic import BaseModel, ConfigDict

from data_contracts.tables.label_requests import LABEL_REQUESTS, Purpose, Stratum
from tasks.adapters import Adapters
from tasks.base.frames import read_batches, record_batches, scratch
from tasks.base.paths import RunPaths
from tasks.labels.requests import read_requests
from tasks.labels.sample.draw import COLUMNS, Drawn, draw
from tasks.ledger.sampling import sampling_salt
from tasks.verdicts.plain_objects import send_plain

_BATCH_ROWS = 50_000


class RequestSummary(BaseModel):
    """How many labels are asked for, by stratum.

    Attributes:
        requested: requests of each stratum.
        stratum_sizes: judged comments of each stratum.
        for_two_count: requests that two raters are to answer.
        unjudged_count: comments without a verdict, which nobody is asked about here: `review` lists them.
        is_off: whether the settings ask for no labels; then the day's requests are left as they are.
    """

    model_config = ConfigDict(frozen=True)

    requested: dict[str, int] = {}
    stratum_sizes: dict[str, int] = {}
    for_two_count: int = 0
    unjudged_count: int = 0
    is_off: bool = False


def wanted_of(paths: RunPaths) -> dict[Stratum, int]:
    """How many requests of each stratum the settings ask for."""
    wanted = paths.settings.label_requests
    return {stratum: int(getattr(wanted, stratum.value)) for stratum in Stratum}


def request_rows(drawn: Drawn, before: pl.DataFrame, paths: RunPaths, run_id: str, now: datetime) -> pl.DataFrame:
    """The day's requests as they are published: the sample as it is drawn now, and what others asked for.

    A comment that was asked for before keeps the time when it was.

    Columns: LABEL_REQUESTS.

    Args:
        drawn: the sample.
        before: the day's requests until now.
        paths: of the day.
        run_id: the run whose verdicts it was drawn from.
        now: when it is drawn.
    """
    is_sample = pl.col("purpose") == Purpose.SAMPLE
    known = before.filter(is_sample).select("comment_id", asked_at="requested_at")
    sample = (
        drawn.requests.join(known, on="comment_id", how="left", validate="1:1", maintain_order="left")
        .with_columns(
            date=pl.lit(paths.run_date),
            purpose=pl.lit(Purpose.SAMPLE.value),
            requested_at=pl.col("asked_at").fill_null(pl.lit(now)),
            run_id=pl.lit(run_id),
        )
        .lazy()
    )
    return pl.concat([LABEL_REQUESTS.conform(sample).collect(), before.filter(~is_sample)])


def publish_requests(
    outside: Adapters,
    paths: RunPaths,
    verdicts: Path,
    note: dict[str, str],
    now: datetime,
    guard: Callable[[], None],
    run_id: str | None = None,
) -> RequestSummary:
    """Draw a day's label requests from its verdicts and replace them, in one commit and then the plain object.

    The same verdicts give the same requests, whoever draws them and how often. Labels that were given keep the
    probability that they were asked with, whatever is drawn later. Requests of another purpose are read first and kept:
    whoever adds such to a day must hold it, as a night does.

    Args:
        outside: where.
        paths: of the run that draws.
        verdicts: a local file of the day's verdicts.
        note: of the commit.
        now: when they are drawn.
        guard: raises if the day is no longer ours.
        run_id: the run that made the verdicts, if it is another.

    Raises:
        LeaseLost: as `guard` says.
    """
    wanted = wanted_of(paths)
    if not sum(wanted.values()):
        return RequestSummary(is_off=True)
    salt = sampling_salt(outside.storage, paths.settings)
    pieces = read_batches(verdicts, COLUMNS, _BATCH_ROWS)
    drawn = draw(pieces, paths.run_date, salt, wanted, paths.settings.borderline_confidence)
    rows = request_rows(drawn, read_requests(outside.lake, paths), paths, run_id or paths.run_id, now)
    uri = paths.lake(LABEL_REQUESTS.name)
    with scratch() as folder:
        file = Path(folder) / "requests.parquet"
        rows.write_parquet(file)
        outside.lake.replace_day(uri, LABEL_REQUESTS, paths.run_date, record_batches(file, LABEL_REQUESTS), note, guard)
        send_plain(outside.storage, file, paths.plain(LABEL_REQUESTS.name), guard)
    counts = dict(drawn.requests.group_by("stratum").len().iter_rows())
    return RequestSummary(
        requested={stratum.value: counts.get(stratum.value, 0) for stratum in wanted},
        stratum_sizes={stratum.value: size for stratum, size in drawn.sizes.items()},
        for_two_count=int((drawn.requests["rater_slots"] > 1).sum()),
        unjudged_count=drawn.unjudged_count,
    )
