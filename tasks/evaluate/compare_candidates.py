"""Compares two candidates over a set by the answers that are stored, and keeps the comparison; no call is made."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from data_contracts.documents.evaluation.comparison import Comparison
from data_contracts.tables.evaluation_sets import ItemSource
from tasks.adapters import Adapters
from tasks.adapters.lake import reading_lake
from tasks.base.errors import WrongUsage
from tasks.base.figures import dollars
from tasks.base.paths import EvaluationPaths
from tasks.base.settings import Settings
from tasks.evaluate.comparison import Compared, compare, comparison_id
from tasks.evaluate.guidelines import FreshAnswers, describe_stale, find_guidelines, without_stale
from tasks.evaluate.runs.bench import OpenSet, SplitChoice, open_set
from tasks.evaluate.runs.candidates import Candidate, read_candidate
from tasks.evaluate.runs.experiments import answers_of, read_experiments
from tasks.evaluate.runs.golden import golden_evidence, golden_items
from tasks.ledger.champion import serving
from tasks.llm.prompt import load_prompt

_ANSWER = ("status", "violation", "category", "input_tokens", "output_tokens", "cost_usd")


@reading_lake()
def compare_candidates(
    settings: Settings, name: str, champion: str, challenger: str, split: SplitChoice, now: datetime
) -> Comparison:
    """Compare two candidates over a split of the newest version of a set, and put the comparison on record.

    Args:
        name: of the set.
        champion, challenger: as `read_candidate` takes them.
        split: which items.

    Raises:
        WrongUsage: if the set or a candidate is none, the candidates are one, the split is empty, all of its labels are
            stale or of a model's making, or an item was not asked of both: the text has the command that asks it.
    """
    opened = open_set(settings, name, now)
    return compare_pair(opened, read_candidate(settings, champion), read_candidate(settings, challenger), split, now)


def compare_pair(
    opened: OpenSet, champion: Candidate, challenger: Candidate, split: SplitChoice, now: datetime
) -> Comparison:
    """See `compare_candidates`, which this is for candidates that are read already."""
    outside, settings, paths, version, items = opened
    if champion.name == challenger.name:
        raise WrongUsage(f"champion and challenger are the same: {champion.name}")
    chosen = items if split == "all" else items.filter(pl.col("split") == split)
    if chosen.is_empty():
        raise WrongUsage(f"{paths.set_name} v{version} has no item in {split}")
    experiments = read_experiments(outside, paths)
    answers = chosen
    for role, candidate in (("champion", champion), ("challenger", challenger)):
        given = answers_of(experiments, candidate).select(
            "text_sha256", *(pl.col(column).alias(f"{role}_{column}") for column in _ANSWER)
        )
        answers = answers.join(given, on="text_sha256", how="left", validate="m:1")
        _check_asked(answers, role, candidate, paths.set_name, split)
    made = answers.filter(pl.col("source") == ItemSource.MODEL)
    fresh = _fresh(outside, settings, paths, answers.filter(pl.col("source") != ItemSource.MODEL))
    _check_left(fresh, made.height, f"{paths.set_name} v{version}", split)
    identity = comparison_id(paths.set_name, version, split, champion.name, challenger.name)
    pair = champion, challenger
    what = Compared(
        paths.set_name,
        version,
        split,
        champion.name,
        challenger.name,
        fresh.answers,
        noise=_noise(experiments, champion, fresh.answers),
        looks=_looks(outside, paths, version, identity) if split == "test" else None,
        variants=made,
        stale=fresh.stale,
        remarks=tuple(describe_stale(fresh)),
        golden=golden_evidence(experiments, pair, golden_items(settings, pair)),
        prompts=(champion.asker.prompt.sha256, challenger.asker.prompt.sha256),
    )
    comparison = compare(what, settings.margin, now)
    outside.storage.put(paths.comparison(comparison.id), comparison.model_dump_json(indent=1).encode())
    return comparison


def _check_asked(answers: pl.DataFrame, role: str, candidate: Candidate, name: str, split: str) -> None:
    lacking = answers[f"{role}_status"].null_count()
    if lacking:
        command = f"python -m flows evaluate run {name} --candidate {candidate.name} --split {split} --max-cost-usd ..."
        raise WrongUsage(f"{lacking:,} of {answers.height:,} items were not asked of the {role}: {command}")


def _fresh(outside: Adapters, settings: Settings, paths: EvaluationPaths, answers: pl.DataFrame) -> FreshAnswers:
    guidelines = find_guidelines(outside.storage, paths, set(answers["prompt_sha256"]))
    named = serving(settings)
    return without_stale(answers, guidelines, load_prompt(named.prompt, named.prompt_version))


def _check_left(fresh: FreshAnswers, made_count: int, of: str, split: str) -> None:
    """Raises WrongUsage if there is nothing to compare on."""
    if made_count and not (fresh.answers.height or fresh.stale or fresh.unclear_count):
        raise WrongUsage(f"{of} has nothing but variants in {split}, which a model wrote: add comments of people")
    if fresh.stale and not fresh.answers["violation"].any():
        count = sum(fresh.stale.values())
        raise WrongUsage(
            f"all {count:,} labelled violations of {of} in {split} are stale: the rules of the guideline have changed; "
            "label the comments anew and add them again"
        )


def _noise(experiments: pl.LazyFrame, champion: Candidate, items: pl.DataFrame) -> float | None:
    """Share of texts on which the champion, asked again, gave another verdict; None if it was not asked again."""
    first, again = (
        answers_of(experiments, champion._replace(order_seed=seed)).join(items, on="text_sha256", how="semi")
        for seed in (0, 1)
    )
    both = first.join(again, on="text_sha256", suffix="_again")
    if both.is_empty():
        return None
    return float(both.select((~pl.col("violation").eq_missing(pl.col("violation_again"))).mean()).item())


def _looks(outside: Adapters, paths: EvaluationPaths, version: int, this: str) -> int:
    """How many pairs were compared on this version's test split, this one included; repeating a pair is no new look."""
    bodies = (outside.storage.get(item.uri) for item in outside.storage.list(paths.comparisons))
    known = [Comparison.model_validate_json(body) for body in bodies if body is not None]
    split = (paths.set_name, version, "test")
    return len({this} | {each.id for each in known if (each.set, each.set_version, each.split) == split})


def describe_comparison(comparison: Comparison) -> list[str]:
    """The comparison for a terminal."""
    counts = f"{comparison.n:,} comments, {comparison.violations:,} of them violations"
    lines = [
        f"{comparison.set} v{comparison.set_version}, {comparison.split}: {counts}",
        f"{'':12}{'F1':>8}{'precision':>11}{'recall':>8}{'per 1,000':>12}",
    ]
    for role, side in (("champion", comparison.champion), ("challenger", comparison.challenger)):
        figures = [_percent(value) for value in (side.f1, side.precision, side.recall)]
        cost = dollars(side.cost_per_1000_usd)
        lines.append(f"{role:12}{figures[0]:>8}{figures[1]:>11}{figures[2]:>8}{cost:>12}  {side.candidate}")
    needs = f": about {comparison.needs_labels:,} labels more would tell" if comparison.needs_labels else ""
    lines.append(f"outcome: {comparison.outcome}{needs} (p {comparison.p_value:.3g} by McNemar)")
    return lines + [f"- {reason}" for reason in comparison.reasons]


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
