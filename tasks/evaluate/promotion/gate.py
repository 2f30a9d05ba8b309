"""The gate before a promotion: what speaks against putting the challenger in the champion's place; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from data_contracts.documents.evaluation.comparison import CandidateFigures, Comparison, ComparisonOutcome
from tasks.evaluate.comparison import SIGNIFICANT, lost_categories

#: By how many of a thousand answers malformed ones, or refused ones, may not go up: .2 points.
MOST_MORE_PER_1000 = 2
_GOOD = (ComparisonOutcome.BETTER, ComparisonOutcome.NOT_WORSE)


class Terms(NamedTuple):
    """What a comparison is held against.

    Attributes:
        prompt: the deployment's MODERATION_PROMPT.
        present: hash of each prompt of the deployed catalog, by `name/version`.
        frozen: hash of each frozen one.
        serving: the champion that is on record, by its name as a candidate; None if there is none yet.
        has_golden: whether the deployment has a golden pack.
        max_cost_ratio: most that the challenger may cost, as a multiple of the champion's cost; None for no limit.
    """

    prompt: str
    present: Mapping[str, str]
    frozen: Mapping[str, str]
    serving: str | None
    has_golden: bool
    max_cost_ratio: float | None


class Objections(NamedTuple):
    """What speaks against a promotion.

    Attributes:
        bars: what no reason of a person's opens: nights could not be judged, or not by what was compared.
        reasons: what `--despite` overrules.
    """

    bars: tuple[str, ...]
    reasons: tuple[str, ...]


def judge_comparison(comparison: Comparison, terms: Terms) -> Objections:
    """Everything that speaks against promoting the comparison's challenger; nothing where it may be promoted."""
    return Objections(tuple(_bars(comparison, terms)), tuple(_reasons(comparison, terms)))


def prompt_of(candidate: str) -> str:
    """The prompt in a candidate's name, as `name/version`."""
    return dict(part.split("=", 1) for part in candidate.split(","))["prompt"]


def _bars(comparison: Comparison, terms: Terms) -> Iterator[str]:
    for side in (comparison.champion, comparison.challenger):
        prompt = prompt_of(side.candidate)
        if prompt not in terms.present:
            yield f"the catalog has no prompt {prompt}"
        elif prompt not in terms.frozen:
            yield f"prompt {prompt} is not frozen: python -m flows prompts --freeze, and deploy it"
        elif terms.present[prompt] != terms.frozen[prompt]:
            yield f"prompt {prompt} is not what was frozen under this name"
        elif side.prompt_sha256 != terms.present[prompt]:
            yield f"prompt {prompt} was compared with another text than the catalog has: run and compare again"
    name = prompt_of(comparison.challenger.candidate).partition("/")[0]
    if name != terms.prompt:
        yield f"the challenger asks by the prompt {name}, and MODERATION_PROMPT is {terms.prompt}"


def _reasons(comparison: Comparison, terms: Terms) -> Iterator[str]:
    champion, challenger = comparison.champion, comparison.challenger
    if terms.serving is not None and terms.serving != champion.candidate:
        yield f"the champion on record is {terms.serving}, not {champion.candidate}"
    if comparison.outcome not in _GOOD:
        needs = f": about {comparison.needs_labels:,} labels more would tell" if comparison.needs_labels else ""
        yield f"the outcome is {comparison.outcome}{needs}"
    for category in lost_categories(comparison.tests):
        yield f"the challenger loses significantly in category {category}"
    yield from _more("malformed", champion.malformed, challenger.malformed, comparison.n)
    yield from _more("refused", champion.refused, challenger.refused, comparison.n)
    yield from _golden(comparison, terms)
    yield from _cost(champion, challenger, terms.max_cost_ratio)


def _more(what: str, before: int, after: int, n: int) -> Iterator[str]:
    if (after - before) * 1000 >= MOST_MORE_PER_1000 * n and after > before:
        yield (
            f"{what} answers go up by {(after - before) / n * 100:.1f} points, from {before:,} to {after:,} of {n:,}; "
            f"the limit is {MOST_MORE_PER_1000 / 10:g}"
        )


def _golden(comparison: Comparison, terms: Terms) -> Iterator[str]:
    golden = comparison.golden
    if golden is None:
        if terms.has_golden:
            yield (
                f"the golden pack was not asked of both: python -m flows evaluate run {comparison.set} --candidate "
                f"{comparison.champion.candidate} --candidate {comparison.challenger.candidate} --split "
                f"{comparison.split} --max-cost-usd ..., then compare again"
            )
        return
    if golden.newly_fooled:
        yield f"attacks of the golden pack that the champion withstands succeed: {', '.join(golden.newly_fooled)}"
    if golden.p_value < SIGNIFICANT and golden.lost > golden.gained:
        yield (
            f"golden accuracy is significantly lower: right about {golden.challenger_right} of {golden.n} instead of "
            f"{golden.champion_right} (p {golden.p_value:.3g})"
        )


def _cost(champion: CandidateFigures, challenger: CandidateFigures, limit: float | None) -> Iterator[str]:
    if limit is None:
        return
    before, after = champion.cost_per_1000_usd, challenger.cost_per_1000_usd
    told = f"and MODERATION_PROMOTION_MAX_COST_RATIO is {limit:g}"
    if before is None or after is None:
        yield f"what a thousand comments cost is not known, {told}"
    elif after > before * limit:
        yield f"a thousand comments cost ${after:.4f} instead of ${before:.4f}, {told}"
