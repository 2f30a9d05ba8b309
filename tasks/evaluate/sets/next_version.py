"""The next version of a set: what the version before has and what comes to it, like texts in one cluster and split."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import polars as pl

import prompts
from data_contracts.tables.evaluation_sets import EVALUATION_SETS, Split
from prompts import Prompt
from tasks import adapters
from tasks.base.errors import BadRows, WrongUsage
from tasks.base.paths import EvaluationPaths
from tasks.base.settings import Settings
from tasks.evaluate.sets.clusters import cluster_texts
from tasks.evaluate.sets.versions import check_name, read_version, versions_of, write_version
from tasks.intake.row_rules import normalise

#: Parts of the clusters that go to each split, in this order; where the time is known the newest go to the last.
_SHARES = ((Split.TRAIN, 0.4), (Split.DEV, 0.7), (Split.TEST, 1.0))

#: What items look like before they are placed: `cluster` and `split` are null where nobody named them.
ADDED_SCHEMA = EVALUATION_SETS.polars_schema | {"posted_at": pl.Datetime("us", "UTC")}


class AddedSet(NamedTuple):
    """What was written.

    Attributes:
        version: of the set.
        added_count: items that are new in it.
        replaced_count: items of the version before that came again, with their label.
        counts: items of the whole version by split.
        violations: of these, labelled violations, by split.
    """

    name: str
    version: int
    added_count: int
    replaced_count: int
    counts: dict[str, int]
    violations: dict[str, int]


def write_next(
    settings: Settings, name: str, added: pl.DataFrame, now: datetime, guidelines: Iterable[Prompt]
) -> AddedSet:
    """Write the next version of a set: what the version before has, and these items.

    An item that is there already, by its id, is replaced, and keeps the split of its cluster. Texts that are like one
    of the version before join its cluster. Other clusters go whole to train, dev and test, 40/30/30: the newest to test
    where `posted_at` is known, else by hash.

    Args:
        added: at least one item, with the columns of ADDED_SCHEMA.
        guidelines: prompts that the labels were given under; they are kept beside the set.

    Raises:
        BadRows: if an item is there twice, or a cluster of like texts was put into two splits.
        WrongUsage: if the name is none, or somebody else wrote the next version just now.
    """
    _check_unique(added["item_id"])
    storage = adapters.connect(settings).storage
    paths = EvaluationPaths(settings, now.astimezone(settings.zone).date(), check_name(name))
    number = max(versions_of(storage, paths), default=0)
    before = read_version(storage, paths, number)[1] if number else EVALUATION_SETS.empty()
    clustered = with_clusters(before, added)
    kept = before.join(clustered.select("item_id"), on="item_id", how="anti")
    version = _split(before, kept, clustered)
    for prompt in guidelines:
        body = prompts.read(prompt.id, prompt.version).encode()
        storage.put_if_absent(paths.prompt(prompt.sha256), body)
    if not write_version(storage, paths, number + 1, version):
        raise WrongUsage(f"somebody else wrote v{number + 1} of {name} just now: look at it, then do this again")
    counts = {str(split): rows for split, rows in version.group_by("split").len().sort("split").iter_rows()}
    violations = version.group_by("split").agg(pl.col("violation").sum()).sort("split")
    replaced_count = before.height - kept.height
    return AddedSet(
        name, number + 1, added.height - replaced_count, replaced_count, counts, dict(violations.iter_rows())
    )


def _check_unique(ids: Iterable[str]) -> None:
    """Raises BadRows if an item is there twice: two labels of one text contradict each other, or one is too much."""
    twice = [item for item, count in Counter(ids).items() if count > 1]
    if twice:
        raise BadRows([f"item_id {item} is there more than once (equal texts have one id)" for item in twice])


def with_clusters(before: pl.DataFrame, added: pl.DataFrame) -> pl.DataFrame:
    """The added items with a cluster each: the one that they name, else that of like texts, else one of their own.

    Args:
        before: the version before; a text that it has keeps its cluster.
        added: with a text each.
    """
    known = before.filter(pl.col("text").is_not_null()).sort("cluster")
    texts = pl.concat([known.select("text"), added.select("text")]).select(normalise(pl.col("text"))).to_series()
    groups = cluster_texts(texts.to_list())
    names: dict[str, str] = {}
    for group, cluster in zip(groups, known["cluster"], strict=False):
        names.setdefault(group, cluster)
    found = pl.Series([names.get(group, group) for group in groups[known.height :]], dtype=pl.String)
    return added.with_columns(pl.col("cluster").fill_null(found))


def _split(before: pl.DataFrame, kept: pl.DataFrame, added: pl.DataFrame) -> pl.DataFrame:
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
    known = pl.concat([own, before.select("cluster", "split")]).unique("cluster", keep="first", maintain_order=True)
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
