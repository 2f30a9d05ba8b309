"""What each policy of the prompt costs and misses on a set, from the answers that are stored; no call is made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

import polars as pl

from data_contracts.documents.evaluation.savings import PolicySavings, ReplayRow
from prompts.policies import PLAIN, PolicyFile, policies
from tasks import adapters
from tasks.adapters.lake import reading_lake
from tasks.base.errors import PromptInvalid, SettingsInvalid, WrongUsage
from tasks.base.paths import EvaluationPaths
from tasks.base.settings import Settings
from tasks.evaluate.runs.candidates import Candidate
from tasks.evaluate.runs.experiments import given_in, read_experiments
from tasks.evaluate.runs.requests import with_hashes
from tasks.evaluate.savings.cache_hits import cached_share
from tasks.evaluate.savings.guarantee import Tried, proved_threshold
from tasks.evaluate.savings.replay import ANSWER, LIGHT, MODEL, PACK, answerers, at_threshold, replay
from tasks.evaluate.savings.score import score
from tasks.evaluate.sets.versions import check_name, read_version
from tasks.ledger.asker import Asker
from tasks.ledger.prices import PICODOLLARS
from tasks.llm.policy import find_rules, load_policy
from tasks.route.decisions import CLEAR_FROM
from tasks.route.rules import match_rules

#: Thresholds that are tried, from the safest to the cheapest: settled before anybody looks.
CLEAR_FROMS = (1.0, 0.99, 0.98, 0.97, 0.95, 0.925, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5)


class Savings(NamedTuple):
    """What the stored answers of a set say of policies.

    Attributes:
        item_count, violation_count: of the set, as far as its texts are there.
        policies: a row a policy, `plain` first.
        replay: a row a policy and threshold.
        lacking: policies that could not be scored, each with the reason and the command that helps.
        proved: policies with thresholds, each with the cheapest that these labels prove, or None.
        cached_share: share of comments that a cache would have served on the newest night; None without nights.
        margin: the loss that may be borne.
    """

    set_name: str
    version: int
    item_count: int
    violation_count: int
    policies: tuple[PolicySavings, ...]
    replay: tuple[ReplayRow, ...]
    lacking: Mapping[str, str]
    proved: Mapping[str, Tried | None]
    cached_share: float | None
    margin: float


@reading_lake()
def measure_savings(settings: Settings, name: str, now: datetime) -> Savings:
    """Score and price every policy of the settings' prompt over the newest version of a set.

    Raises:
        WrongUsage: if there is no such set, it is empty, or the model was not asked about all of it: the text has the
            command that asks.
        SettingsInvalid, PromptInvalid, UnsupportedModel: if the settings name no model or prompt that there is.
    """
    outside = adapters.connect(settings)
    paths = EvaluationPaths(settings, now.astimezone(settings.zone).date(), check_name(name))
    version, stored = read_version(outside.storage, paths)
    items = with_hashes(stored)
    if items.is_empty():
        raise WrongUsage(f"{name} v{version} has no item with a text")
    asked = {
        MODEL: Asker.named(settings, outside.models),
        LIGHT: Asker.named(settings.model_copy(update={"model_id": settings.light_model_id}), outside.models),
    }
    experiments = read_experiments(outside, paths)
    answered, lacks = items, dict[str, str]()
    for role, asker in asked.items():
        answered = _with_answers(answered, experiments, role, asker)
        if lacking := answered[f"{role}_status"].null_count():
            lacks[role] = f"{lacking:,} of {items.height:,} items were not asked: {_command(name, asker)}"
    if MODEL in lacks:
        raise WrongUsage(f"{asked[MODEL].model_id}: {lacks[MODEL]}")
    cached = cached_share(outside, paths, settings.cache_max_age_d)
    rows, lacking_policies = list[ReplayRow](), dict[str, str]()
    for policy_name, policy, reason in _policies(settings, asked[MODEL]):
        reason = reason or next((lacks[role] for role in sorted(lacks) if policy and role in answerers(policy)), None)
        with_packs = answered
        if policy is not None and (in_packs := Asker.of_packs(settings, policy, outside.models)) is not None:
            with_packs = _with_answers(answered, experiments, PACK, in_packs)
            if with_packs["pack_status"].null_count() == with_packs.height:
                reason = reason or f"its packs were not asked over this set: {_command(name, asked[MODEL], 'packed')}"
        if policy is None or reason:
            lacking_policies[policy_name] = reason or ""
        else:
            rows += _replay_rows(settings, with_packs, asked[MODEL], policy, cached or 0.0)
    listed = [row for row in rows if row.is_shipped]
    scored = [PolicySavings(**row.model_dump(include=set(PolicySavings.model_fields))) for row in listed]
    unknown = [PolicySavings(**dict.fromkeys(PolicySavings.model_fields) | {"policy": one}) for one in lacking_policies]
    return Savings(
        name,
        version,
        items.height,
        int(items["violation"].sum()),
        (*scored, *unknown),
        tuple(rows),
        lacking_policies,
        {row.policy: _proved(rows, row.policy, settings.margin) for row in listed if row.threshold is not None},
        cached,
        settings.margin,
    )


def _policies(settings: Settings, model: Asker) -> Iterator[tuple[str, PolicyFile | None, str | None]]:
    """Every policy of the prompt, `plain` first; the reason instead where a night could not follow it."""
    names = [policy for prompt, policy in policies() if prompt == model.prompt.id]
    for name in sorted({PLAIN, *names}, key=lambda one: (one != PLAIN, one)):
        try:
            yield name, load_policy(name, model.prompt), None
        except (SettingsInvalid, PromptInvalid) as error:
            yield name, None, str(error)


def _with_answers(items: pl.DataFrame, experiments: pl.LazyFrame, role: str, asker: Asker) -> pl.DataFrame:
    """The items with what an asker answered, in columns that begin with its role, at the prices of batch."""
    given = given_in(experiments, Candidate("", asker)).with_columns(cost_usd=_batch_cost(asker))
    columns = (pl.col(column).cast(dtype).alias(f"{role}_{column}") for column, dtype in ANSWER.items())
    return items.join(given.select("text_sha256", *columns), on="text_sha256", how="left", validate="m:1")


def _batch_cost(asker: Asker) -> pl.Expr:
    price = asker.prices["batch"]
    if price is None:
        return pl.lit(None, pl.Float64)
    read, written = pl.col("input_tokens").cast(pl.Float64), pl.col("output_tokens").cast(pl.Float64)
    return (read * price.input_pico + written * price.output_pico) / PICODOLLARS


def _command(name: str, asker: Asker, policy: str = "") -> str:
    candidate = f"prompt={asker.prompt.id}/{asker.prompt.version},model={asker.model_id}"
    candidate += f",policy={policy}" if policy else ""
    return f"python -m flows evaluate run {name} --candidate {candidate} --max-cost-usd ..."


def _replay_rows(
    settings: Settings, answered: pl.DataFrame, model: Asker, policy: PolicyFile, cached: float
) -> Iterator[ReplayRow]:
    """The policy as its file says it, and with each other threshold."""
    items = _with_rules(settings, answered, model) if policy.step("rules") else _without_rules(answered)
    plain = load_policy(PLAIN, model.prompt)
    plain_usd = score(replay(items, plain, 0.0), PLAIN, None, settings.margin).cost_per_1000_usd
    light = policy.step("light")
    if light is None:
        yield score(replay(items, policy, cached), policy.name, plain_usd, settings.margin)
        return
    shipped = light.clear_from if light.clear_from is not None else CLEAR_FROM
    for threshold in sorted({*CLEAR_FROMS, shipped}, reverse=True):
        yield score(
            replay(items, at_threshold(policy, threshold), cached),
            policy.name,
            plain_usd,
            settings.margin,
            step=LIGHT,
            threshold=threshold,
            is_shipped=threshold == shipped,
        )


def _with_rules(settings: Settings, items: pl.DataFrame, model: Asker) -> pl.DataFrame:
    matched = match_rules(items.lazy(), find_rules(settings, model.prompt)).collect()
    ruled = pl.when(pl.col("rule").is_not_null()).then(pl.col("rule_category") != "none")
    return matched.with_columns(rule_violation=ruled)


def _without_rules(items: pl.DataFrame) -> pl.DataFrame:
    return items.with_columns(rule_violation=pl.lit(None, pl.Boolean), sent_on=pl.lit(value=False))


def _proved(rows: list[ReplayRow], policy: str, margin: float) -> Tried | None:
    """The cheapest threshold of a policy that these labels prove."""
    of_policy = [row for row in rows if row.policy == policy and row.threshold is not None]
    return proved_threshold((Tried(row.threshold or 0.0, row.lost, row.violations) for row in of_policy), margin)
