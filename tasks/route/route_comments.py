"""Stage: what needs no model is decided, and who is audited is drawn, before any model is asked."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict

from data_contracts.documents.plan import Plan
from data_contracts.tables.verdicts import VERDICTS, DecidingStep
from prompts import Prompt
from prompts.policies import PolicyFile
from prompts.rules import Rules
from tasks.adapters.lake import reading_lake
from tasks.base.frames import buckets, scan_file, scratch
from tasks.base.settings import Settings
from tasks.base.stage import stage
from tasks.ledger.run import Run
from tasks.ledger.sampling import sampling_salt
from tasks.llm.masking import masked
from tasks.llm.policy import load_planned_policy, load_planned_rules
from tasks.llm.prompt import load_prompt
from tasks.route.audit_draw import draws
from tasks.route.cached_verdicts import KEPT, cached_verdicts
from tasks.route.classifier.fitness import Picked, pick_classifier
from tasks.route.classifier.stored import Classifier
from tasks.route.decisions import ROUTED
from tasks.route.rules import match_rules

#: What a closed list is sure of: it holds the whole text.
_SURE = 1.0


class RoutingSummary(BaseModel):
    """How many comments were decided before any model, by step."""

    model_config = ConfigDict(frozen=True)

    decided_counts: dict[str, int] = {}
    sent_on_count: int = 0
    #: which one was asked, or why none was; empty where the policy has none
    classifier: str = ""


def route(
    comments: pl.DataFrame,
    cached: pl.LazyFrame | None,
    rules: Rules | None,
    salt: bytes,
    plan: Plan,
    now: datetime,
    classifier: Classifier | None = None,
) -> pl.DataFrame:
    """What is known of some comments before any model is asked.

    The classifier is asked last, for what no other step decides and no rule sends on. It clears; it never flags.

    Columns: comments (record_id, comment_id, text, text_sha256), cached (`cached_verdicts`) -> ROUTED.
    """
    number = draws(salt, plan.run_date, comments["comment_id"])
    frame = comments.select("record_id", "text_sha256", "text").with_columns(number).lazy()
    nothing = {"rule": pl.String, "rule_category": pl.String}
    if rules is None:
        frame = frame.with_columns(
            *(pl.lit(None, dtype).alias(name) for name, dtype in nothing.items()),
            sent_on=pl.lit(False),
            flags=pl.lit(""),
        )
    else:
        frame = match_rules(frame, rules)
    if cached is None:
        cached = VERDICTS.empty().lazy().select("text_sha256", *KEPT)
    frame = frame.join(
        cached.select("text_sha256", *KEPT, _is_cached=pl.lit(True)),
        on="text_sha256",
        how="left",
        maintain_order="left",
    )
    by_cache, by_rule = pl.col("_is_cached").fill_null(False), pl.col("rule").is_not_null()
    is_violation = pl.col("rule_category") != "none"
    told = pl.when(is_violation).then(pl.format("Stands in the list {}.", "rule")).otherwise(pl.lit(""))
    ruled = {
        "violation": is_violation,
        "category": pl.col("rule_category"),
        "confidence": pl.lit(_SURE),
        "explanation": told,
        "decided_at": pl.lit(now).cast(VERDICTS.polars_schema["decided_at"]),
    }
    decided = frame.with_columns(
        *(pl.when(by_cache).then(name).when(by_rule).then(said).alias(name) for name, said in ruled.items()),
        step=pl.when(by_cache)
        .then(pl.lit(DecidingStep.CACHE.value))
        .when(by_rule)
        .then(pl.lit(DecidingStep.RULE.value)),
    )
    if classifier is None:
        return ROUTED.conform(decided).collect()
    return ROUTED.conform(_cleared(decided.collect(engine="streaming"), classifier, now).lazy()).collect()


def _cleared(decided: pl.DataFrame, classifier: Classifier, now: datetime) -> pl.DataFrame:
    """The frame with what the classifier clears of what is open."""
    is_open = decided["step"].is_null() & ~decided["sent_on"]
    chances = classifier.arrays.chances(decided.filter(is_open)["text"])
    chance = pl.repeat(None, decided.height, dtype=pl.Float64, eager=True).alias("_chance")
    chance = chance.scatter(is_open.arg_true(), chances)
    clears = (pl.col("_chance") <= classifier.version.clear_to).fill_null(value=False)
    said = {
        "step": pl.lit(DecidingStep.CLASSIFIER.value),
        "violation": pl.lit(value=False),
        "category": pl.lit("none"),
        "confidence": 1 - pl.col("_chance"),
        "explanation": pl.lit(""),
        "decided_at": pl.lit(now).cast(VERDICTS.polars_schema["decided_at"]),
    }
    return decided.with_columns(chance).with_columns(
        pl.when(clears).then(value).otherwise(name).alias(name) for name, value in said.items()
    )


@stage
@reading_lake()
def route_comments(settings: Settings, plan: Plan, now: datetime) -> RoutingSummary:
    """Write what the steps before any model say of each distinct comment; a rerun overwrites its own frame.

    Where the policy is plain there is nothing to do: every comment is asked of the model.

    Where there is no classifier that may be asked, the model judges what it would have decided.

    Reads: work/valid, work/duplicates, lake/verdicts, lake/metrics, state/classifier, the policy, the rules, the salt.
    Writes: work/routed, unless the policy is plain.
    Stops when: the policy or its rules were changed since the night began (SettingsInvalid).
    """
    if plan.is_plain:
        return RoutingSummary()
    run, prompt = Run.of(settings, plan), load_prompt(plan.prompt_name, plan.prompt_version)
    policy = load_planned_policy(plan, prompt)
    with scratch() as temporary:
        folder = Path(temporary)
        for name in ("valid", "duplicates"):
            run.storage.fetch(run.paths.work(name), folder / f"{name}.parquet")
        picked = pick_classifier(run) if policy.step("classifier") else Picked(None, None)
        counts, sent_on_count = _write_routed(run, policy, prompt, folder, now, picked.classifier)
        run.storage.send(folder / "routed.parquet", run.paths.work(ROUTED.name))
    return RoutingSummary(
        decided_counts=dict(sorted(counts.items())),
        sent_on_count=sent_on_count,
        classifier=picked.words(),
    )


def _write_routed(
    run: Run, policy: PolicyFile, prompt: Prompt, folder: Path, now: datetime, classifier: Classifier | None
) -> tuple[dict[str, int], int]:
    """The frame, range by range; returns what was decided by step, and how many rules send on to the model."""
    valid, duplicates = (scan_file(folder / f"{name}.parquet") for name in ("valid", "duplicates"))
    rules = load_planned_rules(run.settings, run.plan, prompt) if policy.step("rules") else None
    cached = _fetch_cached(run, valid, folder) if policy.step("cache") else None
    salt, row_count = sampling_salt(run.storage, run.settings), valid.select(pl.len()).collect().item()
    counts, sent_on_count = dict[str, int](), 0
    with pq.ParquetWriter(folder / "routed.parquet", ROUTED.arrow_schema, compression="zstd") as writer:
        for bucket in buckets(row_count):
            comments = (
                valid.filter(bucket.holds(pl.col("record_id")))
                .select("record_id", "comment_id", "text", "text_sha256")
                .join(duplicates.select("record_id"), on="record_id", how="anti", maintain_order="left")
                .collect(engine="streaming")
            )
            part = route(comments, cached, rules, salt, run.plan, now, classifier)
            for step, count in part.filter(pl.col("step").is_not_null()).group_by("step").len().iter_rows():
                counts[step] = counts.get(step, 0) + count
            sent_on_count += int(part["sent_on"].sum())
            writer.write_table(part.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(ROUTED.arrow_schema))
    return counts, sent_on_count


def _fetch_cached(run: Run, valid: pl.LazyFrame, folder: Path) -> pl.LazyFrame:
    """The earlier verdicts that serve, in a local file.

    Where texts are masked, an earlier verdict on one that has something to mask may be of the text as it was written.
    """
    path = folder / "cached.parquet"
    verdicts = run.lake.scan(run.paths.lake(VERDICTS.name), VERDICTS)
    texts = valid.filter(masked() == pl.col("text")) if run.plan.masking else valid
    cached = cached_verdicts(verdicts, texts.select("text_sha256"), run.plan, run.settings.cache_max_age_d)
    cached.collect(engine="streaming").write_parquet(path)
    return scan_file(path)
