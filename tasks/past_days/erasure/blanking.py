"""A comment taken out of evaluations: a set's version changes here and nowhere else.

What candidates answered stays, without words that may quote the text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import date
from pathlib import Path

import polars as pl

from data_contracts.tables.evaluation_sets import EXPERIMENTS
from tasks.adapters import Adapters
from tasks.adapters.lake_history import forget_replaced
from tasks.base.frames import scratch
from tasks.base.paths import EvaluationPaths
from tasks.base.settings import Settings
from tasks.evaluate.runs.run_candidates import held
from tasks.evaluate.sets.versions import read_version, write_again
from tasks.past_days.erasure.evaluation_places import Evaluated, Place, bears_id, may_quote
from tasks.past_days.erasure.remedies import without_rows
from tasks.past_days.erasure.set_rows import blanked, own_rows


def erase_evaluated(
    outside: Adapters, settings: Settings, found: Evaluated, days: Sequence[date] | None, run_id: str
) -> list[str]:
    """Take the comment out of all of it; a line for each thing that was done. It can be repeated after a crash.

    Args:
        days: only items of these days, or of no day; None: of any day.

    Raises:
        DayInUse: if an evaluation of one of the sets is at work.
    """
    lines: list[str] = []
    with ExitStack() as stack:
        for place in found.places:
            stack.enter_context(held(outside, place.paths, run_id))
        for place in found.places:
            lines += _erase_place(outside, place, found, days)
        if found.answer_count:
            _clear_explanations(outside, settings, found)
            lines.append(f"lake/experiments: the explanation of {found.answer_count} answers cleared")
    return lines


def _erase_place(outside: Adapters, place: Place, found: Evaluated, days: Sequence[date] | None) -> Iterator[str]:
    paths, sought = place.paths, found.sought
    for number, count in place.rows.items():
        items = read_version(outside.storage, paths, number)[1]
        own = own_rows(items, sought, days, found.origins)
        write_again(outside.storage, paths, number, blanked(items, own, sought))
        yield f"set {paths.set_name} v{number}: the text of {count} items blanked"
    with scratch() as folder:
        before, after = Path(folder) / "before.parquet", Path(folder) / "after.parquet"
        for uri in place.frames:
            outside.storage.fetch(uri, before)
            without_rows(before, after, sought.record_ids)
            outside.storage.send(after, uri)
    if place.frames:
        yield f"set {paths.set_name}: its records left {len(place.frames)} files of requests and answers"
    if place.batch:
        outside.storage.delete([item.uri for item in outside.storage.list(paths.batch)])
        yield f"set {paths.set_name}: the batch files of its evaluations deleted"


def _clear_explanations(outside: Adapters, settings: Settings, found: Evaluated) -> None:
    """Rewrite lake/experiments, and let the files go that earlier versions of it read."""
    uri = EvaluationPaths(settings, date.min, "").lake(EXPERIMENTS.name)
    before = outside.lake.live_files(uri)
    rows = outside.lake.scan(uri, EXPERIMENTS).collect()
    quotes = pl.lit(may_quote(rows, found.digests, found.sought))
    names = pl.lit(bears_id(rows["item_id"], found.sought))
    cleared = rows.with_columns(
        explanation=pl.when(quotes).then(None).otherwise("explanation"),
        item_id=pl.when(names).then(pl.col("text_sha256").str.head(32)).otherwise("item_id"),
    )
    outside.lake.replace_all(uri, EXPERIMENTS, cleared, {"reason": "erasure"})
    forget_replaced(outside.lake, outside.storage, uri, before)


def describe_evaluated(found: Evaluated) -> Iterator[str]:
    """What evaluations hold, a line each."""
    for place in found.places:
        name = place.paths.set_name
        for number, count in place.rows.items():
            yield f"  set {name} v{number}: {count} items, blank their text"
        if place.frames:
            yield f"  set {name}: {len(place.frames)} files of requests and answers, rewrite without its records"
        if place.batch:
            yield f"  set {name}: {len(place.batch)} batch files, delete the batch files of the set"
    if found.answer_count:
        yield f"  lake/experiments: {found.answer_count} answers with an explanation that may quote it, clear it"
