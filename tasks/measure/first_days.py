"""How far tonight's texts are from those of the first published days: new words, and runs of characters.

The first days' words and centroids are stored and never change once there are enough of them; a day that is measured
again while it is one of them replaces its own.
"""

from __future__ import annotations

from datetime import date
from io import BytesIO
from pathlib import Path

import polars as pl

from data_contracts.tables.metrics import Kind
from tasks.adapters.storage import Storage
from tasks.adapters.stores.object_store import changed
from tasks.base.paths import RunPaths
from tasks.measure.measurement import ALL, Measurement, nothing
from tasks.measure.text_shift import EMPTY, Centroid, centroid, text_shift
from tasks.measure.vocabulary import collecting, collects, measure_oov, sample_batches, sampled, shared_tokens

#: Texts of a night that the centroid is made of: two nights of one site are then a few thousandths apart.
CENTROID_TEXTS = 10_000
_BATCH_ROWS = 2_000


def measure_texts(storage: Storage, paths: RunPaths, valid: pl.LazyFrame, folder: Path) -> list[Measurement]:
    """New words and the shift of the texts; learning while the first days are being collected."""
    count = int(valid.select(pl.len()).collect().item())
    return [_measure_words(storage, paths, valid, count, folder), _measure_shift(storage, paths, valid, count, folder)]


def _measure_words(storage: Storage, paths: RunPaths, valid: pl.LazyFrame, count: int, folder: Path) -> Measurement:
    needed, days = paths.settings.baseline_days, _days(storage, paths.vocabularies)
    if collects(days, paths.run_date, needed):
        file = folder / "vocabulary.parquet"
        shared_tokens(sample_batches(valid, count)).write_parquet(file)
        storage.send(file, paths.vocabulary())
        return collecting(len(days | {paths.run_date}), needed)
    words = {word for frame in _stored(storage, paths.vocabularies) for word in frame["token"]}
    return measure_oov(sample_batches(valid, count), pl.Series("token", sorted(words), dtype=pl.String()))


def _measure_shift(storage: Storage, paths: RunPaths, valid: pl.LazyFrame, count: int, folder: Path) -> Measurement:
    needed, days = paths.settings.baseline_days, _days(storage, paths.centroids)
    texts = sampled(valid, count, CENTROID_TEXTS).select("text")
    tonight = centroid(batch["text"] for batch in texts.collect_batches(chunk_size=_BATCH_ROWS))
    if collects(days, paths.run_date, needed):
        file = folder / "centroid.parquet"
        pl.DataFrame({"total": tonight.total, "texts": tonight.texts}).cast({"total": pl.Float32}).write_parquet(file)
        storage.send(file, paths.centroid())
        reason = f"the first texts have {len(days | {paths.run_date})} of their {needed} days"
        return nothing("text_shift", Kind.MEAN, reason, is_learning=True)
    reference = EMPTY
    for frame in _stored(storage, paths.centroids):
        reference = reference.plus(Centroid(frame["total"].cast(pl.Float64).to_numpy(), int(frame["texts"][0])))
    shift = text_shift(tonight, reference)
    if shift is None:
        return nothing("text_shift", Kind.MEAN, "there were no texts to compare")
    method = f"cosine distance of hashed runs of 1 to 3 characters, at most about {CENTROID_TEXTS:,} comments"
    return Measurement("text_shift", ALL, Kind.MEAN, method, n=tonight.texts, mean=shift, value=shift)


def _days(storage: Storage, folder: str) -> set[date]:
    return {date.fromisoformat(Path(item.uri).stem) for item in storage.list(folder)}


def _stored(storage: Storage, folder: str) -> list[pl.DataFrame]:
    items = storage.list(folder)
    frames = []
    for item, body in zip(items, storage.read_listed(items), strict=True):
        if body is None:
            raise changed(item.uri)
        frames.append(pl.read_parquet(BytesIO(body), hive_partitioning=False))
    return frames
