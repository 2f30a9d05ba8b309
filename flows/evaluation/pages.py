"""What the flow `evaluate` shows on its run's page, as Markdown; every word from outside is shown letter by letter."""

from __future__ import annotations

from collections.abc import Sequence

from data_contracts.documents.evaluation.comparison import CandidateFigures, Comparison
from tasks.base.figures import NONE, dollars
from tasks.base.safe_text import brief, literal
from tasks.evaluate.promotion.gate import Objections
from tasks.evaluate.runs.plan_candidates import PlannedCandidate

_MOST_CHARS = 600


def plan_page(name: str, split: str, plan: Sequence[PlannedCandidate]) -> str:
    """What each candidate would be asked, and what that is expected to cost."""
    rows = [f"| {literal(one.name)} | {one.request_count:,} | {dollars(one.cost_usd)} |" for one in plan]
    table = "\n".join(["| candidate | requests | expected |", "|---|---|---|", *rows])
    total = expected_usd(plan)
    told = (
        f"Expected in all: **{dollars(total)}**. What is on record already is not asked again."
        if total is not None
        else "**A candidate has no known price: nothing can be asked.** Add it to prices.toml."
    )
    return f"# Evaluation of {literal(name)}, {literal(split)}\n\n{table}\n\n{told}\n"


def expected_usd(plan: Sequence[PlannedCandidate]) -> float | None:
    """What all candidates are expected to cost; None if one has no known price."""
    costs = [one.cost_usd for one in plan]
    return None if None in costs else sum(cost or 0.0 for cost in costs)


def comparison_page(found: Comparison, against: Objections) -> str:
    """The comparison, its reasons, and what speaks against a promotion."""
    sides = [_side("champion", found.champion), _side("challenger", found.challenger)]
    head = "| | candidate | F1 | precision | recall | malformed | refused | per 1,000 |"
    table = "\n".join([head, "|---|---|---|---|---|---|---|---|", *sides])
    needs = f", about {found.needs_labels:,} labels more would tell" if found.needs_labels else ""
    counts = f"{found.n:,} comments, {found.violations:,} of them violations"
    told = _listed(found.reasons)
    return (
        f"# {literal(found.set)} v{found.set_version}, {literal(found.split)}\n\n"
        f"**Outcome: {literal(found.outcome)}**{needs}. {counts}; comparison {literal(found.id)}.\n\n"
        f"{table}\n\n{told}\n\n## Promotion\n\n{gate_text(against)}\n"
    )


def gate_text(against: Objections) -> str:
    """What speaks against a promotion."""
    if against.bars:
        return f"**It cannot be promoted:**\n\n{_listed([*against.bars, *against.reasons])}"
    if against.reasons:
        return f"**The gate says no:**\n\n{_listed(against.reasons)}"
    return "The gate says yes."


def _listed(lines: Sequence[str]) -> str:
    return "\n".join(f"- {literal(brief(line, _MOST_CHARS))}" for line in lines)


def _side(role: str, side: CandidateFigures) -> str:
    shares = (NONE if value is None else f"{value:.1%}" for value in (side.f1, side.precision, side.recall))
    cells = (role, literal(side.candidate), *shares, f"{side.malformed:,}", f"{side.refused:,}")
    return f"| {' | '.join(cells)} | {dollars(side.cost_per_1000_usd)} |"
