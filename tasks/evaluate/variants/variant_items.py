"""From replies to items: what is none is counted, what is one bears its comment's cluster, split and guideline."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import polars as pl

from data_contracts.tables.evaluation_sets import ItemSource
from tasks.evaluate.sets.next_version import ADDED_SCHEMA
from tasks.evaluate.variants.recipes import RECIPES, Kind, fitting, variant_id
from tasks.intake.row_rules import normalise

_NONE = "none"


class Wish(NamedTuple):
    """A variant that is wanted: of which item, of which kind."""

    item_id: str
    kind: Kind


class Made(NamedTuple):
    """What the replies gave.

    Attributes:
        items: with the columns of ADDED_SCHEMA.
        unchanged_count: replies that say what the comment says, or what another variant says.
    """

    items: pl.DataFrame
    unchanged_count: int


def wishes(items: pl.DataFrame, kinds: Sequence[Kind], count: int, known: frozenset[str]) -> list[Wish]:
    """Which variants are wanted: of each kind so many, of items by a hash of both, so that the same set gives the same.

    Args:
        items: of the set that they are made from.
        kinds: which.
        count: of each.
        known: ids of items that are there already: they count, and are not made again.
    """
    found = []
    for kind in kinds:
        ids = sorted(fitting(items, kind)["item_id"], key=lambda item_id: _rank(item_id, kind))
        found += [Wish(item_id, kind) for item_id in ids[:count] if variant_id(item_id, kind) not in known]
    return found


def _rank(item_id: str, kind: Kind) -> str:
    return hashlib.sha256(f"variant\x1f{kind}\x1f{item_id}".encode()).hexdigest()


def made_items(items: pl.DataFrame, texts: Mapping[Wish, str], now: datetime) -> Made:
    """The variants as items.

    Args:
        items: of the set that they were made from.
        texts: what the model wrote.
        now: when they are added.
    """
    origins = {row["item_id"]: row for row in items.iter_rows(named=True)}
    said = set(_normal([str(origins[wish.item_id]["text"]) for wish in texts]))
    rows, unchanged_count = [], 0
    for (wish, text), normal in zip(texts.items(), _normal(list(texts.values())), strict=True):
        if normal in said:
            unchanged_count += 1
            continue
        said.add(normal)
        origin, recipe = origins[wish.item_id], RECIPES[wish.kind]
        violation = origin["violation"] if recipe.is_violation is None else recipe.is_violation
        rows.append(
            origin
            | {
                "item_id": variant_id(wish.item_id, wish.kind),
                "text": text,
                "violation": violation,
                "category": origin["category"] if violation else _NONE,
                "source": ItemSource.MODEL.value,
                "stratum": wish.kind.value,
                "weight": 1.0,
                "date": None,
                "comment_id": None,
                "added_at": now,
                "posted_at": None,
            }
        )
    return Made(pl.DataFrame(rows, schema=ADDED_SCHEMA), unchanged_count)


def _normal(texts: Sequence[str]) -> list[str]:
    frame = pl.DataFrame({"text": list(texts)}, schema={"text": pl.String})
    return frame.select(normalise(pl.col("text")).str.to_lowercase()).to_series().to_list()
