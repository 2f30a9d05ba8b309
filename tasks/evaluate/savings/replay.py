"""Decides each item of a set as a night under a policy would, from answers that are stored: pure frames."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from data_contracts.tables.verdicts import DecidingStep, Status
from prompts.policies import PolicyFile
from tasks.route.decisions import clears

#: What an answerer's columns are called: NAME_status, NAME_violation, NAME_confidence, NAME_cost_usd.
MODEL, LIGHT, PACK = "model", "light", "pack"
ANSWER = {"status": pl.String, "violation": pl.Boolean, "confidence": pl.Float64, "cost_usd": pl.Float64}


class Replayed(NamedTuple):
    """A policy over a set.

    Attributes:
        items: a row an item: `weight, cluster, violation` (the label), `step` (who decides, `pack` for the model that
            is asked in packs), `flagged`, `model_flagged` (by the model that is asked singly), `cost_usd` (of the item
            in batch, audits in proportion; null if unknown).
        may_lose: whether anything but the model, asked singly, decides.
    """

    items: pl.DataFrame
    may_lose: bool


def answerers(policy: PolicyFile) -> set[str]:
    """Whose answers a replay of the policy needs."""
    needed = {MODEL}
    if policy.step("light") is not None:
        needed.add(LIGHT)
    if policy.steps[-1].pack:
        needed.add(PACK)
    return needed


def replay(items: pl.DataFrame, policy: PolicyFile, cached_share: float) -> Replayed:
    """What the policy makes of each item.

    A set holds each text once, so `duplicate` has no part in it. `cache` gives what the model itself said before: it
    changes the price alone. `classifier` passes every comment on here: what
    it may lose is proved where it is trained, on examples that it never saw, and a set may hold some that it did.

    Args:
        items: `weight, cluster, violation`, `rule_violation` (what a closed list decides, null for none), `sent_on`
            (whether a rule wants the model, and singly), and for each of `answerers(policy)` the columns of ANSWER.
        policy: a policy.
        cached_share: share of comments that the cache step serves.
    """
    nothing, packs = pl.lit(None, pl.String), policy.steps[-1].pack is not None
    by_rule = pl.col("rule_violation").is_not_null() if policy.step("rules") else pl.lit(value=False)
    sent_on = pl.col("sent_on") if policy.step("rules") else pl.lit(value=False)
    asks_light = ~by_rule & ~sent_on if policy.step("light") else pl.lit(value=False)
    by_light = asks_light & _light_clears(items, policy) if policy.step("light") else pl.lit(value=False)
    # What goes in no pack, or is not answered there, is asked singly.
    is_packed = ~sent_on & (pl.col("pack_status") == Status.JUDGED).fill_null(False) if packs else pl.lit(value=False)
    left = pl.when(is_packed).then(pl.lit(PACK)).otherwise(pl.lit(MODEL))
    decided = items.with_columns(
        step=pl.when(by_rule)
        .then(pl.lit(DecidingStep.RULE.value))
        .when(by_light)
        .then(pl.lit(DecidingStep.LIGHT.value))
        .otherwise(nothing)
        .fill_null(left)
    )
    flagged = pl.when(by_rule).then("rule_violation").when(by_light).then(pl.lit(value=False))
    flagged = flagged.when(pl.col("step") == PACK).then("pack_violation") if PACK in answerers(policy) else flagged
    priced = decided.with_columns(
        flagged=flagged.otherwise("model_violation").fill_null(value=False),
        model_flagged=pl.col("model_violation").fill_null(value=False),
        cost_usd=_cost(policy, asks_light, cached_share),
    )
    may_lose = not (policy.is_plain or {step.name for step in policy.steps} <= {"duplicate", "cache", "model"})
    kept = priced.select("weight", "cluster", "violation", "step", "flagged", "model_flagged", "cost_usd")
    return Replayed(kept, may_lose or policy.steps[-1].pack is not None)


def _light_clears(items: pl.DataFrame, policy: PolicyFile) -> pl.Series:
    light = items.select(pl.col(f"{LIGHT}_{name}").alias(name) for name in ("status", "violation", "confidence"))
    return light.select(clears(policy)).to_series()


def _cost(policy: PolicyFile, asks_light: pl.Expr, cached_share: float) -> pl.Expr:
    """What a comment costs: whoever is asked, and the share of what a step decides that is asked of the model too."""
    model = pl.col(f"{MODEL}_cost_usd")
    rates = {DecidingStep.RULE.value: _audit(policy, "rules"), DecidingStep.LIGHT.value: _audit(policy, "light")}
    rates |= {PACK: _audit(policy, "model")}
    audits = pl.col("step").replace_strict(rates, default=0.0, return_dtype=pl.Float64) * model
    asked = pl.when(pl.col("step") == MODEL).then(model).otherwise(pl.lit(0.0)) + audits
    if policy.step("light"):
        asked = asked + pl.when(asks_light).then(f"{LIGHT}_cost_usd").otherwise(pl.lit(0.0))
    if policy.steps[-1].pack:
        was_asked = pl.col("step").is_in([PACK, MODEL]) & pl.col(f"{PACK}_status").is_not_null()
        was_asked = was_asked & ~pl.col("sent_on") if policy.step("rules") else was_asked
        asked = asked + pl.when(was_asked).then(f"{PACK}_cost_usd").otherwise(pl.lit(0.0))
    share = cached_share if policy.step("cache") else 0.0
    return asked * (1 - share) + model * (share * _audit(policy, "cache"))


def _audit(policy: PolicyFile, name: str) -> float:
    return next((step.audit or 0.0 for step in policy.steps if step.name == name), 0.0)


def at_threshold(policy: PolicyFile, clear_from: float) -> PolicyFile:
    """The policy with another threshold of its light step."""
    steps = [step.model_dump(exclude_none=True) for step in policy.steps]
    changed = [step | {"clear_from": clear_from} if step["name"] == "light" else step for step in steps]
    return PolicyFile.model_validate({"name": policy.name, "step": changed})
