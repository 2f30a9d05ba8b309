"""Years of nights drawn from real days: no drift must stay quiet, and faults that are put in must be seen.

A night is a real day whose comments are drawn again with replacement; a year is made of runs of real days in a row.
The first days are the reference of words and of the centroid and are not drawn. Only what the text itself says is
measured, and verdicts where the folder has labels: a labelled violation stands for a flag.
Folder: comments/date=D/*.parquet with `comment_id, text`, and labels/date=D/*.parquet with `comment_id, violation`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from scipy import sparse

from benchmarks.monitor_quality.alarms import Alarms, delays, episodes, judge_sites
from benchmarks.monitor_quality.sites import Spec, history_of
from benchmarks.monitor_quality.tables import WARM_UP, YEAR, Figure, by_metric
from tasks.measure.detect.evidence import Array
from tasks.measure.detect.history import MEAN, RATE, History
from tasks.measure.detect.nights import Indices
from tasks.measure.detect.policy import Policy
from tasks.measure.text_shift import text_vectors
from tasks.vocabulary import shared_tokens, tokens

REFERENCE_DAYS = 5
#: Real days in a row that stay together.
_BLOCK = 3
_START, _WATCHED = 100, 60
_JAPANESE = r"[\p{Hiragana}\p{Katakana}]"


class Day(NamedTuple):
    """The comments of a day by what is measured of them, one entry a comment; `vectors` has a row a comment."""

    log_length: Array
    japanese: Array
    unknown: Array
    flagged: Array
    vectors: sparse.csr_matrix

    def take(self, rows: Indices) -> Day:
        """Some of the comments."""
        return Day(
            self.log_length[rows], self.japanese[rows], self.unknown[rows], self.flagged[rows], self.vectors[rows]
        )


class Put(NamedTuple):
    """A fault: a share of a night's comments is replaced by those of a kind, or of its verdicts turned round."""

    name: str
    share: float
    kind: str


PUTS = (
    Put("1 % in Japanese", 0.01, "japanese"),
    Put("5 % in Japanese", 0.05, "japanese"),
    Put("3 % abusive", 0.03, "flagged"),
    Put("10 % abusive", 0.10, "flagged"),
    Put("1 % of the verdicts turned round", 0.01, "turned"),
    Put("3 % of the verdicts turned round", 0.03, "turned"),
)


def real_years(folder: Path, years: int, seed: int, policy: Policy) -> Iterator[str]:
    """False episodes of quiet years, then how soon each fault is seen."""
    reference, days = read_days(folder)
    random = np.random.default_rng(seed)
    quiet = [site(days, reference, WARM_UP + YEAR, random) for _ in range(years)]
    alarms = judge_sites(quiet, policy)
    alarms = alarms._replace(rings=alarms.rings[..., WARM_UP:])
    count = Figure.of(episodes(alarms.anywhere).tolist())
    yield f"{len(days)} real days, {len(alarms.charts)} charts, {years} years: false episodes a year {count}"
    yield f"    by metric: {by_metric(alarms)}"
    for put in PUTS:
        sites = [site(days, reference, _START + _WATCHED, random, put) for _ in range(max(years // 2, 5))]
        found = judge_sites(sites, policy)
        nights = np.minimum(delays(found.anywhere, _START), _WATCHED)
        figures = f"median {np.median(nights):.0f}, 90 % by {np.quantile(nights, 0.9):.0f}"
        yield f"{put.name:<36} any chart: {figures}; {seen(found)}"


def seen(found: Alarms) -> str:
    """The median night on which each metric rang, of those that ring in most runs."""
    metrics = sorted({metric for metric, _ in found.charts})
    nights = {metric: float(np.median(delays(found.of(metric), _START))) for metric in metrics}
    return ", ".join(f"{metric} {night:.0f}" for metric, night in nights.items() if np.isfinite(night))


def read_days(folder: Path) -> tuple[Array, list[Day]]:
    """The reference's centroid, and the later days."""
    paths = sorted((folder / "comments").glob("date=*"))
    frames = [pl.read_parquet(path / "*.parquet").drop_nulls("text").sort("comment_id") for path in paths]
    known = shared_tokens(frame.select(tokens(pl.col("text")).alias("token")) for frame in frames[:REFERENCE_DAYS])
    days = [
        _day(frame, folder / "labels" / path.name, known["token"]) for frame, path in zip(frames, paths, strict=True)
    ]
    reference = np.sum([np.asarray(day.vectors.sum(axis=0)).ravel() for day in days[:REFERENCE_DAYS]], axis=0)
    return np.asarray(reference), days[REFERENCE_DAYS:]


def _day(frame: pl.DataFrame, labels: Path, vocabulary: pl.Series) -> Day:
    flagged = pl.DataFrame(schema={"comment_id": pl.String(), "violation": pl.Boolean()})
    if labels.exists():
        flagged = pl.read_parquet(labels / "*.parquet").select("comment_id", "violation").unique("comment_id")
    frame = frame.join(flagged, on="comment_id", how="left", maintain_order="left")
    text = pl.col("text")
    known = pl.DataFrame({"token": vocabulary, "known": True})
    unknown = (
        frame.select(tokens(text).alias("token"))
        .with_row_index("row")
        .explode("token")
        .join(known, on="token", how="left", maintain_order="left")
        .group_by("row", maintain_order=True)
        .agg((pl.col("known").is_null() & pl.col("token").is_not_null()).mean())["known"]
    )
    numbers = frame.select(
        text.str.len_chars().log1p().alias("length"),
        text.str.contains(_JAPANESE).cast(pl.Float64).alias("japanese"),
        pl.col("violation").fill_null(False).cast(pl.Float64),
    )
    parts = (numbers["length"], numbers["japanese"], unknown, numbers["violation"])
    length, japanese, strange, violation = (part.cast(pl.Float64).to_numpy() for part in parts)
    return Day(length, japanese, strange, violation, text_vectors(frame["text"].to_list()))


def site(
    days: Sequence[Day], reference: Array, nights: int, random: np.random.Generator, put: Put | None = None
) -> History:
    """A year of nights drawn from the days, with a fault from a night on."""
    pool = _pool(days, put.kind) if put and put.kind != "turned" else None
    measured: list[tuple[float, ...]] = []
    while len(measured) < nights:
        first = int(random.integers(len(days)))
        for place in range(_BLOCK):
            day = days[(first + place) % len(days)]
            night = day.take(random.integers(len(day.log_length), size=len(day.log_length)))
            if put and len(measured) >= _START:
                night = _with(night, put, pool, random)
            measured.append(_measure(night, reference))
    return _history(np.array(measured[:nights]))


def _pool(days: Sequence[Day], kind: str) -> list[Day]:
    return [part for day in days if len((part := day.take(np.flatnonzero(getattr(day, kind)))).log_length)]


def _with(night: Day, put: Put, pool: list[Day] | None, random: np.random.Generator) -> Day:
    """The night with a fault in it."""
    count = round(put.share * len(night.log_length))
    rows = random.permutation(len(night.log_length))[:count]
    if pool is None:
        turned = night.flagged.copy()
        turned[rows] = 1 - turned[rows]
        return night._replace(flagged=turned)
    source = pool[int(random.integers(len(pool)))]
    strange = source.take(random.integers(len(source.log_length), size=count))
    kept = night.take(np.setdiff1d(np.arange(len(night.log_length)), rows))
    return Day(
        np.concatenate([kept.log_length, strange.log_length]),
        np.concatenate([kept.japanese, strange.japanese]),
        np.concatenate([kept.unknown, strange.unknown]),
        np.concatenate([kept.flagged, strange.flagged]),
        sparse.vstack([kept.vectors, strange.vectors], format="csr"),
    )


def _measure(night: Day, reference: Array) -> tuple[float, ...]:
    """Count, mean and variance of log length, Japanese, unknown words, flags, and the shift of the centroid."""
    total = np.asarray(night.vectors.sum(axis=0)).ravel()
    shift = 1 - float(total @ reference) / float(np.linalg.norm(total) * np.linalg.norm(reference))
    sums = (night.japanese.sum(), night.unknown.sum(), night.flagged.sum())
    return (len(night.log_length), night.log_length.mean(), night.log_length.var(ddof=1), *sums, shift)


def _history(measured: Array) -> History:
    n, mean, variance, japanese, unknown, flagged, shift = measured.T
    empty = np.full(len(n), np.nan)
    rows = [
        (Spec("text_length_log", "all", MEAN, 0.0, 0.0, 0.0), empty, n, mean, variance),
        (Spec("language_share", "language=ja", RATE, 0.0, 0.0, 0.0), japanese, n, empty, empty),
        (Spec("oov_rate", "all", RATE, 0.0, 0.0, 0.0), unknown, n, empty, empty),
        (Spec("violation_rate", "all", RATE, 0.0, 0.0, 0.0), flagged, n, empty, empty),
        (Spec("text_shift", "all", MEAN, 0.0, 0.0, 0.0), empty, n, shift, empty),
    ]
    return history_of(rows, len(n))
