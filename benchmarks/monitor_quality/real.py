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
from tasks.measure.detect.policy import Policy
from tasks.measure.text_shift import text_vectors
from tasks.measure.vocabulary import shared_tokens, tokens

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
    rows = frame.select(tokens(text).alias("token")).with_row_index("row")
    shares = (
        rows.explode("token")
        .drop_nulls("token")
        .join(known, on="token", how="left")
        .group_by("row")
        .agg(pl.col("known").is_null().mean().alias("share"))
    )
    unknown = rows.select("row").join(shares, on="row", how="left", maintain_order="left")["share"].fill_null(0.0)
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
    """So many nights drawn from the days, with a fault from a night on."""
    measured: list[tuple[float, ...]] = []
    while len(measured) < nights:
        first = int(random.integers(len(days)))
        for place in range(_BLOCK):
            day = days[(first + place) % len(days)]
            is_faulty = put is not None and len(measured) >= _START
            parts = _faulty(day, days, put, random) if put and is_faulty else [(day, _drawn(day, random), False)]
            measured.append(_measure(parts, reference))
    return _history(np.array(measured[:nights]))


#: A day, how often each of its comments was drawn, and whether their verdicts are turned round.
Part = tuple[Day, Array, bool]


def _drawn(day: Day, random: np.random.Generator, among: Array | None = None, count: int | None = None) -> Array:
    """How often each comment is drawn: all alike, or those of a kind."""
    chances = np.ones(len(day.log_length)) if among is None else among
    size = len(day.log_length) if count is None else count
    return random.multinomial(size, chances / chances.sum()).astype(np.float64)


def _faulty(day: Day, days: Sequence[Day], put: Put, random: np.random.Generator) -> list[Part]:
    """A night with a fault in it."""
    size = len(day.log_length)
    strange = round(put.share * size)
    kept: Part = (day, _drawn(day, random, count=size - strange), False)
    if put.kind == "turned":
        return [kept, (day, _drawn(day, random, count=strange), True)]
    sources = [other for other in days if getattr(other, put.kind).any()]
    source = sources[int(random.integers(len(sources)))]
    return [kept, (source, _drawn(source, random, getattr(source, put.kind), strange), False)]


def _measure(parts: list[Part], reference: Array) -> tuple[float, ...]:
    """Count, mean and variance of log length, Japanese, unknown words, flags, and the shift of the centroid."""
    n = sum(float(weight.sum()) for _, weight, _ in parts)
    mean = sum(float(weight @ day.log_length) for day, weight, _ in parts) / n
    square = sum(float(weight @ day.log_length**2) for day, weight, _ in parts) / n
    japanese, unknown = (
        sum(float(weight @ getattr(day, name)) for day, weight, _ in parts) for name in ("japanese", "unknown")
    )
    flagged = sum(float(weight @ (1 - day.flagged if is_turned else day.flagged)) for day, weight, is_turned in parts)
    total = np.sum([day.vectors.T @ weight for day, weight, _ in parts], axis=0)
    shift = 1 - float(total @ reference) / float(np.linalg.norm(total) * np.linalg.norm(reference))
    return n, mean, square - mean**2, japanese, unknown, flagged, shift


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
