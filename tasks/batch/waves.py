"""Which step asks now, and for which comments: the light model first, then the model for all that is left and audited.

A wave is closed once nothing of it is left to ask or to wait for, or its own deadline has passed; what it has not
answered by then goes on to the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import polars as pl

from data_contracts.documents.ledger import LedgerEntry, step_record_id
from data_contracts.documents.plan import MODEL_STEP, PACK_STEP
from data_contracts.tables.verdicts import DecidingStep, Status
from prompts.policies import PolicyFile
from tasks.batch.pack_comments import form_packs, is_suspicious
from tasks.ledger.entries import step_of
from tasks.route.audit_draw import USE, fill
from tasks.route.decisions import asked_singly, decide

LIGHT_STEP = "light"
_KEY = ("record_id", "text_sha256")
_NAMED = {"asked_as": pl.String, "inclusion_probability": pl.Float64}


class Day(NamedTuple):
    """The day's frames that a wave is chosen by.

    Attributes:
        valid: record columns and comment_id.
        routed: ROUTED.
        requests, answers: REQUESTS and ANSWERS plus key, of every serving entry.
        entries: the serving entries.
    """

    valid: pl.LazyFrame
    routed: pl.LazyFrame
    requests: pl.LazyFrame
    answers: pl.LazyFrame
    entries: Sequence[LedgerEntry]

    def of_step(self, frame: pl.LazyFrame, step: str) -> pl.LazyFrame:
        """The rows of a step's entries."""
        keys = [entry.key for entry in self.entries if step_of(entry) == step]
        return frame.filter(pl.col("key").is_in(keys))

    def within(self, holds: pl.Expr) -> Day:
        """The day with some of its records alone."""
        return self._replace(
            valid=self.valid.filter(holds),
            routed=self.routed.filter(holds),
            requests=self.requests.filter(holds),
            answers=self.answers.filter(holds),
        )


def light_answers(day: Day) -> pl.LazyFrame:
    """The judged light answers: record_id, text_sha256, status and outcome; a row a comment."""
    requests, answers = day.of_step(day.requests, LIGHT_STEP), day.of_step(day.answers, LIGHT_STEP)
    judged = requests.select(*_KEY, "key").join(
        answers.filter(pl.col("status") == "judged").drop("attempt"), on=["record_id", "key"], how="inner"
    )
    return judged.sort("key").unique(_KEY, keep="first", maintain_order=True)


def pack_answers(day: Day) -> pl.LazyFrame:
    """What was said in packs: record_id, text_sha256, status and outcome; a row a comment that was asked so."""
    requests, answers = day.of_step(day.requests, PACK_STEP), day.of_step(day.answers, PACK_STEP)
    said = requests.select(*_KEY, "key").join(answers.drop("attempt"), on=["record_id", "key"], how="left")
    best_first = [pl.col("status") != Status.JUDGED, pl.col("key")]
    return said.sort(best_first, nulls_last=True).unique(_KEY, keep="first", maintain_order=True)


def decided(day: Day, policy: PolicyFile) -> pl.LazyFrame:
    """What the steps before the model say of each comment so far. Columns: see `decide`."""
    own = asked_singly(day.of_step(day.requests, MODEL_STEP))
    return decide(day.routed, light_answers(day), own, policy, pack_answers(day))


def for_light(day: Day, run_date: date) -> pl.LazyFrame:
    """The comments that the light model is to be asked for, each with the id that it is asked by.

    Columns: those of `valid` plus asked_as, inclusion_probability.
    """
    is_open = pl.col("step").is_null() & ~pl.col("sent_on")
    left = day.routed.filter(is_open).select(*_KEY)
    # Once for all runs of the day: what it did not answer is the model's. So is what a run before asked of the model.
    for asked in (
        day.of_step(day.requests, LIGHT_STEP),
        day.of_step(day.requests, PACK_STEP),
        asked_singly(day.of_step(day.requests, MODEL_STEP)),
    ):
        left = left.join(asked.select(*_KEY), on=_KEY, how="anti")
    return named(day.valid.join(left, on=_KEY, how="semi", maintain_order="left"), run_date, LIGHT_STEP, None)


def for_packs(day: Day, policy: PolicyFile, most: int, min_job_records: int) -> pl.DataFrame:
    """The comments that are to be asked in packs now, and where each stands.

    The packs of a day are the same for each of its runs, so that a run after a crash sends those that are left. Where
    that is not so, for the input or the policy has changed since, what was not asked yet is packed by itself.

    Columns: see `form_packs`.
    """
    none_asked = pl.LazyFrame(schema=dict.fromkeys(_KEY, pl.String))
    undecided = decide(day.routed, light_answers(day), none_asked, policy)
    open_ones = undecided.filter(pl.col("step").is_null() & ~pl.col("sent_on")).select(*_KEY)
    fitting = day.valid.filter(~is_suspicious()).join(open_ones, on=_KEY, how="semi")
    comments = fitting.select(*_KEY, "user_id", "product_id").collect(engine="streaming")
    of_packs, singly = day.of_step(day.requests, PACK_STEP), asked_singly(day.of_step(day.requests, MODEL_STEP))
    asked = pl.concat([frame.select(*_KEY) for frame in (of_packs, singly)]).unique().collect(engine="streaming")
    asked = comments.join(asked, on=_KEY, how="semi").select("record_id", _is_asked=pl.lit(value=True))
    packs = form_packs(comments, most, min_job_records).join(asked, on="record_id", how="left", maintain_order="left")
    share = pl.col("_is_asked").count().over("pack") / pl.len().over("pack")
    packs = packs.with_columns(_share=share).drop("_is_asked")
    if packs["_share"].is_in([0.0, 1.0]).all():
        return packs.filter(pl.col("_share") == 0.0).drop("_share")
    return form_packs(comments.join(asked, on="record_id", how="anti"), most, min_job_records)


def for_model(day: Day, policy: PolicyFile, run_date: date) -> pl.LazyFrame:
    """The comments that the model is to be asked for: undecided ones as its own, drawn ones as an audit.

    Columns: those of `valid` plus asked_as, inclusion_probability.
    """
    seen = decided(day, policy).select(*_KEY, "step", "rate", "is_drawn")
    joined = day.valid.join(seen, on=_KEY, how="inner", maintain_order="left")
    own = joined.filter(pl.col("step").is_null())
    audits = joined.filter(pl.col("is_drawn"))
    parts = [
        own.with_columns(pl.lit(None, dtype).alias(name) for name, dtype in _NAMED.items()),
        named(audits, run_date, USE, "rate"),
    ]
    return pl.concat([part.drop("step", "rate", "is_drawn") for part in parts])


def in_packs(comments: pl.LazyFrame, packs: pl.DataFrame, run_date: date) -> pl.LazyFrame:
    """The comments in the order of their packs and places, each with its place and the id that its pack goes by.

    Columns: comments (those of `valid`), packs (`form_packs`) -> those of `valid` plus asked_as, slot,
    inclusion_probability.
    """
    placed = packs.lazy().join(comments, on="record_id", how="inner").sort("pack", "slot").collect()
    ids = placed.group_by("pack", maintain_order=True).agg("comment_id")
    names = [step_record_id(run_date, PACK_STEP, one) for one in ids["comment_id"].to_list()]
    named_packs = ids.select("pack").with_columns(pl.Series("asked_as", names, pl.String))
    joined = placed.join(named_packs, on="pack", how="left", maintain_order="left").drop("pack")
    return joined.lazy().with_columns(inclusion_probability=pl.lit(None, pl.Float64))


def named(comments: pl.LazyFrame, run_date: date, step: str, probability: str | None) -> pl.LazyFrame:
    """Add the id that each comment is asked by in a step, and the probability that it was drawn with."""

    def names(ids: pl.Series) -> pl.Series:
        return pl.Series(ids.name, [step_record_id(run_date, step, (one,)) for one in ids], pl.String)

    drawn = pl.col(probability) if probability else pl.lit(None, pl.Float64)
    return comments.with_columns(
        asked_as=pl.col("comment_id").map_batches(names, pl.String, is_elementwise=True),
        inclusion_probability=drawn.cast(pl.Float64),
    )


class Filling(NamedTuple):
    """Comments that fill an audit up, and the probability that all of the step's drawn ones have had then."""

    comments: pl.LazyFrame
    drawn: pl.LazyFrame
    probability: float


def filling(day: Day, policy: PolicyFile, run_date: date, lacking: int) -> Filling | None:
    """More audits of the light step, else of packs, as many as a job lacks; None if there are none to be had.

    A job of the smallest size costs what its records cost one by one, and less if more than half of them are needed.
    """
    step = DecidingStep.LIGHT if policy.step("light") else DecidingStep.MODEL if policy.steps[-1].pack else None
    if step is None:
        return None
    decided_so = decided(day, policy).filter(pl.col("step") == step)
    drawn = decided_so.filter("is_drawn").select("record_id")
    drawn_count = drawn.select(pl.len()).collect(engine="streaming").item()
    rest = decided_so.filter(~pl.col("is_drawn")).select("record_id", "draw")
    taken, probability = fill(rest, drawn_count, lacking)
    if taken.height < lacking:
        return None
    chosen = day.valid.join(taken.lazy().select("record_id"), on="record_id", how="semi", maintain_order="left")
    chosen = named(chosen.with_columns(rate=pl.lit(probability)), run_date, USE, "rate").drop("rate")
    return Filling(chosen, drawn, probability)
