"""What a run of candidates works on: a version of a set, the golden pack beside it, and who is to be asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple

import polars as pl

from tasks import adapters
from tasks.adapters import Adapters
from tasks.base.paths import EvaluationPaths
from tasks.base.settings import Settings
from tasks.evaluate.runs.candidates import Candidate, read_candidates
from tasks.evaluate.runs.experiments import answers_of, read_experiments
from tasks.evaluate.runs.golden import golden_items, with_golden
from tasks.evaluate.runs.requests import Wanted, want, with_hashes
from tasks.evaluate.sets.versions import check_name, read_version

SplitChoice = Literal["train", "dev", "test", "all"]


class OpenSet(NamedTuple):
    """A version of a set, and where it is.

    Attributes:
        items: those that have a text, as `with_hashes` gives them.
    """

    outside: Adapters
    settings: Settings
    paths: EvaluationPaths
    version: int
    items: pl.DataFrame


def open_set(settings: Settings, name: str, now: datetime) -> OpenSet:
    """The newest version of a set, at hand.

    Raises:
        WrongUsage: if there is no such set.
    """
    outside = adapters.connect(settings)
    paths = EvaluationPaths(settings, now.astimezone(settings.zone).date(), check_name(name))
    version, items = read_version(outside.storage, paths)
    return OpenSet(outside, settings, paths, version, with_hashes(items))


class Bench(NamedTuple):
    """A set laid out for candidates.

    Attributes:
        version: the newest of the set.
        chosen: its items of the wanted split, as `with_hashes` gives them.
        asked_about: these and the golden pack.
        every: all its items and the golden pack: what earlier runs may have asked about.
    """

    outside: Adapters
    paths: EvaluationPaths
    version: int
    chosen: pl.DataFrame
    asked_about: pl.DataFrame
    every: pl.DataFrame
    candidates: tuple[Candidate, ...]

    def want(self, settings: Settings) -> list[Wanted]:
        """What each candidate was not asked about yet, by the answers that are on record."""
        known = read_experiments(self.outside, self.paths)
        return [
            want(self.outside, settings, self.paths.set_name, self.asked_about, candidate, answers_of(known, candidate))
            for candidate in self.candidates
        ]


def lay_out(settings: Settings, name: str, texts: Sequence[str], split: SplitChoice, now: datetime) -> Bench:
    """Read the set and the candidates.

    Raises:
        WrongUsage: if the set or a candidate is none.
        SettingsInvalid: if the golden pack is broken.
    """
    candidates = read_candidates(settings, texts)
    outside, _, paths, version, every = open_set(settings, name, now)
    chosen = every if split == "all" else every.filter(pl.col("split") == split)
    golden = golden_items(settings, candidates)
    return Bench(
        outside,
        paths,
        version,
        chosen,
        with_golden(chosen, golden),
        with_golden(every, golden),
        tuple(candidates),
    )
