"""A draft as it is kept and shown: the prompt's file with its notes, and what the optimisation tried."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import prompts
from data_contracts.documents.evaluation.comparison import Comparison, ComparisonOutcome
from data_contracts.documents.evaluation.optimisation import DraftAttempt, Optimisation
from prompts import Prompt
from tasks.base.figures import dollars
from tasks.evaluate.optimise.search import Attempt, Search
from tasks.evaluate.optimise.trials import Purse
from tasks.evaluate.runs.bench import OpenSet
from tasks.evaluate.runs.candidates import Candidate

#: Violations in dev below which a choice rests on very little.
LEAST_VIOLATIONS = 60


def keep_draft(
    opened: OpenSet, first: Candidate, found: Search, comparison: Comparison | None, purse: Purse, now: datetime
) -> tuple[Optimisation, str | None]:
    """What was found, and the draft, both stored if there is one."""
    is_drafted = found.pick.sha256 != first.asker.prompt.sha256
    draft_id = f"{opened.paths.set_name}-v{opened.version}-{found.pick.sha256[:12]}" if is_drafted else None
    document = Optimisation(
        id=draft_id,
        set=opened.paths.set_name,
        set_version=opened.version,
        candidate=first.name,
        draft_sha256=found.pick.sha256 if is_drafted else None,
        first_f1=found.first.f1,
        first_cost_per_1000_usd=found.first.cost_per_1000_usd,
        draft_f1=found.standing.f1 if is_drafted else None,
        draft_cost_per_1000_usd=found.standing.cost_per_1000_usd if is_drafted else None,
        comparison=comparison.id if comparison else None,
        outcome=comparison.outcome if comparison else None,
        spent_usd=purse.spent_usd(),
        max_cost_usd=purse.max_cost_usd,
        stopped=found.stopped,
        attempts=tuple(map(_attempt, found.attempts)),
        notes=tuple(_notes(found, comparison)),
        finished_at=now,
    )
    if draft_id is None:
        return document, None
    draft = prompts.render(Prompt(**found.pick.model_dump() | {"notes": _draft_notes(document, comparison)}))
    opened.outside.storage.put(opened.paths.draft(draft_id, "md"), draft.encode())
    opened.outside.storage.put(opened.paths.draft(draft_id, "json"), document.model_dump_json(indent=1).encode())
    return document, draft


def _attempt(attempt: Attempt) -> DraftAttempt:
    return DraftAttempt(
        round=attempt.round,
        source=attempt.source,
        note=attempt.note,
        came_of_it=attempt.came_of_it,
        prompt_sha256=attempt.prompt.sha256 if attempt.prompt else None,
        f1=attempt.dev.f1 if attempt.dev else None,
        cost_per_1000_usd=attempt.dev.cost_per_1000_usd if attempt.dev else None,
    )


def _notes(found: Search, comparison: Comparison | None) -> Iterator[str]:
    violations = int(found.first.answers["violation"].sum())
    if violations < LEAST_VIOLATIONS:
        yield f"dev has {violations} violations; a choice is worth little below {LEAST_VIOLATIONS}"
    if comparison is None:
        return
    if comparison.outcome is ComparisonOutcome.WORSE:
        yield "on test the draft is worse: do not take it"
    elif comparison.outcome is ComparisonOutcome.CANNOT_TELL:
        yield f"test cannot tell: about {comparison.needs_labels:,} labels more would"
    yield from comparison.reasons


def _draft_notes(document: Optimisation, comparison: Comparison | None) -> str:
    lines = [
        f"A draft, found over {document.set} v{document.set_version} from {document.candidate}.",
        f"On dev before: {_figures(document.first_f1, document.first_cost_per_1000_usd)}.",
        f"On dev now: {_figures(document.draft_f1, document.draft_cost_per_1000_usd)}.",
        f"On test: {comparison.outcome}, {comparison.f1_difference:+.3f} F1." if comparison else "Not seen on test.",
        *document.notes,
    ]
    return "\n".join(lines)


def _figures(f1: float | None, cost: float | None) -> str:
    return f"F1 {0.0 if f1 is None else f1:.1%} at {dollars(cost)} per 1,000"


def describe_optimisation(document: Optimisation) -> list[str]:
    """What was found, for a terminal."""
    lines = [
        f"{document.set} v{document.set_version}, from {document.candidate}",
        f"first: {_figures(document.first_f1, document.first_cost_per_1000_usd)} on dev",
    ]
    for each in document.attempts:
        lines.append(f"  round {each.round}, {each.source}: {each.note or 'a guideline'}: {each.came_of_it}")
    if document.id is None:
        lines.append("nothing was better, or as good for less: no draft was written")
    else:
        lines.append(f"draft: {_figures(document.draft_f1, document.draft_cost_per_1000_usd)} on dev")
        lines.append(f"test: {document.outcome or 'the set has no test split'}")
        lines.append(f"evaluation/drafts/{document.id}.md: read it, add it to the catalog, freeze it")
    lines += [f"- {note}" for note in document.notes]
    lines.append(
        f"ended by {document.stopped}; {dollars(document.spent_usd)} of {dollars(document.max_cost_usd)} spent"
    )
    return lines
