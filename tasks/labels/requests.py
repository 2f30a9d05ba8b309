"""What people are asked to label, what of it is answered, and what a rater has still to do.

Nothing is ever reserved: a request is open until as many raters have answered it as it has slots, and two raters who
work at the same time may both answer one that has a single slot. Both labels count.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path

import polars as pl

from data_contracts.tables.label_requests import LABEL_REQUESTS, Purpose
from data_contracts.tables.labels import LABELS, LabelSource
from tasks.adapters import Adapters
from tasks.adapters.lake import Lake
from tasks.base.frames import scratch
from tasks.base.paths import DayPaths
from tasks.labels.label_files import list_labels, read_labels
from tasks.labels.label_objects import Label
from tasks.labels.truth import is_usable

#: Labels that came in another way answer no request.
UNASKED = [str(LabelSource.OVERTURN), str(LabelSource.PLANTED)]


def read_requests(lake: Lake, paths: DayPaths) -> pl.DataFrame:
    """The day's requests as they are now; no row if none were drawn."""
    requests = lake.scan(paths.lake(LABEL_REQUESTS.name), LABEL_REQUESTS).filter(pl.col("date") == paths.run_date)
    return requests.collect()


def read_day_labels(outside: Adapters, paths: DayPaths) -> pl.DataFrame:
    """The day's labels that keep their contract, of every rater the latest word on a comment.

    Columns: LABELS.
    """
    with scratch() as folder:
        objects = list_labels(outside.storage, paths).read
        labels = read_labels(outside.storage, objects, paths.labels, Path(folder)).labels
    return latest_labels(labels.filter(is_usable()))


def latest_labels(labels: pl.DataFrame) -> pl.DataFrame:
    """Of each rater's words on a comment the latest; of several at one moment always the same.

    Columns: LABELS; unchanged.
    """
    order = ["labeled_at", *sorted(set(LABELS.names) - {"labeled_at"})]
    return labels.sort(order).unique(["comment_id", "labeler"], keep="last", maintain_order=True)


def request_states(requests: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
    """Each request with who has answered it, and how.

    Columns: LABEL_REQUESTS of `requests`; comment_id, labeler, violation, category, source of `labels`, one row a
    comment and rater -> plus raters (list of names, in order), yes_count, is_open (a slot is free), is_disputed (as
    many raters see a violation as see none).
    """
    answers = (
        labels.filter(~pl.col("source").is_in(UNASKED))
        .sort("comment_id", "labeler")
        .group_by("comment_id", maintain_order=True)
        .agg(raters="labeler", yes_count=pl.col("violation").sum().cast(pl.Int64))
    )
    joined = requests.join(answers, on="comment_id", how="left", validate="m:1", maintain_order="left")
    count = pl.col("raters").list.len().cast(pl.Int64)
    return joined.with_columns(
        pl.col("raters").fill_null([]).cast(pl.List(pl.String)), pl.col("yes_count").fill_null(0)
    ).with_columns(is_open=count < pl.col("rater_slots"), is_disputed=(count > 0) & (pl.col("yes_count") * 2 == count))


def open_requests(states: pl.DataFrame, rater: str | None = None) -> pl.DataFrame:
    """The requests with a free slot that a rater has not answered, in an order of the rater's own.

    The order is a hash of rater and comment: it mixes strata, differs from rater to rater, and is the same every time.

    Args:
        states: what `request_states` gives.
        rater: whose; None for all requests with a free slot.
    """
    return _shuffled(_unanswered(states, rater).filter("is_open"), rater)


def disputed_requests(states: pl.DataFrame, rater: str | None = None) -> pl.DataFrame:
    """The requests whose raters are tied, for one who has not answered them; in an order as `open_requests` has it."""
    return _shuffled(_unanswered(states, rater).filter(~pl.col("is_open"), "is_disputed"), rater)


def _unanswered(states: pl.DataFrame, rater: str | None) -> pl.DataFrame:
    return states if rater is None else states.filter(~pl.col("raters").list.contains(rater))


def _shuffled(requests: pl.DataFrame, rater: str | None) -> pl.DataFrame:
    """One row a comment, whatever it is asked for, shuffled."""
    once = requests.sort("purpose", "comment_id").unique(["date", "comment_id"], keep="first", maintain_order=True)
    places = [
        blake2b(f"{rater or ''}\0{day}\0{name}".encode(), digest_size=16).digest()
        for day, name in once.select("date", "comment_id").iter_rows()
    ]
    return once.with_columns(pl.Series("_place", places, pl.Binary)).sort("_place").drop("_place")


def open_requests_of(outside: Adapters, paths: DayPaths, rater: str | None = None) -> pl.DataFrame:
    """`open_requests` of a day as it is now: requests and labels are read."""
    states = request_states(read_requests(outside.lake, paths), read_day_labels(outside, paths))
    return open_requests(states, rater)


def asked_label(request: Mapping[str, object], **answer: object) -> Label:
    """A rater's answer to a request as a row of the label files.

    Args:
        request: comment_id, stratum, inclusion_probability and purpose of a request.
        answer: labeler, violation, category, labeled_at.

    Raises:
        ValueError: if the answer is at odds with itself.
    """
    known = {name: request[name] for name in ("comment_id", "stratum", "inclusion_probability")}
    return Label.model_validate(known | answer | {"source": source_of(Purpose(str(request["purpose"])))})


def source_of(purpose: Purpose) -> LabelSource:
    """The source of the labels that answer a request."""
    return LabelSource(purpose.value)
