"""What the steps before the model have decided, and what is left for the model: pure, from frames of answers.

A refused, late or malformed answer of the light model decides nothing: it escalates and never clears.
"""

from __future__ import annotations

import polars as pl

from data_contracts.tables.table import UTC_MICROSECONDS, Column, Table
from data_contracts.tables.verdicts import DecidingStep, Status
from prompts.policies import PolicyFile

#: The run's own frame: what is known of each distinct comment before any model is asked.
ROUTED = Table(
    name="routed",
    meaning="One row per comment that is no duplicate.",
    columns=(
        Column("record_id", pl.String(), "The record."),
        Column("text_sha256", pl.String(), "Hash of its normalised text."),
        Column("step", pl.String(), "The step that decided.", nullable=True, null_when="none did yet"),
        Column("violation", pl.Boolean(), "What it says.", nullable=True, null_when="`step` is null"),
        Column("category", pl.String(), "What it says.", nullable=True, null_when="`step` is null"),
        Column("confidence", pl.Float64(), "What it says.", nullable=True, null_when="`step` is null"),
        Column("explanation", pl.String(), "What it says.", nullable=True, null_when="`step` is null"),
        Column("decided_at", UTC_MICROSECONDS, "When it was judged.", nullable=True, null_when="`step` is null"),
        Column("sent_on", pl.Boolean(), "Whether a rule wants the model to judge it, and by itself."),
        Column("flags", pl.String(), "Rules that flag it, with commas."),
        Column("draw", pl.Float64(), "Below a step's rate it is audited."),
    ),
    key=("record_id",),
)

#: How light answers clear where a policy says no number.
CLEAR_FROM = 0.9
_OUTCOME = ("violation", "category", "confidence", "explanation", "decided_at")
#: The policy's name of each deciding step.
_STEPS = {
    DecidingStep.CACHE: "cache",
    DecidingStep.RULE: "rules",
    DecidingStep.CLASSIFIER: "classifier",
    DecidingStep.LIGHT: "light",
    DecidingStep.MODEL: "model",  # where it was asked in a pack: alone it has no audit
}
_KEY = ("record_id", "text_sha256")


def clears(policy: PolicyFile) -> pl.Expr:
    """Whether a light answer stands: judged, no violation, and sure enough.

    Columns: status, violation, confidence.
    """
    step = policy.step("light")
    least = CLEAR_FROM if step is None or step.clear_from is None else step.clear_from
    is_sure = (pl.col("confidence") >= least).fill_null(False)
    return (pl.col("status") == Status.JUDGED) & ~pl.col("violation").fill_null(True) & is_sure


def rate(policy: PolicyFile) -> pl.Expr:
    """The audit's rate for what stands in `step`; 0 where no step decided."""
    rates = {decided_by.value: getattr(policy.step(name), "audit", None) or 0.0 for decided_by, name in _STEPS.items()}  # type: ignore[arg-type]
    return pl.col("step").replace_strict(rates, default=0.0, return_dtype=pl.Float64)


def decide(
    routed: pl.LazyFrame,
    light: pl.LazyFrame,
    asked_singly: pl.LazyFrame,
    policy: PolicyFile,
    packed: pl.LazyFrame | None = None,
) -> pl.LazyFrame:
    """What the steps before the model, and packs, say of each comment.

    What the model was asked for as its own is the model's, whatever a light answer came to say later.

    Columns: routed (ROUTED), light (record_id, text_sha256, status and the outcome: the light answers that count),
    asked_singly (record_id, text_sha256: asked of the model, and not for an audit), packed (as light: the answers in
    packs, null status while there is none) -> those of ROUTED with step and outcome of the light model or of a pack
    where it decided, plus rate and is_drawn.
    """
    if packed is None:
        packed = light.clear()
    cleared = light.filter(clears(policy)).select(
        *_KEY, *(pl.col(name).alias(f"_{name}") for name in _OUTCOME), _is_cleared=pl.lit(True)
    )
    in_packs = packed.select(
        *_KEY,
        *(pl.col(name).alias(f"_pack_{name}") for name in _OUTCOME),
        _is_packed=pl.lit(True),
        _is_told=pl.col("status") == Status.JUDGED,
    )
    is_left = pl.col("step").is_null() & pl.col("_is_asked").is_null()
    by_pack = is_left & pl.col("_is_told").fill_null(False)
    by_light = is_left & ~pl.col("sent_on") & pl.col("_is_packed").is_null() & pl.col("_is_cleared").fill_null(False)
    return (
        routed.join(cleared, on=_KEY, how="left", maintain_order="left")
        .join(in_packs, on=_KEY, how="left", maintain_order="left")
        .join(asked_singly.select(*_KEY, _is_asked=pl.lit(True)).unique(), on=_KEY, how="left", maintain_order="left")
        .with_columns(
            pl.when(by_light)
            .then(pl.lit(DecidingStep.LIGHT.value))
            .when(by_pack)
            .then(pl.lit(DecidingStep.MODEL.value))
            .otherwise("step")
            .alias("step"),
            *(
                pl.when(by_light).then(f"_{name}").when(by_pack).then(f"_pack_{name}").otherwise(name).alias(name)
                for name in _OUTCOME
            ),
        )
        .with_columns(rate=rate(policy))
        .with_columns(is_drawn=pl.col("step").is_not_null() & (pl.col("draw") < pl.col("rate")))
        .select(*ROUTED.names, "rate", "is_drawn")
    )


def asked_singly(requests: pl.LazyFrame) -> pl.LazyFrame:
    """The comments that the model was asked for as its own.

    Columns: requests of the model's entries (REQUESTS) -> record_id, text_sha256.
    """
    is_own = pl.col("asked_as").is_null() & pl.col("slot").is_null() & pl.col("golden_item_id").is_null()
    return requests.filter(is_own).select(*_KEY)
