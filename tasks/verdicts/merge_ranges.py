"""The verdicts by ranges of record id, so that what is held does not grow with the day."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import polars as pl

from data_contracts.documents.plan import Plan
from tasks.base.frames import Bucket, buckets, scan_file
from tasks.batch.estimate.learnt import usage_by_language
from tasks.verdicts.best_answers import best_answers, merge


class MergedRange(NamedTuple):
    """The verdicts of a range of record ids.

    Attributes:
        verdicts: VERDICTS.
        usage: what the requests for them used, by language.
        comments: record_id and comment_id of them.
        best: what they were made of: with a policy, what each step said of a comment too.
    """

    verdicts: pl.DataFrame
    usage: pl.DataFrame
    comments: pl.DataFrame
    best: pl.LazyFrame


#: From the requests and answers of a range, the answer that counts for each comment: `best_answers`, or a policy's.
BestOf = Callable[[pl.LazyFrame, pl.LazyFrame, pl.Expr], pl.LazyFrame]


class Frames(NamedTuple):
    """What the verdicts are made of; `valid` lies range by range, so that reading a range reads little else.

    Attributes:
        valid: the run's valid comments.
        duplicates: record_id, judged_as.
        requests: REQUESTS plus key.
        answers: ANSWERS plus key.
        jobs: `job_frame`.
        lent_requests, lent_answers: those of the comments that others are judged as, wherever these are.
    """

    valid: pl.LazyFrame
    duplicates: pl.LazyFrame
    requests: pl.LazyFrame
    answers: pl.LazyFrame
    jobs: pl.LazyFrame
    lent_requests: pl.LazyFrame
    lent_answers: pl.LazyFrame

    @classmethod
    def of(
        cls,
        valid: pl.LazyFrame,
        duplicates: pl.LazyFrame,
        requests: pl.LazyFrame,
        answers: pl.LazyFrame,
        jobs: pl.LazyFrame,
        folder: Path,
    ) -> Frames:
        """The frames, with what ranges lend one another in files of a folder: one pass for all of the ranges."""
        first = duplicates.select(pl.col("judged_as").unique()).collect(engine="streaming")["judged_as"]
        lent = []
        for name, frame in (("requests", requests), ("answers", answers)):
            path = folder / f"lent-{name}.parquet"
            frame.filter(pl.col("record_id").is_in(first.implode())).sink_parquet(path)
            lent.append(scan_file(path))
        return cls(valid, duplicates, requests, answers, jobs, *lent)


def merge_range(bucket: Bucket, frames: Frames, plan: Plan, priced: bool, best_of: BestOf | None = None) -> MergedRange:
    """The best answers of one range of record ids, and `merge` of them.

    A range has its own comments, and looks up what was answered for those that they are judged as wherever these are:
    a text that half of the day repeats makes no range larger than the others.
    """
    in_range = bucket.holds(pl.col("record_id"))
    copies = frames.duplicates.filter(in_range).collect(engine="streaming")
    # Conditions and not joins: what a join picks keeps the strings of every row that it was picked from in memory.
    is_first = pl.col("record_id").is_in(copies["judged_as"].unique().implode())
    is_lent = ~in_range & is_first
    parts = [
        frames.valid.filter(in_range),
        pl.concat([frames.requests.filter(in_range), frames.lent_requests.filter(is_lent)]),
        pl.concat([frames.answers.filter(in_range), frames.lent_answers.filter(is_lent)]),
    ]
    comments, asked, answered = (part.collect(engine="streaming") for part in parts)
    if best_of is None:
        best = best_answers(asked.lazy(), answered.lazy(), frames.jobs)
    else:
        best = best_of(asked.lazy(), answered.lazy(), in_range | is_first).collect().lazy()
    verdicts = merge(comments.lazy(), copies.lazy(), best, plan, priced).collect()
    # What a comment cost over several steps says nothing of one request.
    of_one = verdicts if best_of is None else verdicts.clear()
    return MergedRange(verdicts, usage_by_language(comments.lazy(), of_one.lazy()), comments, best)


def merge_in_buckets(
    frames: Frames, plan: Plan, priced: bool, row_count: int, best_of: BestOf | None = None
) -> Iterator[MergedRange]:
    """`merge_range` of each range of record ids; the verdicts come in order of id."""
    for bucket in buckets(row_count):
        yield merge_range(bucket, frames, plan, priced, best_of)
