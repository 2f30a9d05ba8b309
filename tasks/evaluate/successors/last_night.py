"""The comments that last night asked people to label, asked of candidates: how often would they have said otherwise?

That needs no label: it is there on the morning on which the alert comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

import polars as pl

from data_contracts.tables.label_requests import LABEL_REQUESTS, Purpose
from data_contracts.tables.verdicts import VERDICTS
from tasks.adapters import Adapters
from tasks.base.paths import DayPaths, EvaluationPaths, lake
from tasks.base.settings import Settings
from tasks.evaluate.runs.bench import Bench
from tasks.evaluate.runs.candidates import Candidate
from tasks.evaluate.runs.experiments import answers_of, read_experiments
from tasks.evaluate.runs.requests import with_hashes
from tasks.labels.comment_texts import read_texts

#: How old the night may be.
_DAYS = 28


class Differing(NamedTuple):
    """How far a candidate is from what a night published.

    Attributes:
        compared_count: requested comments on which both gave a verdict.
        differing_count: of these, those on which one says violation and the other does not.
        share: of the whole night that this stands for, by the weights of the draw; None if nothing was compared.
    """

    candidate: str
    compared_count: int
    differing_count: int
    share: float | None


def lay_out_requests(
    outside: Adapters, settings: Settings, candidates: Sequence[Candidate], now: datetime
) -> Bench | None:
    """The sample of the newest night that drew one; None if no night of the last weeks did, or its texts are gone."""
    today = now.astimezone(settings.zone).date()
    table = outside.lake.scan(lake(settings, LABEL_REQUESTS.name), LABEL_REQUESTS).filter(
        pl.col("date") >= today - timedelta(days=_DAYS), pl.col("purpose") == Purpose.SAMPLE
    )
    night = table.select(pl.col("date").max()).collect().item()
    if night is None:
        return None
    rows = table.filter(pl.col("date") == night).select("comment_id", "language").collect()
    texts = read_texts(outside, DayPaths(settings, night), rows["comment_id"].to_list())
    items = rows.rename({"comment_id": "item_id"}).with_columns(
        text=pl.col("item_id").replace_strict(texts, default=None, return_dtype=pl.String)
    )
    asked = with_hashes(items)
    if asked.is_empty():
        return None
    paths = EvaluationPaths(settings, today, f"night-{night}")
    return Bench(outside, paths, 0, asked, asked, asked, tuple(candidates))


def night_of(bench: Bench) -> date:
    """Which night a bench is of."""
    return date.fromisoformat(bench.paths.set_name.removeprefix("night-"))


def differing(settings: Settings, bench: Bench) -> list[Differing]:
    """How far each candidate is from what the night published, by the answers that are on record."""
    night = night_of(bench)
    lake_of = bench.outside.lake
    published = (
        lake_of.scan(lake(settings, VERDICTS.name), VERDICTS)
        .filter(pl.col("date") == night)
        .select("comment_id", _published="violation")
        .join(bench.chosen.lazy().select(comment_id="item_id", text_sha256="text_sha256"), on="comment_id", how="inner")
        .collect(engine="streaming")
    )
    weights = (
        lake_of.scan(lake(settings, LABEL_REQUESTS.name), LABEL_REQUESTS)
        .filter(pl.col("date") == night, pl.col("purpose") == Purpose.SAMPLE)
        .select("comment_id", _weight=1 / pl.col("inclusion_probability"))
        .collect()
    )
    experiments = read_experiments(bench.outside, bench.paths)
    found = []
    for candidate in bench.candidates:
        given = answers_of(experiments, candidate).select("text_sha256", "violation")
        rows = (
            published.join(given, on="text_sha256", how="inner", validate="m:1")
            .join(weights, on="comment_id", how="inner")
            .drop_nulls(["violation", "_published"])
        )
        found.append(differing_of(candidate.name, rows))
    return found


def differing_of(candidate: str, rows: pl.DataFrame) -> Differing:
    """Count and weigh what differs.

    Columns: violation, _published (no nulls), _weight (how many comments of the night each stands for).
    """
    other = rows.filter(pl.col("violation") != pl.col("_published"))
    total = float(rows["_weight"].sum())
    return Differing(candidate, rows.height, other.height, float(other["_weight"].sum()) / total if total else None)
