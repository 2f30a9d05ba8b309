"""Takes the labelled comments of a published night into the next version of a set, each with its weight."""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

import polars as pl

from data_contracts.tables.labels import LabelSource
from data_contracts.tables.verdicts import VERDICTS
from tasks import adapters
from tasks.adapters.lake import reading_lake
from tasks.base.errors import WrongUsage
from tasks.base.paths import DayPaths
from tasks.base.settings import Settings
from tasks.evaluate.guidelines import catalog_prompts
from tasks.evaluate.sets.log_items import LogItems, log_items, taken_source
from tasks.evaluate.sets.next_version import AddedSet, describe_added, write_next
from tasks.labels.comment_texts import read_texts
from tasks.labels.requests import read_day_labels
from tasks.labels.truth import settle


class AddedNight(NamedTuple):
    """What was written, and what of the night's labels could not be taken."""

    added: AddedSet
    night: LogItems


@reading_lake()
def add_night(settings: Settings, name: str, run_date: date, now: datetime) -> AddedNight:
    """Write the next version of a set with a night's labelled comments; the same night again takes their place.

    Of several raters the majority counts; a tie is left out, and so is a comment without a verdict, which no sample
    was drawn from.

    Raises:
        WrongUsage: if the night was not published, has no label that can be taken, or the set's name is none.
    """
    outside, paths = adapters.connect(settings), DayPaths(settings, run_date)
    table = outside.lake.scan(paths.lake(VERDICTS.name), VERDICTS).filter(pl.col("date") == run_date)
    if not table.select(pl.len()).collect().item():
        raise WrongUsage(f"no night of {run_date} is published")
    comments = settle(read_day_labels(outside, paths), table, 0).comments
    source = taken_source(comments)
    wanted = comments.filter(pl.col("source") == source).select("comment_id") if source else comments.clear()
    found = table.select("comment_id", "posted_at", "prompt_sha256").join(wanted.lazy(), on="comment_id", how="semi")
    night = log_items(
        comments,
        found.collect(engine="streaming"),
        read_texts(outside, paths, wanted["comment_id"].to_list()) if source else {},
        run_date,
        now,
    )
    if night.items.is_empty():
        raise WrongUsage(f"{run_date} has no label that can be taken: {', '.join(_left_out(night)) or 'none came'}")
    digests = set(night.items["prompt_sha256"])
    guidelines = [prompt for prompt in catalog_prompts() if prompt.sha256 in digests]
    return AddedNight(write_next(settings, name, night.items, now, guidelines), night)


def _left_out(night: LogItems) -> list[str]:
    counts = {
        "whose text the input no longer holds": night.without_text_count,
        "of no category": night.without_category_count,
    }
    return [f"{count:,} {words}" for words, count in counts.items() if count]


def describe_night(done: AddedNight) -> list[str]:
    """What was written, for a terminal."""
    lines = describe_added(done.added)
    weight = float(done.night.items["weight"].sum())
    lines.append(f"  {done.night.items.height:,} labels of source {done.night.source} stand for {weight:,.0f} comments")
    if done.night.source is not LabelSource.SAMPLE:
        lines.append("  they are no sample of the night: its traffic may differ from them")
    if left := _left_out(done.night):
        lines.append(f"  left out: {', '.join(left)}")
    return lines
