"""What evaluations hold of a comment that is to be erased: sets, answers, batch files that a crash left."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from datetime import date
from io import BytesIO
from typing import NamedTuple

import polars as pl

from data_contracts.documents.ledger import LedgerEntry
from data_contracts.tables.evaluation_sets import EXPERIMENTS
from tasks.adapters import Adapters
from tasks.base.paths import EvaluationPaths
from tasks.base.settings import Settings
from tasks.evaluate.sets.log_items import log_item_id
from tasks.evaluate.sets.versions import read_version, versions_of
from tasks.evaluate.variants.recipes import Kind, question_text
from tasks.ledger.entries import is_live
from tasks.llm.masking import mask
from tasks.past_days.erasure.set_rows import digests_of, own_rows
from tasks.past_days.erasure.traces import Sought


class Place(NamedTuple):
    """What one set's evaluations hold.

    Attributes:
        rows: items by version of the set.
        frames: objects of requests and answers with the comment's records.
        batch: files in the batch root with its text or records.
        is_live: a job may still read or write the batch files.
    """

    paths: EvaluationPaths
    rows: dict[int, int]
    frames: tuple[str, ...]
    batch: tuple[str, ...]
    is_live: bool

    @property
    def is_there(self) -> bool:
        """Whether there is anything to be done."""
        return bool(self.rows or self.frames or self.batch)


class Evaluated(NamedTuple):
    """What all evaluations hold.

    Attributes:
        places: sets with anything of it.
        sought: the comment, with what the evaluations add: the records that asked about it, texts of its items.
        origins: ids of items that are the comment, in any set.
        digests: `text_sha256` of its texts and of its variants'.
        answer_count: answers in lake/experiments with an explanation that may quote it.
    """

    places: tuple[Place, ...]
    sought: Sought
    origins: frozenset[str]
    digests: frozenset[str]
    answer_count: int

    @property
    def is_there(self) -> bool:
        """Whether there is anything to be done."""
        return bool(self.places or self.answer_count)


def find_evaluated(
    outside: Adapters,
    settings: Settings,
    sought: Sought,
    digests: Collection[str],
    days: Sequence[date],
    *,
    is_any_day: bool,
) -> Evaluated:
    """Look through every set, its requests and answers, the batch root's evaluations and lake/experiments.

    Args:
        sought: the comment as nights know it.
        digests: `text_sha256` of its verdicts.
        days: of the comment.
        is_any_day: whether items of other days with its id are the comment, too.
    """
    every = [EvaluationPaths(settings, date.min, name) for name in _set_names(outside, settings)]
    only = None if is_any_day else days
    origins = {log_item_id(day, sought.comment_id) for day in days}
    for _, _, items in _versions(outside, every):
        own = items.filter(own_rows(items, sought, only))
        its_texts = own.filter(pl.col("comment_id") == sought.comment_id)["text"].drop_nulls()
        sought = sought.model_copy(update={"texts": sought.texts | set(its_texts)})
        origins |= set(own["item_id"])
    origins |= {digest[:32] for digest in digests_of(sought.long_texts)}
    found_rows: dict[str, dict[int, int]] = {}
    texts = set(sought.texts)
    for paths, number, items in _versions(outside, every):
        own = items.filter(own_rows(items, sought, only, origins), pl.col("text").is_not_null())
        if own.height:
            found_rows.setdefault(paths.set_name, {})[number] = own.height
            texts |= set(own["text"])
    questions = {question_text(kind, text) for kind in Kind for text in texts}
    asked = questions | {mask(question) for question in questions}  # as a deployment that masks has sent them
    known = frozenset(
        {*digests, *digests_of(texts), *(hashlib.sha256(question.encode()).hexdigest() for question in asked)}
    )
    places = []
    for paths in every:
        records = _records(outside, paths, known)
        sought = sought.model_copy(update={"record_ids": sought.record_ids | records})
        frames = _frames(outside, paths, records)
        batch = tuple(_batch_files(outside, paths, sought))
        live = bool(frames or batch) and any(is_live(entry) for entry in _entries(outside, paths))
        place = Place(paths, found_rows.get(paths.set_name, {}), frames, batch, live)
        places += [place] if place.is_there else []
    experiments = outside.lake.scan(EvaluationPaths(settings, date.min, "").lake(EXPERIMENTS.name), EXPERIMENTS)
    answers = experiments.select("text_sha256", "item_id", "explanation").collect()
    quoting = int(may_quote(answers, known, sought).sum())
    return Evaluated(tuple(places), sought, frozenset(origins), known, quoting)


def _versions(
    outside: Adapters, every: Sequence[EvaluationPaths]
) -> Iterator[tuple[EvaluationPaths, int, pl.DataFrame]]:
    for paths in every:
        for number in versions_of(outside.storage, paths):
            yield paths, number, read_version(outside.storage, paths, number)[1]


def _set_names(outside: Adapters, settings: Settings) -> list[str]:
    """Every set that evaluations have written anything of."""
    roots = {f"{settings.output_uri}/evaluation": 1, f"{settings.batch_uri}/evaluation": 0}
    names = set[str]()
    for root, depth in roots.items():
        for item in outside.storage.list(root):
            parts = item.uri.removeprefix(f"{root}/").split("/")
            if len(parts) > depth + 1 and (depth == 0 or parts[0] in ("sets", "ledger", "requests", "answers")):
                names.add(parts[depth])
    return sorted(names)


def _frame_uris(outside: Adapters, paths: EvaluationPaths) -> Iterator[str]:
    for uri in (paths.requests(""), paths.answers("")):
        yield from (item.uri for item in outside.storage.list(uri.rpartition("/")[0]))


def _records(outside: Adapters, paths: EvaluationPaths, digests: Collection[str]) -> frozenset[str]:
    """The records by which the set's candidates were asked about the texts."""
    found = set[str]()
    for item in outside.storage.list(paths.requests("").rpartition("/")[0]):
        body = BytesIO(outside.storage.get(item.uri) or b"")
        rows = pl.read_parquet(body, columns=["record_id", "text_sha256"], hive_partitioning=False)
        found |= set(rows.filter(pl.col("text_sha256").is_in(list(digests)))["record_id"])
    return frozenset(found)


def _frames(outside: Adapters, paths: EvaluationPaths, records: frozenset[str]) -> tuple[str, ...]:
    if not records:
        return ()
    found = []
    for uri in _frame_uris(outside, paths):
        stored = BytesIO(outside.storage.get(uri) or b"")
        ids = pl.read_parquet(stored, columns=["record_id"], hive_partitioning=False)["record_id"]
        found += [uri] if ids.is_in(list(records)).any() else []
    return tuple(found)


def _batch_files(outside: Adapters, paths: EvaluationPaths, sought: Sought) -> Iterator[str]:
    """Files with the text or a record of it; whose words they are does not matter here, since equal texts are one."""
    for item in outside.storage.list(paths.batch):
        body = outside.storage.get(item.uri) or b""
        said = sought.text_pattern is not None and sought.text_pattern.search(body) is not None
        if said or sought.id_pattern.search(body) or sought.id_pattern.search(item.uri.encode()):
            yield item.uri


def _entries(outside: Adapters, paths: EvaluationPaths) -> Iterator[LedgerEntry]:
    for item in outside.storage.list(paths.ledger):
        yield LedgerEntry.model_validate_json(outside.storage.get(item.uri) or b"{}")


def may_quote(answers: pl.DataFrame, digests: Collection[str], sought: Sought) -> pl.Series:
    """Whether each answer is to one of the texts and explained, or bears the text or the id anywhere else."""
    is_asked = pl.col("text_sha256").is_in(list(digests)) & (pl.col("explanation").fill_null("") != "")
    texts = sought.long_texts
    says_it = pl.col("explanation").fill_null("").str.contains_any(texts) if texts else pl.lit(value=False)
    found = answers.select((is_asked | says_it).alias("quotes")).to_series()
    return found | bears_id(answers["explanation"], sought) | bears_id(answers["item_id"], sought)


def bears_id(values: pl.Series, sought: Sought) -> pl.Series:
    """Whether each value has the comment's id, not as a part of a longer one."""
    near = values.fill_null("").str.contains(sought.comment_id, literal=True)
    return pl.Series(
        [
            is_near and sought.id_pattern.search(str(value).encode()) is not None
            for value, is_near in zip(values, near, strict=True)
        ],
        dtype=pl.Boolean,
    )
