"""A day's verdicts as counts by language, product, repeated text and version: small enough to keep for each night."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from data_contracts.documents.why import Cell, NightCells, Version
from data_contracts.tables.verdicts import DecidedBy, Status

#: Products and languages that a night counts by name, the largest; the rest is `other`.
MOST_PRODUCTS, MOST_LANGUAGES = 20, 12
OTHER = "other"
PLAIN = "plain"

_VERSION = ("prompt", "prompt_sha256", "model_id", "policy")
_KIND = ("language", "product", "is_repeat")


def count_cells(verdicts: pl.LazyFrame, run_date: date, run_id: str) -> NightCells:
    """The verdicts counted, in two streaming passes.

    Columns: language, product_id, decided_by, status, violation, model_id, prompt_name, prompt_version, prompt_sha256
    are read, and policy where there is one.
    """
    products, languages = pl.collect_all(
        [_largest(verdicts, "product_id", MOST_PRODUCTS), _largest(verdicts, "language", MOST_LANGUAGES)],
        engine="streaming",
    )
    has_policy = "policy" in verdicts.collect_schema()
    judged = pl.col("status") == Status.JUDGED
    kinds = verdicts.select(
        language=_named("language", languages["language"].to_list()),
        product=_named("product_id", products["product_id"].to_list()),
        is_repeat=pl.col("decided_by") == DecidedBy.DUPLICATE,
        prompt=pl.format("{}/{}", "prompt_name", "prompt_version"),
        prompt_sha256="prompt_sha256",
        model_id="model_id",
        policy=pl.col("policy").fill_null(PLAIN) if has_policy else pl.lit(PLAIN),
        judged=judged,
        violation=judged & pl.col("violation").fill_null(False),
    )
    counted = kinds.group_by(*_KIND, *_VERSION).agg(
        valid_count=pl.len(), judged_count=pl.col("judged").sum(), violation_count=pl.col("violation").sum()
    )
    rows = counted.collect(engine="streaming").sort(*_VERSION, *_KIND)
    versions = [Version(**row) for row in rows.select(_VERSION).unique(maintain_order=True).to_dicts()]
    places = {version: place for place, version in enumerate(versions)}
    cells = [
        Cell(
            version=places[Version(**{name: row[name] for name in _VERSION})],
            **{name: row[name] for name in (*_KIND, "valid_count", "judged_count", "violation_count")},
        )
        for row in rows.iter_rows(named=True)
    ]
    return NightCells(run_date=run_date, run_id=run_id, versions=tuple(versions), cells=tuple(cells))


def _largest(verdicts: pl.LazyFrame, column: str, most: int) -> pl.LazyFrame:
    return verdicts.group_by(column).len().top_k(most, by=["len", column])


def _named(column: str, named: Sequence[str]) -> pl.Expr:
    return pl.when(pl.col(column).is_in(list(named))).then(column).otherwise(pl.lit(OTHER))
