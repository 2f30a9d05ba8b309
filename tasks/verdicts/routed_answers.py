"""The answer that counts where a policy decides who judges: a step's own, or the model's for the rest and audits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import polars as pl

from data_contracts.documents.ledger import LedgerEntry
from data_contracts.documents.plan import MODEL_STEP, PACK_STEP, Plan
from data_contracts.tables.routes import AUDITS, ROUTES
from data_contracts.tables.verdicts import DecidedBy, DecidingStep, Status
from prompts.policies import PolicyFile
from tasks.batch.waves import LIGHT_STEP
from tasks.ledger.entries import step_of
from tasks.route.decisions import asked_singly, decide
from tasks.route.estimates import Audited, estimate_route
from tasks.verdicts.best_answers import best_answers, by_asker
from tasks.verdicts.merge_ranges import BestOf, MergedRange

_KEY = ("record_id", "text_sha256")
_OUTCOME = ("status", "status_detail", "violation", "category", "confidence", "explanation", "decided_at")
_ASKED = ("attempt", "batch_job_arn")
_TOTALS = ("input_tokens", "output_tokens", "cost_pico")
#: What a model says of a comment; all else says that nothing usable came of asking it.
_ANSWERED = (Status.JUDGED.value, Status.REFUSED.value)
_BY = {
    DecidingStep.CACHE: DecidedBy.CACHE,
    DecidingStep.RULE: DecidedBy.RULE,
    DecidingStep.CLASSIFIER: DecidedBy.CLASSIFIER,
}


class Steps(NamedTuple):
    """The keys of the entries of each step that is asked."""

    light: list[str]
    pack: list[str]
    model: list[str]

    @classmethod
    def of(cls, entries: Sequence[LedgerEntry]) -> Steps:
        """The steps of a day's entries."""
        names = (LIGHT_STEP, PACK_STEP, MODEL_STEP)
        return cls(*([entry.key for entry in entries if step_of(entry) == step] for step in names))


def best_by_policy(
    routed: pl.LazyFrame, jobs: pl.LazyFrame, entries: Sequence[LedgerEntry], plan: Plan, policy: PolicyFile
) -> BestOf:
    """How the answer that counts is found for a range of records: `routed_answers`, with all else given."""
    steps = Steps.of(entries)

    def best_of(requests: pl.LazyFrame, answers: pl.LazyFrame, is_asked: pl.Expr) -> pl.LazyFrame:
        some = routed.filter(is_asked).collect(engine="streaming").lazy()
        return routed_answers(some, requests, answers, jobs, steps, plan, policy)

    return best_of


def routed_answers(
    routed: pl.LazyFrame,
    requests: pl.LazyFrame,
    answers: pl.LazyFrame,
    jobs: pl.LazyFrame,
    steps: Steps,
    plan: Plan,
    policy: PolicyFile,
) -> pl.LazyFrame:
    """The answer that counts for each comment, and what all steps together used for it.

    An audited comment has the model's answer, a refusal too: that is no reason to believe the step. One that the model
    gave no answer for, or was never asked for, has the step's, and is no audit. A comment whose pack was of no use, and
    that was not asked again, has what became of the pack.

    Columns: routed (ROUTED), requests, answers, jobs as `best_answers` -> those of `best_answers` plus step, is_audit,
    inclusion_probability, pack, slot, who was asked, and of a step's own verdict own_violation and own_category.
    """
    golden = pl.col("golden_item_id").is_null()
    requests = requests.filter(golden)
    of_light, of_packs, of_model = (requests.filter(pl.col("key").is_in(keys)) for keys in steps)
    totals = best_answers(requests, answers, jobs).select(*_KEY, *_TOTALS, _is_asked=pl.lit(True))
    light = best_answers(of_light, answers, jobs)
    packs = best_answers(of_packs, answers, jobs)
    own = decide(routed, light.select(*_KEY, *_OUTCOME), asked_singly(of_model), policy, packs.select(*_KEY, *_OUTCOME))
    singly = best_answers(of_model, answers, jobs).select(*_KEY, *_OUTCOME, *_ASKED)
    useless = packs.filter(pl.col("status") != Status.JUDGED).select(*_KEY, *_OUTCOME, *_ASKED)
    model = pl.concat([singly, useless.join(singly.select(*_KEY), on=_KEY, how="anti")]).select(
        *_KEY, *(pl.col(name).alias(f"_{name}") for name in (*_OUTCOME, *_ASKED))
    )
    asked_light = light.select(*_KEY, *(pl.col(name).alias(f"_light_{name}") for name in _ASKED))
    in_packs = packs.select(
        *_KEY, *(pl.col(name).alias(f"_pack_{name}") for name in _ASKED), _pack="asked_as", _slot="slot"
    )
    drawn = (
        of_model.filter(pl.col("inclusion_probability").is_not_null())
        .group_by(_KEY)
        .agg(_probability=pl.col("inclusion_probability").max())
    )
    joined = own
    for frame in (model, asked_light, in_packs, drawn, totals):
        joined = joined.join(frame, on=_KEY, how="left", maintain_order="left")
    is_decided, is_light = pl.col("step").is_not_null(), pl.col("step") == DecidingStep.LIGHT
    is_packed = (pl.col("step") == DecidingStep.MODEL).fill_null(False)
    is_drawn = pl.col("_probability").is_not_null() | pl.col("is_drawn")
    is_audit = is_decided & pl.col("_status").is_in(_ANSWERED) & is_drawn
    stands = is_decided & ~is_audit
    own_status = {"status": pl.lit(Status.JUDGED.value), "status_detail": pl.lit(None, pl.String)}
    own_asked = {"attempt": pl.lit(0, pl.Int32), "batch_job_arn": pl.lit(None, pl.String)}
    askers = [by_asker(plan.asker(step)) for step in (LIGHT_STEP, PACK_STEP, MODEL_STEP)]
    return joined.with_columns(
        *(
            pl.when(stands).then(own_status.get(name, pl.col(name))).otherwise(f"_{name}").alias(name)
            for name in _OUTCOME
        ),
        *(
            pl.when(stands & is_light)
            .then(f"_light_{name}")
            .when(stands & is_packed)
            .then(f"_pack_{name}")
            .when(stands)
            .then(nothing)
            .otherwise(f"_{name}")
            .alias(name)
            for name, nothing in own_asked.items()
        ),
        *(
            pl.when(stands & is_light)
            .then(light_one)
            .when(stands & is_packed)
            .then(pack_one)
            .otherwise(model_one)
            .alias(model_one.meta.output_name())
            for light_one, pack_one, model_one in zip(*askers, strict=True)
        ),
        own_violation=pl.when(is_decided).then("violation"),
        own_category=pl.when(is_decided).then("category"),
        is_audit=is_audit,
        inclusion_probability=pl.when(is_audit).then(pl.coalesce("_probability", "rate")),
        pack=pl.when(is_packed).then("_pack"),
        slot=pl.when(is_packed).then("_slot"),
        _decided_by=pl.when(stands)
        .then(pl.col("step").replace_strict({a.value: b.value for a, b in _BY.items()}, default=DecidedBy.MODEL.value))
        .otherwise(pl.lit(DecidedBy.MODEL.value)),
        step=pl.col("step").fill_null(DecidingStep.MODEL.value),
        cost_pico=pl.when(pl.col("_is_asked").is_null()).then(0).otherwise("cost_pico"),
    ).with_columns(
        status_detail=pl.when(pl.col("status").is_null())
        .then(pl.lit("never asked of the model"))
        .otherwise("status_detail"),
        status=pl.col("status").fill_null(Status.MISSING.value),
    )


def audits_of(part: MergedRange, plan: Plan) -> pl.DataFrame:
    """The audits of a range. Columns: AUDITS."""
    mine = part.comments.lazy().select("record_id", "comment_id")
    is_judged = pl.col("status") == Status.JUDGED
    audits = part.best.filter("is_audit").join(mine, on="record_id", how="inner")
    return AUDITS.conform(
        audits.select(
            "comment_id",
            "step",
            "inclusion_probability",
            date=pl.lit(plan.run_date),
            violation="own_violation",
            category="own_category",
            audit_violation=pl.when(is_judged).then("violation"),
            audit_category=pl.when(is_judged).then("category"),
        )
    ).collect()


def counts_of(part: MergedRange) -> pl.DataFrame:
    """How many comments of a range each step decided and which way. Columns: step, violation, size, pico, unknown."""
    mine = part.comments.lazy().select("record_id")
    told = part.best.join(mine, on="record_id", how="inner")
    return (
        told.group_by("step", violation="own_violation")
        .agg(
            size=pl.len().cast(pl.Int64),
            pico=pl.col("cost_pico").sum(),
            unknown=pl.col("cost_pico").null_count().cast(pl.Int64),
        )
        .collect()
    )


def routes_of(counts: Iterable[pl.DataFrame], audits: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """What each step decided, and what its audit says.

    Columns: counts (`counts_of`), audits (AUDITS) -> ROUTES.
    """
    sizes = pl.concat(list(counts)).group_by("step", "violation").sum()
    rows = []
    for step in DecidingStep:
        of_step = sizes.filter(pl.col("step") == step)
        if of_step.is_empty():
            continue
        judged = audits.filter(pl.col("step") == step, pl.col("audit_violation").is_not_null())
        cleared, flagged = (_audited(of_step, judged, way) for way in (False, True))
        found = estimate_route(cleared, flagged) if cleared.size + flagged.size else None
        is_known = not of_step["unknown"].sum()
        rows.append(
            {
                "date": plan.run_date,
                "step": step.value,
                "decided_count": int(of_step["size"].sum()),
                "audited_count": judged.height,
                "audit_errors": cleared.errors + flagged.errors,
                "error_rate": found and found.error_rate,
                "ci_low": found and found.rate_interval.low,
                "ci_high": found and found.rate_interval.high,
                "missed_violations": found and found.missed,
                "missed_low": found and found.missed_interval.low,
                "missed_high": found and found.missed_interval.high,
                "cost_usd": int(of_step["pico"].sum()) / 10**12 if is_known else None,
            }
        )
    return pl.DataFrame(rows, schema=ROUTES.polars_schema)


def _audited(sizes: pl.DataFrame, judged: pl.DataFrame, flagged: bool) -> Audited:
    mine = judged.filter(pl.col("violation") == flagged)
    wrong = mine.filter(pl.col("audit_violation") != flagged)
    weights = [float((1 / frame["inclusion_probability"]).sum()) for frame in (mine, wrong)]
    return Audited(
        size=int(sizes.filter(pl.col("violation") == flagged)["size"].sum()),
        judged=mine.height,
        errors=wrong.height,
        weight=weights[0],
        error_weight=weights[1],
    )
