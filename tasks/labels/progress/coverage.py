"""How much of what was asked for has been answered, stratum by stratum: a sample with a hole says little of the day."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from data_contracts.tables.label_requests import Purpose, Stratum
from data_contracts.tables.labels import LabelSource
from tasks.labels.cohorts import ENOUGH
from tasks.labels.requests import request_states


class Coverage(NamedTuple):
    """The requests of a day's sample, and those that are answered, by stratum.

    Attributes:
        asked: requests.
        answered: of these, with at least one label that says that it was drawn from this stratum.
        other_count: comments that a sample took which was not drawn here: a site may draw one of its own.
    """

    asked: dict[str, int]
    answered: dict[str, int]
    other_count: int = 0

    @classmethod
    def of(cls, requests: pl.DataFrame, labels: pl.DataFrame) -> Coverage:
        """Count them.

        Columns: LABEL_REQUESTS of `requests`; LABELS of `labels`, usable ones, one row a comment and rater.
        """
        sample = requests.filter(pl.col("purpose") == Purpose.SAMPLE)
        sampled = labels.filter(pl.col("source") == LabelSource.SAMPLE)
        mine = sampled.join(sample, on=["comment_id", "stratum"], how="semi")
        other_count = sampled.join(mine, on="comment_id", how="anti")["comment_id"].n_unique()
        counts = (
            request_states(sample, mine)
            .group_by("stratum")
            .agg(pl.len(), answered=(pl.col("raters").list.len() > 0).sum())
        )
        asked = {str(stratum): int(count) for stratum, count, _ in counts.iter_rows()}
        answered = {str(stratum): int(count) for stratum, _, count in counts.iter_rows()}
        order = [stratum.value for stratum in Stratum if stratum in asked]
        return cls({name: asked[name] for name in order}, {name: answered[name] for name in order}, other_count)

    @property
    def is_used(self) -> bool:
        """Whether it is the requests that the day's labels answer, and no sample of the site's own."""
        return sum(self.answered.values()) > self.other_count

    @property
    def is_complete(self) -> bool:
        """Whether nine tenths of the requests are answered."""
        return sum(self.answered.values()) >= ENOUGH * sum(self.asked.values())

    @property
    def bare(self) -> tuple[str, ...]:
        """Strata of which nothing is answered."""
        return tuple(name for name, count in self.answered.items() if not count)

    def words(self) -> str | None:
        """For the reader of a measurement; None where the labels answer no request."""
        if not self.is_used:
            return None
        told = ", ".join(f"{name} {self.answered[name]} of {count}" for name, count in self.asked.items())
        if not self.bare:
            return f"requests answered: {told}"
        return f"requests answered: {told}; no labels of {' and '.join(self.bare)}: of these comments it says nothing"
