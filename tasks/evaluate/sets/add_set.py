"""Takes a person's files of labelled comments into the next version of a set: all of them, or none."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import polars as pl

from data_contracts.tables.evaluation_sets import ItemSource
from tasks.base.settings import Settings
from tasks.evaluate.sets.next_version import ADDED_SCHEMA, AddedSet, write_next
from tasks.evaluate.sets.set_files import Item, read_items
from tasks.intake.language import identify_language
from tasks.intake.row_rules import normalise
from tasks.ledger.champion import serving
from tasks.llm.prompt import load_prompt


def add_set(settings: Settings, name: str, files: Sequence[Path], now: datetime) -> AddedSet:
    """Write the next version of a set: what the version before has, and the files' items, see `write_next`.

    Raises:
        BadRows: naming file and line of each row that cannot be taken; nothing was written.
        WrongUsage: if the name or a file is none, or somebody else wrote the next version just now.
    """
    named = serving(settings)
    prompt = load_prompt(named.prompt, named.prompt_version)
    items = read_items(files, prompt.categories)
    return write_next(settings, name, _frame(items, now, prompt.sha256), now, [prompt])


def _frame(items: Sequence[Item], now: datetime, prompt_sha256: str) -> pl.DataFrame:
    """The files' items with what they left to us but cluster and split, one a row."""
    texts = pl.Series("text", [item.text for item in items])
    normal = texts.to_frame().select(normalise(pl.col("text"))).to_series().to_list()
    rows = [
        item._asdict()
        | {
            "item_id": item.item_id or hashlib.sha256(words.encode()).hexdigest()[:32],
            "language": item.language or identify_language(words),
            "source": item.source or ItemSource.HUMAN,
            "weight": item.weight or 1.0,
            "added_at": now,
            "prompt_sha256": prompt_sha256,
        }
        for item, words in zip(items, normal, strict=True)
    ]
    return pl.DataFrame(rows, schema=ADDED_SCHEMA)
