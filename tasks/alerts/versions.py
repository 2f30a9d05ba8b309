"""Whether prompt or model changed in the last nights: the first thing that somebody asks who reads an alert."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise
from typing import Literal, NamedTuple

import polars as pl
from pydantic import BaseModel, ValidationError

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


class Versions(NamedTuple):
    """What judged the last nights.

    Attributes:
        first: the earliest night that was looked at.
        changes: the newest first.
    """

    first: date
    changes: tuple[VersionChange, ...]


class _Plan(BaseModel):
    """What is taken from a plan, of whichever version."""

    prompt_version: str
    model_id: str


class _Night(NamedTuple):
    day: date
    prompt: str
    model: str


def find_versions(outside: Adapters, paths: RunPaths) -> Versions | None:
    """With what the nights up to this one judged; None if nobody can tell of this one, or there was none before.

    The night itself has no row in `nights` yet: its plan says with what it judged.
    """
    first = paths.run_date - timedelta(days=DAYS)
    rows = outside.lake.read(paths.lake(NIGHTS.name), NIGHTS).filter(pl.col("date").is_between(first, paths.run_date))
    found = rows.select("date", "prompt_version", "model_id").sort("date").collect().rows()
    nights = [_Night(*row) for row in found if row[0] != paths.run_date]
    tonight = [_Night(*row) for row in found if row[0] == paths.run_date]
    try:
        plan = _Plan.model_validate_json(outside.storage.get(paths.file("plan.json")) or b"")
        tonight = [_Night(paths.run_date, plan.prompt_version, plan.model_id)]
    except ValidationError:  # measured again, by a run that has no plan
        pass
    if not (tonight and nights):
        return None
    return Versions(nights[0].day, tuple(reversed(list(changes_of([*nights, *tonight])))))


def changes_of(nights: list[_Night]) -> Iterator[VersionChange]:
    """The changes from night to night, of nights in order of date."""
    for before, after in pairwise(nights):
        if before.prompt != after.prompt:
            yield VersionChange(after.day, "prompt", before.prompt, after.prompt)
        if before.model != after.model:
            yield VersionChange(after.day, "model", before.model, after.model)
