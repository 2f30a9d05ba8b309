"""The evaluation flow: `python -m flows evaluate run`, `compare` and `promote` as one form in the Prefect UI.

A crash at any line is harmless: answers are on record as they come, and the same form goes on where it stopped.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact
from prefect.runtime import flow_run
from pydantic import Field

from flows.approval import MAX_BUDGET_USD
from flows.endings import ended, or_refused
from flows.evaluation.forms import ask_promotion, ask_run
from flows.evaluation.pages import comparison_page, expected_usd, gate_text, plan_page
from flows.plain_errors import log_plainly
from tasks.base.errors import OverBudget, WrongUsage
from tasks.base.figures import dollars
from tasks.base.panics import panics_told
from tasks.base.safe_text import literal
from tasks.base.settings import Settings
from tasks.evaluate.compare_candidates import compare_candidates
from tasks.evaluate.promotion.check_gate import Case, check_gate, incumbent
from tasks.evaluate.promotion.promote_candidate import promote_candidate
from tasks.evaluate.promotion.roll_back import roll_back
from tasks.evaluate.promotion.succession import Word, describe_promotion
from tasks.evaluate.runs.bench import SplitChoice
from tasks.evaluate.runs.plan_candidates import plan_candidates
from tasks.evaluate.runs.run_candidates import describe_run, run_candidates
from tasks.evaluate.sets.versions import check_name
from tasks.reports.ending import Ending

log_plainly()

#: What a refused evaluation returns.
REFUSED = "refused: nothing was asked"


@flow(name="evaluate", flow_run_name="evaluate-{action}-{set_name}", persist_result=False)
def evaluate(
    *,
    action: Literal["compare", "rollback"] = "compare",
    set_name: str = "",
    challenger: str = "",
    champion: str = "",
    split: SplitChoice = "test",
    max_cost_usd: Annotated[float, Field(gt=0, le=MAX_BUDGET_USD)] | None = None,
    approve: bool = False,
    who: str = "",
    reason: str = "",
) -> Any:
    """Ask champion and challenger over a set, compare them, and promote the challenger if a person says so.

    The plan with its cost is on this run's Artifacts tab. Unless `approve` is on, the run then pauses: press Resume,
    look at the form and say go. The comparison comes onto the same tab, and the run pauses once more: promote, or not.
    Started again with the same form it goes on where it stopped, and asks nothing twice.

    Args:
        action: compare: as said above. rollback: make the champion before this one the champion again.
        set_name: The set.
        challenger: What may become the champion, as prompt=v2 or model=...; separated by commas.
        champion: What it is held against. Empty: the champion, or what the settings name where there is none yet.
        split: Which items of the set.
        max_cost_usd: Most that asking may cost, in dollars, with `approve`. Empty: the plan's estimate and a quarter.
        approve: On: ask the candidates without a question. A promotion is asked about all the same.
        who: Your name, for the record of a rollback.
        reason: Why, for the record of a rollback.
    """
    if action == "rollback":
        return or_refused(lambda: _roll_back(who, reason))
    return or_refused(lambda: _compare(set_name, champion, challenger, split, max_cost_usd, approve))


def _now() -> datetime:
    return datetime.now(UTC)


def _roll_back(who: str, reason: str) -> Any:
    """Go back to the champion before.

    Raises:
        WrongUsage: if nobody says who.
    """
    if not who.strip():
        raise WrongUsage("who is empty: it stays on record with the rollback")
    return _promoted(describe_promotion(roll_back(Settings.load(), Word(who, reason), _now())))


def _compare(
    name: str, champion: str, challenger: str, split: SplitChoice, max_cost_usd: float | None, approve: bool
) -> Any:
    """Plan, run, compare, and ask about a promotion.

    Raises:
        WrongUsage: naming what is wrong with the form.
        OverBudget: if the plan costs more than it may, or nobody knows what.
    """
    settings, name = Settings.load(), check_name(name.strip())
    if not challenger.strip():
        raise WrongUsage("challenger is empty: prompt=v2, or model=..., what is to be tried")
    pair = (champion.strip() or incumbent(settings), challenger.strip())
    with panics_told():
        budget = _agree(settings, name, pair, split, max_cost_usd, approve)
        if budget is None:
            return ended(REFUSED, "the plan was refused: nothing was asked", Ending.REFUSED)
        run_id = f"evaluate-{_now():%Y%m%dT%H%M%S}-{str(flow_run.id)[:8]}-{flow_run.run_count}"
        log = get_run_logger()
        if budget:
            for line in describe_run(run_candidates(settings, name, pair, split, budget, run_id, _now, log.info)):
                log.info(line)
        compare_candidates(settings, name, *pair, split, _now())
        return _settle(settings, name, pair, split)


def _agree(
    settings: Settings,
    name: str,
    pair: tuple[str, str],
    split: SplitChoice,
    max_cost_usd: float | None,
    approve: bool,
) -> float | None:
    """Show the plan and agree on the budget; 0 where there is nothing to ask, None if a person refused.

    Raises:
        OverBudget: if it costs more than it may, or nobody knows what.
        Unanswered: if nobody answered.
    """
    plan = plan_candidates(settings, name, pair, split, _now())
    page, cost = plan_page(name, split, plan), expected_usd(plan)
    create_markdown_artifact(page, key=f"evaluate-{name}-plan", description=f"Plan: {dollars(cost)}")
    if cost is None:
        raise OverBudget("a candidate has no known price: add it to prices.toml; nothing was asked")
    if not any(one.request_count for one in plan):
        return 0.0
    budget = max_cost_usd if max_cost_usd is not None else round(cost * 1.25 + 0.01, 2)
    if not approve:
        answer = ask_run(settings, page, budget)
        if not answer.go:
            return None
        budget = answer.budget_usd or 0.0
    if cost > budget:
        raise OverBudget(f"about {dollars(cost)}, and the budget is {dollars(budget)}; nothing was asked")
    return budget


def _settle(settings: Settings, name: str, pair: tuple[str, str], split: SplitChoice) -> Any:
    """Show the comparison and ask whether the challenger is to be promoted."""
    case = check_gate(settings, name, *pair, split, _now())
    told = f"{case.comparison.outcome}: {case.challenger.name} against {case.champion.name}"
    page = comparison_page(case.comparison, case.against)
    create_markdown_artifact(page, key=f"evaluate-{name}", description=literal(told))
    if case.is_champion:
        return ended(told, f"{told}; it is the champion already")
    if case.against.bars:
        return ended(told, f"{told}; it cannot be promoted: {case.against.bars[0]}")
    short = ""
    while True:
        answer = ask_promotion(settings, _question(case, told, short))
        if answer is None:
            return ended(told, f"{told}; nobody said whether to promote it: the champion stays")
        if not answer.promote:
            return ended(told, f"{told}; the champion stays, as {answer.who.strip() or 'a person'} said")
        if not answer.who.strip():
            short = "Say who you are"
        elif case.against.reasons and not answer.despite.strip():
            short = "Say why the gate's reasons do not count, under Despite, or do not promote"
        else:
            word = Word(answer.who, answer.why, answer.despite if answer.despite.strip() else None)
            return _promoted(describe_promotion(promote_candidate(settings, name, *pair, split, word, _now())))


def _question(case: Case, told: str, short: str) -> str:
    first = f"**{short}.**\n\n" if short else ""
    return f"{first}{literal(told)}\n\n{gate_text(case.against)}\n\nMake the challenger the champion?"


def _promoted(lines: list[str]) -> Any:
    page = "\n".join(f"- {literal(line)}" for line in lines)
    create_markdown_artifact(f"# Champion\n\n{page}\n", key="champion", description=literal(lines[0]))
    return ended("\n".join(lines), lines[0])
