"""Takes a person's files of labelled comments into the next version of a set: all of them, or none."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import polars as pl

from data_contracts.tables.evaluation_sets import EVALUATION_SETS, ItemSource, Split
from tasks import adapters
from tasks.base.errors import BadRows, WrongUsage
from tasks.base.paths import EvaluationPaths
from tasks.base.settings import Settings
from tasks.evaluate.sets.clusters import cluster_texts
from tasks.evaluate.sets.set_files import Item, read_items
from tasks.evaluate.sets.versions import check_name, read_version, versions_of, write_version
from tasks.intake.language import identify_language
from tasks.intake.row_rules import normalise
from tasks.ledger.champion import serving
from tasks.llm.prompt import load_prompt

#: Parts of the clusters that go to each split, in this order; where the time is known the newest go to the last.
_SHARES = ((Split.TRAIN, 0.4), (Split.DEV, 0.7), (Split.TEST, 1.0))


class AddedSet(NamedTuple):
    """What was written.

    Attributes:
        version: of the set.
        added_count: items that are new in it.
        replaced_count: items of the version before whose label or split the files changed.
        counts: items of the whole version by split.
        violations: of these, labelled violations, by split.
    """

    name: str
    version: int
    added_count: int
    replaced_count: int
    counts: dict[str, int]
    violations: dict[str, int]


def add_set(settings: Settings, name: str, files: Sequence[Path], now: datetime) -> AddedSet:
    """Write the next version of a set: what the version before has, and the files' items.

    An item that is there already, by its id, is taken from the files and keeps the split of its cluster. Without a
    split of their own, whole clusters of like texts go 40/30/30 to train, dev and test: the newest to test where
    `posted_at` is given, else by hash.

    Raises:
        BadRows: naming file and line of each row that cannot be taken; nothing was written.
        WrongUsage: if the name or a file is none, or somebody else wrote the next version just now.
    """
    named = serving(settings)
    prompt = load_prompt(named.prompt, named.prompt_version)
    items = read_items(files, prompt.categories)
    storage = adapters.connect(settings).storage
    paths = EvaluationPaths(settings, now.astimezone(settings.zone).date(), check_name(name))
    number = max(versions_of(storage, paths), default=0)
    before = read_version(storage, paths, number)[1] if number else EVALUATION_SETS.empty()
    added = _frame(items, now, prompt.sha256)
    kept = before.join(added.select("item_id"), on="item_id", how="anti")
    version = _split(kept, added)
    if not write_version(storage, paths, number + 1, version):
        raise WrongUsage(f"somebody else wrote v{number + 1} of {name} just now: look at it, then do this again")
    counts = {str(split): rows for split, rows in version.group_by("split").len().sort("split").iter_rows()}
    violations = version.group_by("split").agg(pl.col("violation").sum()).sort("split")
    replaced_count = before.height - kept.height
    return AddedSet(
        name, number + 1, added.height - replaced_count, replaced_count, counts, dict(violations.iter_rows())
    )


def _frame(items: Sequence[Item], now: datetime, prompt_sha256: str) -> pl.DataFrame:
    """The files' items with what they left to us but the split, one a row; plus `posted_at`."""
    texts = pl.Series("text", [item.text for item in items])
    normal = texts.to_frame().select(normalise(pl.col("text"))).to_series().to_list()
    clusters = cluster_texts(normal)
    rows = [
        item._asdict()
        | {
            "item_id": item.item_id or hashlib.sha256(words.encode()).hexdigest()[:32],
            "language": item.language or identify_language(words),
            "source": item.source or ItemSource.HUMAN,
            "weight": item.weight or 1.0,
            "cluster": item.cluster or cluster,
            "added_at": now,
            "prompt_sha256": prompt_sha256,
        }
        for item, words, cluster in zip(items, normal, clusters, strict=True)
    ]
    _check_unique(str(row["item_id"]) for row in rows)
    schema = EVALUATION_SETS.polars_schema | {"posted_at": pl.Datetime("us", "UTC")}
    return pl.DataFrame(rows, schema=schema)


def _check_unique(ids: Iterable[str]) -> None:
    """Raises BadRows if an item is there twice: two labels of one text contradict each other, or one is too much."""
    twice = [item for item, count in Counter(ids).items() if count > 1]
    if twice:
        raise BadRows([f"item_id {item} is there more than once (equal texts have one id)" for item in twice])


def _split(kept: pl.DataFrame, added: pl.DataFrame) -> pl.DataFrame:
    """Both together with a split each; a cluster that has one keeps it.

    Raises:
        BadRows: if a file puts a cluster of like texts into two splits.
    """
    columns = EVALUATION_SETS.names
    own = pl.concat(
        [kept.select("cluster", "split"), added.filter(pl.col("split").is_not_null()).select("cluster", "split")]
    )
    torn = own.group_by("cluster").agg(pl.col("split").unique()).filter(pl.col("split").list.len() > 1)
    if torn.height:
        raise BadRows([f"cluster {name} is in more than one split" for name in sorted(torn["cluster"])])
    known = own.unique("cluster")
    fresh = added.join(known, on="cluster", how="anti").group_by("cluster").agg(newest=pl.col("posted_at").max())
    ordered = sorted(fresh.iter_rows(), key=lambda row: (row[1] is not None, row[1] or 0, _rank(row[0])))
    drawn = [
        (name, next(split for split, end in _SHARES if place < end * len(ordered)))
        for place, (name, _) in enumerate(ordered)
    ]
    splits = pl.concat([known, pl.DataFrame(drawn, schema=known.schema, orient="row")])
    placed = added.drop("split").join(splits, on="cluster", how="left", validate="m:1")
    return pl.concat([kept.select(columns), placed.select(columns)]).sort("item_id")


def _rank(cluster: str) -> str:
    return hashlib.sha256(f"split\x1f{cluster}".encode()).hexdigest()


def describe_added(added: AddedSet) -> list[str]:
    """What was written, for a terminal."""
    parts = (f"{count:,} {split} ({added.violations[split]:,} violations)" for split, count in added.counts.items())
    changed = f", {added.replaced_count:,} replaced" if added.replaced_count else ""
    return [f"{added.name} v{added.version}: {added.added_count:,} items added{changed}; it has {', '.join(parts)}"]
