"""What a run of candidates works on: a version of a set, the golden pack beside it, and who is to be asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

import polars as pl

from data_contracts.tables.verdicts import Status
from tasks import adapters
from tasks.adapters import Adapters
from tasks.base.paths import EvaluationPaths
from tasks.base.settings import Settings
from tasks.evaluate.runs.candidates import Candidate, read_candidates
from tasks.evaluate.runs.experiments import answers_of, given_in, read_experiments
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
        return [one for candidate in self.candidates for one in self._want_of(settings, candidate, known)]

    def _want_of(self, settings: Settings, candidate: Candidate, known: pl.LazyFrame) -> Iterator[Wanted]:
        """Of a candidate with packs also what goes alone, which is asked like any single text.

        What a pack does not answer now goes alone in the next run of the same command.
        """
        outside, name, items = self.outside, self.paths.set_name, self.asked_about
        own = want(outside, settings, name, items, candidate, given_in(known, candidate))
        yield own
        if (singly := candidate.singly) is not None:
            judged = answers_of(known, candidate).filter(pl.col("status") == Status.JUDGED)
            rest = items
            for done in (judged, own.records):
                rest = rest.join(done.select("text_sha256"), on="text_sha256", how="anti")
            yield want(outside, settings, name, rest, singly, given_in(known, singly))


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
