"""Whether prompt or model changed in the last nights: the first thing that somebody asks who reads an alert."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise
from typing import Literal, NamedTuple

import polars as pl

from data_contracts.documents.plan import Plan
from data_contracts.tables.verdicts import NIGHTS
from tasks.adapters import Adapters
from tasks.base.paths import RunPaths

#: How far back a change is told of.
DAYS = 28


class VersionChange(NamedTuple):
    """A change of prompt or model between two nights: `day` is the first with the new one."""

    day: date
    what: Literal["prompt", "model"]
    before: str
    after: str


def find_changes(outside: Adapters, paths: RunPaths) -> tuple[VersionChange, ...]:
    """The changes up to a night, the newest first.

    The night itself has no row in `nights` yet: its plan says with what it judged.
    """
    first = paths.run_date - timedelta(days=DAYS)
    nights = outside.lake.scan(paths.lake(NIGHTS.name), NIGHTS).filter(
        pl.col("date").is_between(first, paths.run_date, closed="left")
    )
    rows = nights.select("date", "prompt_version", "model_id").sort("date").collect().rows()
    body = outside.storage.get(paths.file("plan.json"))
    if body is not None:
        plan = Plan.model_validate_json(body)
        rows.append((paths.run_date, plan.prompt_version, plan.model_id))
    return tuple(reversed(list(changes_of(rows))))


def changes_of(nights: list[tuple[date, str, str]]) -> Iterator[VersionChange]:
    """The changes from night to night; a night is (date, prompt version, model), in order of date."""
    for before, after in pairwise(nights):
        for place, what in ((1, "prompt"), (2, "model")):
            if before[place] != after[place]:
                yield VersionChange(after[0], what, str(before[place]), str(after[place]))  # type: ignore[arg-type]
