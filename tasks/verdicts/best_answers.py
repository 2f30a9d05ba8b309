"""The best answer of each comment, as its verdict."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from data_contracts.documents.ledger import LedgerEntry
from data_contracts.documents.plan import MODEL_STEP, Plan, PlannedAsker
from data_contracts.documents.usage import LanguageUsage
from data_contracts.tables.verdicts import VERDICTS, DecidedBy, DecidingStep, Status
from tasks.base.errors import JobFailed, TooFewJudged
from tasks.base.ports import JobStatus
from tasks.ledger.prices import PICODOLLARS
from tasks.llm.quotes import REMOVED_DETAIL, without_quotes


class VerdictSummary(BaseModel):
    """What the verdicts say, by count."""

    model_config = ConfigDict(frozen=True)

    verdict_count: int
    status_counts: dict[str, int]
    violation_count: int
    duplicate_count: int
    cost_pico: int | None
    #: what the requests used, for the estimates of later nights
    usage: tuple[LanguageUsage, ...] = ()

    @property
    def judged_fraction(self) -> float:
        """Judged verdicts among all; 1 when there are none to judge."""
        return self.status_counts.get(Status.JUDGED, 0) / self.verdict_count if self.verdict_count else 1.0


def best_answers(requests: pl.LazyFrame, answers: pl.LazyFrame, jobs: pl.LazyFrame) -> pl.LazyFrame:
    """The answer that counts for each record and text: a judged one first, then the highest epoch, the latest attempt.

    Tokens and cost are those of all attempts together, since all were paid for this record; a record that a job lost
    is `missing`, and its cost is what the output shows: nothing. An answer without token counts makes the cost unknown.

    Columns: requests (REQUESTS plus key), answers (ANSWERS plus key), jobs (`job_frame`) -> record_id, text_sha256,
    status ... explanation, decided_at, attempt, input_tokens, output_tokens, cost_pico, batch_job_arn.
    """
    # No output, nothing billed; an output without counts was billed, and nobody knows how much.
    has_no_output = pl.col("status").is_in([Status.ERROR.value, Status.MISSING.value])
    read, written = (
        pl.when(has_no_output).then(pl.col(name).fill_null(0)).otherwise(name)
        for name in ("input_tokens", "output_tokens")
    )
    tried = (
        requests.join(answers.drop("attempt"), on=["record_id", "key"], how="left")
        .join(jobs, on="key", how="left")
        .with_columns(pl.col("status").fill_null(Status.MISSING.value))
        .with_columns(
            cost_pico=read * pl.col("_input_pico") + written * pl.col("_output_pico"),
            status_detail=pl.when(pl.col("status") == Status.MISSING)
            .then(pl.lit("the job's output has no line for this record"))
            .otherwise(pl.col("status_detail")),
        )
    )
    counts = ("input_tokens", "output_tokens")
    best_first = pl.exclude(*counts, "cost_pico", "record_id", "text_sha256").sort_by(
        pl.col("status") != Status.JUDGED,
        pl.col("_epoch"),
        pl.col("attempt"),
        pl.col("key"),
        descending=[False, True, True, False],
    )
    return tried.group_by("record_id", "text_sha256").agg(
        best_first.first(),
        *(pl.when(pl.col(name).count() > 0).then(pl.col(name).sum()).alias(name) for name in counts),
        cost_pico=pl.when(pl.col("cost_pico").is_not_null().all()).then(pl.col("cost_pico").sum()),
    )


def golden_answers(requests: pl.LazyFrame, answers: pl.LazyFrame, jobs: pl.LazyFrame) -> pl.DataFrame:
    """The answer that counts for each golden item, by the rules for comments.

    Columns: those of `best_answers` -> golden_item_id, text_sha256, status, violation, category; in order of item.
    """
    asked = requests.filter(pl.col("golden_item_id").is_not_null()).collect(engine="streaming")
    is_mine = pl.col("record_id").is_in(asked["record_id"].unique().implode())
    answered = answers.filter(is_mine).collect(engine="streaming")
    told = best_answers(asked.lazy(), answered.lazy(), jobs)
    names = ("golden_item_id", "text_sha256", "status", "violation", "category")
    return told.select(names).sort(names[:2]).collect()


def merge(valid: pl.LazyFrame, duplicates: pl.LazyFrame, best: pl.LazyFrame, plan: Plan, priced: bool) -> pl.LazyFrame:
    """One verdict row per valid row, in order of record id.

    A duplicate inherits the status and verdict of the comment it is judged as, at no tokens and no cost. A comment
    that was never asked is `missing`. An explanation or an error that quotes its comment is replaced: only here do
    both meet.

    Columns: valid (record columns), duplicates (record_id, judged_as), best (`best_answers`) -> VERDICTS.
    """
    owns = pl.col("judged_as").is_null()
    pico = pl.when(pl.col("status").is_null()).then(pl.lit(0, pl.Int64)).otherwise("cost_pico")
    dollars = pico.map_batches(_usd, pl.Float64, is_elementwise=True)
    if "step" not in best.collect_schema():
        best = as_asked_plainly(best, plan)
    return VERDICTS.conform(
        valid.join(duplicates, on="record_id", how="left", validate="1:1")
        .with_columns(_asked=pl.coalesce("judged_as", "record_id"))
        .join(
            best, left_on=["_asked", "text_sha256"], right_on=["record_id", "text_sha256"], how="left", validate="m:1"
        )
        .sort("record_id")
        .with_columns(
            status_detail=pl.when(pl.col("status").is_null())
            .then(pl.lit("never asked"))
            .otherwise(without_quotes("status_detail", REMOVED_DETAIL)),
            status=pl.col("status").fill_null(Status.MISSING.value),
            explanation=without_quotes(),
            date=pl.lit(plan.run_date),
            decided_by=pl.when(owns)
            .then(pl.col("_decided_by").fill_null(DecidedBy.MODEL.value))
            .otherwise(pl.lit(DecidedBy.DUPLICATE.value)),
            attempt=pl.col("attempt").fill_null(0),
            input_tokens=pl.when(owns).then("input_tokens"),
            output_tokens=pl.when(owns).then("output_tokens"),
            cost_usd=pl.when(~owns).then(0.0).when(pl.lit(priced)).then(dollars),
            model_id=pl.col("_model_id").fill_null(plan.model_id),
            prompt_name=pl.col("_prompt_name").fill_null(plan.prompt_name),
            prompt_version=pl.col("_prompt_version").fill_null(plan.prompt_version),
            prompt_sha256=pl.col("_prompt_sha256").fill_null(plan.prompt_sha256),
            step=pl.when(owns).then(pl.col("step").fill_null(DecidingStep.MODEL.value)),
            policy=pl.lit(plan.policy.name if plan.policy else None, pl.String),
            policy_sha256=pl.lit(plan.policy.sha256 if plan.policy else None, pl.String),
            is_audit=owns & pl.col("is_audit").fill_null(False),
            inclusion_probability=pl.when(owns & pl.col("is_audit")).then("inclusion_probability"),
            pack=pl.when(owns).then("pack"),
            slot=pl.when(owns).then("slot"),
            run_id=pl.lit(plan.run_id),
            decided_at=pl.col("decided_at").fill_null(pl.lit(plan.planned_at)),
        )
    )


def as_asked_plainly(best: pl.LazyFrame, plan: Plan) -> pl.LazyFrame:
    """The answers of a night whose every comment was asked of the model, singly, with what a policy would say."""
    return best.with_columns(
        *by_asker(plan.asker(MODEL_STEP)),
        step=pl.lit(DecidingStep.MODEL.value),
        is_audit=pl.lit(False),
        inclusion_probability=pl.lit(None, pl.Float64),
        pack=pl.lit(None, pl.String),
        slot=pl.lit(None, pl.String),
        _decided_by=pl.lit(DecidedBy.MODEL.value),
    )


def by_asker(asker: PlannedAsker | None) -> list[pl.Expr]:
    """Who was asked, as columns."""
    names = ("model_id", "prompt_name", "prompt_version", "prompt_sha256")
    return [pl.lit(getattr(asker, name) if asker else None, pl.String).alias(f"_{name}") for name in names]


def _usd(pico: pl.Series) -> pl.Series:
    """Dollars, rounded as the ledger's are; polars multiplies by the reciprocal, which may be off in the last digit."""
    exact = pl.Series(pico.name, pico.fill_null(0).to_numpy() / PICODOLLARS)
    return exact.set(pico.is_null(), None)


def summarise(verdicts: pl.LazyFrame, cost_pico: int | None, usage: tuple[LanguageUsage, ...] = ()) -> VerdictSummary:
    """Counts over the verdicts, in one streaming pass."""
    by_status = verdicts.group_by("status").len()
    flags = verdicts.select(
        rows=pl.len(),
        violations=pl.col("violation").sum(),
        duplicates=(pl.col("decided_by") == DecidedBy.DUPLICATE).sum(),
    )
    statuses, counts = pl.collect_all([by_status, flags], engine="streaming")
    row = counts.row(0, named=True)
    return VerdictSummary(
        verdict_count=row["rows"],
        status_counts=dict(sorted(statuses.iter_rows())),
        violation_count=row["violations"],
        duplicate_count=row["duplicates"],
        cost_pico=cost_pico,
        usage=usage,
    )


def check_judged(summary: VerdictSummary, min_judged_fraction: float, jobs: Sequence[LedgerEntry]) -> None:
    """Raises JobFailed or TooFewJudged unless enough comments were judged to publish.

    Raises:
        JobFailed: if too few were and a job failed as a whole, with Bedrock's own message.
        TooFewJudged: if too few were otherwise, with the counts by status.
    """
    if summary.judged_fraction >= min_judged_fraction:
        return
    failed = [job for job in jobs if job.job_status == JobStatus.FAILED]
    if failed:
        raise JobFailed(f"job {failed[-1].job_name} failed: {failed[-1].job_message} (nothing was published)")
    counts = ", ".join(f"{status} {count}" for status, count in summary.status_counts.items())
    raise TooFewJudged(
        f"{summary.status_counts.get(Status.JUDGED, 0)} of {summary.verdict_count} comments judged ({counts}), less "
        f"than MODERATION_MIN_JUDGED_FRACTION={min_judged_fraction}: nothing was published; what was answered stays in "
        "the ledger, and the next run asks for the rest"
    )


def arrow(verdicts: pl.DataFrame) -> pa.Table:
    """The frame as Arrow in the contract's schema."""
    return verdicts.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(VERDICTS.arrow_schema)
