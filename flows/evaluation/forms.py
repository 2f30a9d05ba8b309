"""What the flow `evaluate` asks a person, by pausing: whether to ask the candidates, and whether to promote."""

from __future__ import annotations

from prefect.exceptions import FlowPauseTimeout
from prefect.flow_runs import pause_flow_run
from prefect.input import RunInput
from pydantic import Field

from flows import approval
from flows.approval import MAX_BUDGET_USD, Answer
from flows.pages.form_words import asked_within, worded_form
from tasks.base.errors import Unanswered
from tasks.base.settings import Settings


class RunApproval(RunInput):
    """The answer to the plan of an evaluation, as the form in the UI asks for it."""

    go: bool = Field(default=False, title="Go", description="On: ask the candidates. Off: end here, nothing is spent.")
    budget_usd: float = Field(
        default=0, ge=0, le=MAX_BUDGET_USD, title="Budget (USD)", description="Most that this may cost, in dollars."
    )
    who: str = Field(default="", title="Who", description="Your name, for the record.")


class PromotionApproval(RunInput):
    """The answer to a comparison, as the form in the UI asks for it."""

    promote: bool = Field(
        default=False, title="Promote", description="On: the challenger is the champion. Off: the champion stays."
    )
    who: str = Field(default="", title="Who", description="Your name; it stays on record. Needed to promote.")
    why: str = Field(default="", title="Why", description="For the record. Empty: the outcome.")
    despite: str = Field(
        default="",
        title="Despite",
        description="Why the gate's reasons do not count; it stays on record. Needed where the gate says no.",
    )


def ask_run(settings: Settings, question: str, budget_usd: float) -> Answer:
    """Whether candidates may be asked, and for how much.

    Raises:
        Unanswered: if nobody answered in time.
    """
    form = worded_form(RunApproval, "evaluation", settings.language, budget_usd=min(budget_usd, MAX_BUDGET_USD))
    form._description = asked_within("evaluation", question, settings.approval_wait_h, settings.language)
    try:
        answer = pause_flow_run(wait_for_input=form, timeout=_wait_s(settings), poll_interval=approval.POLL_S)
    except FlowPauseTimeout:
        raise Unanswered(
            f"nobody answered the plan within MODERATION_APPROVAL_WAIT_H={settings.approval_wait_h:g} hours: nothing "
            "was asked"
        ) from None
    return Answer(answer.go, answer.budget_usd, answer.who)


def ask_promotion(settings: Settings, question: str) -> PromotionApproval | None:
    """Whether the challenger is to be promoted; None if nobody answered in time."""
    form = worded_form(PromotionApproval, "promotion", settings.language)
    form._description = asked_within("promotion", question, settings.approval_wait_h, settings.language)
    try:
        answer: PromotionApproval = pause_flow_run(
            wait_for_input=form, timeout=_wait_s(settings), poll_interval=approval.POLL_S
        )
    except FlowPauseTimeout:
        return None
    return answer


def _wait_s(settings: Settings) -> int:
    return max(1, round(settings.approval_wait_h * 3600))
