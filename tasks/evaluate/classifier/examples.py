"""What a classifier learns from: labelled comments, and judged ones, with their texts, while the training runs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from pathlib import Path

import polars as pl

from data_contracts.tables.labels import LabelSource
from data_contracts.tables.verdicts import VERDICTS, DecidedBy, DecidingStep, Status
from tasks.adapters import Adapters
from tasks.base.frames import scratch
from tasks.base.paths import DayPaths, lake
from tasks.base.settings import Settings
from tasks.evaluate.sets.clusters import cluster_texts
from tasks.labels.comment_texts import read_texts
from tasks.labels.label_files import list_labels, read_labels
from tasks.labels.truth import Settled, settle

#: Most judged comments that it learns from, by what the model said of them.
MOST_FLAGGED, MOST_CLEAR = 15_000, 30_000
#: Most labelled comments; the newest count.
MOST_LABELLED = 50_000
_SHA256_SPACE = 16**8
_ROW = ("comment_id", "date", "violation", "category", "is_label", "is_sample", "weight")


def read_examples(
    outside: Adapters, settings: Settings, days: Sequence[date], prompt_hashes: Collection[str]
) -> pl.DataFrame:
    """Labelled and judged comments of some days, each text once.

    A label goes before the verdict of the same comment. The classifier's own verdicts are no examples, or it would
    learn from itself; its audits are, each for the comments that it stands for.

    Columns: comment_id, date, violation, category, is_label, is_sample, weight, text, cluster.

    Args:
        outside: the stores.
        settings: name the roots.
        days: any days, in order.
        prompt_hashes: of the guideline, as models are told it; verdicts under another one are left out.
    """
    is_ours = pl.col("prompt_sha256").is_in(list(prompt_hashes)) & (pl.col("status") == Status.JUDGED)
    verdicts = outside.lake.scan(lake(settings, VERDICTS.name), VERDICTS).filter(
        pl.col("date").is_between(days[0], days[-1]), is_ours
    )
    labelled = pl.concat([_NOTHING, *(_labelled(outside, DayPaths(settings, day), verdicts) for day in days)])
    labelled = labelled.tail(MOST_LABELLED)
    told = verdicts.filter(pl.col("decided_by") == DecidedBy.MODEL).with_columns(
        base=pl.when((pl.col("step") == DecidingStep.CLASSIFIER) & pl.col("is_audit"))
        .then(1 / pl.col("inclusion_probability"))
        .otherwise(1.0)
    )
    drawn = pl.concat([_drawn(told, way, most) for way, most in ((True, MOST_FLAGGED), (False, MOST_CLEAR))])
    judged = drawn.join(labelled, on=["date", "comment_id"], how="anti").select(*_NOTHING.columns)
    pool = pl.concat([labelled, judged])
    totals = told.group_by(flagged="violation").agg(total=pl.col("base").sum()).collect(engine="streaming")
    pool = (
        pool.join(totals, on="flagged", how="left")
        .with_columns(weight=pl.col("base") * pl.col("total").fill_null(0) / pl.col("base").sum().over("flagged"))
        .select(_ROW)
    )
    return _with_texts(outside, settings, pool.filter(pl.col("weight") > 0))


_NOTHING = pl.DataFrame(
    schema={
        "comment_id": pl.String,
        "date": pl.Date,
        "violation": pl.Boolean,
        "category": pl.String,
        "is_label": pl.Boolean,
        "is_sample": pl.Boolean,
        "flagged": pl.Boolean,
        "base": pl.Float64,
    }
)


def _labelled(outside: Adapters, paths: DayPaths, verdicts: pl.LazyFrame) -> pl.DataFrame:
    """The day's labelled comments; one that was drawn and overturned as well counts as drawn."""
    with scratch() as folder:
        files = read_labels(outside.storage, list_labels(outside.storage, paths).read, paths.labels, Path(folder))
    if files.labels.is_empty():
        return _NOTHING
    settled: Settled = settle(files.labels, verdicts.filter(pl.col("date") == paths.run_date), files.lost_count)
    is_sample = pl.col("source") == LabelSource.SAMPLE
    return (
        settled.comments.with_columns(is_sample=is_sample)
        .sort("is_sample", "comment_id", descending=[True, False])
        .unique("comment_id", keep="first", maintain_order=True)
        .select(
            "comment_id",
            date=pl.lit(paths.run_date),
            violation="truth",
            category="true_category",
            is_label=pl.lit(value=True),
            is_sample="is_sample",
            flagged="flagged",
            base=pl.lit(1.0),
        )
        .with_columns(pl.col("category").fill_null("none"))
    )


def _drawn(told: pl.LazyFrame, way: bool, most: int) -> pl.DataFrame:
    """Some of the comments that the model flagged or cleared, each text once: by the texts' hashes, so evenly."""
    some = told.filter(pl.col("violation") == way)
    count = some.select(pl.len()).collect(engine="streaming").item()
    # Twice as many as are wanted are let through, so that a year of nights is never sorted.
    below = min(_SHA256_SPACE - 1, 2 * most * _SHA256_SPACE // max(count, 1))
    return (
        some.filter(pl.col("text_sha256").str.slice(0, 8) <= f"{below:08x}")
        .select("comment_id", "date", "violation", "category", "text_sha256", "base")
        .collect(engine="streaming")
        .sort("text_sha256", "date", "comment_id")
        .unique("text_sha256", keep="first", maintain_order=True)
        .head(most)
        .with_columns(is_label=pl.lit(value=False), is_sample=pl.lit(value=False), flagged="violation")
    )


def _with_texts(outside: Adapters, settings: Settings, pool: pl.DataFrame) -> pl.DataFrame:
    """The examples whose text is still there, as it was judged; each text once, a label before a verdict."""
    found = []
    for day in pool["date"].unique().sort():
        rows = pool.filter(pl.col("date") == day)
        texts = read_texts(outside, DayPaths(settings, day), rows["comment_id"].to_list())
        given = pl.DataFrame(list(texts.items()), schema={"comment_id": pl.String, "text": pl.String}, orient="row")
        found.append(rows.join(given, on="comment_id", how="inner"))
    schema = {name: _NOTHING.schema.get(name, pl.Float64()) for name in _ROW} | {"text": pl.String()}
    texts_once = (
        pl.concat([pl.DataFrame(schema=schema), *found])
        .sort("is_label", "is_sample", "date", "comment_id", descending=[True, True, True, False])
        .unique("text", keep="first", maintain_order=True)
    )
    return texts_once.with_columns(pl.Series("cluster", cluster_texts(texts_once["text"].to_list()), pl.String))
