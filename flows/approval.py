"""How a backfill asks a person: a pause with a form in the Prefect UI, or a question at the terminal."""

from __future__ import annotations

import sys
from contextvars import ContextVar
from typing import NamedTuple, Protocol
from uuid import UUID

from prefect import get_run_logger
from prefect.client.orchestration import get_client
from prefect.exceptions import FlowPauseTimeout
from prefect.flow_runs import pause_flow_run
from prefect.input import RunInput
from prefect.logging.loggers import flow_run_logger
from prefect.runtime import flow_run
from pydantic import Field

from flows.pages.form_words import asked_within, worded_form
from tasks.base.errors import FlipsHeld, Unanswered, WrongUsage
from tasks.base.safe_text import unmarked
from tasks.base.settings import Language, Settings
from tasks.verdicts.flips import Flips

#: Seconds between looks for an answer.
POLL_S = 5
#: Largest budget of a backfill, in dollars: more is a slip of the hand.
MAX_BUDGET_USD = 1_000_000.0


class Answer(NamedTuple):
    """What a person said."""

    go: bool
    budget_usd: float | None = None
    who: str = ""
    why: str = ""


class Approval(RunInput):
    """The answer to a plan, as the form in the UI asks for it."""

    go: bool = Field(default=False, title="Go", description="On: judge these days. Off: end here, nothing is spent.")
    budget_usd: float = Field(
        default=0,
        ge=0,
        le=MAX_BUDGET_USD,
        title="Budget (USD)",
        description="Most that the whole backfill may cost, in dollars.",
    )
    who: str = Field(default="", title="Who", description="Your name, for the record.")
    why: str = Field(default="", title="Why", description="Anything else for the record.")


class FlipsApproval(RunInput):
    """The answer to a flip report, as the form in the UI asks for it."""

    publish: bool = Field(
        default=False,
        title="Publish",
        description="On: publish the changed verdicts. Off: leave the day as it was and go on with the next.",
    )
    who: str = Field(default="", title="Who", description="Your name, for the record.")
    why: str = Field(default="", title="Why", description="Anything else for the record.")


class Asking(Protocol):
    """Somebody to show things to and to ask."""

    def show(self, text: str) -> None:
        """Show what is not part of a question."""
        ...

    def language(self, settings: Settings) -> Language:
        """What its questions are written in."""
        ...

    def ask_plan(self, settings: Settings, question: str, budget_usd: float | None) -> Answer:
        """Whether a plan may be carried out; Unanswered or WrongUsage if nobody can say."""
        ...

    def ask_flips(self, settings: Settings, question: str, flips: Flips) -> Answer:
        """Whether a changed day may be published; FlipsHeld if nobody can say."""
        ...


class InPrefect:
    """Asks by pausing the run: its page shows the question and a form; the process stays and waits."""

    def show(self, text: str) -> None:
        """Into the run's log."""
        get_run_logger().info(text)

    def language(self, settings: Settings) -> Language:
        """The settings' own."""
        return settings.language

    def ask_plan(self, settings: Settings, question: str, budget_usd: float | None) -> Answer:
        """See Asking."""
        defaults = {"budget_usd": min(budget_usd or 0, MAX_BUDGET_USD)}
        form = worded_form(Approval, "approval", settings.language, **defaults)
        form._description = asked_within("approval", question, settings.approval_wait_h, settings.language)
        try:
            answer = pause_flow_run(wait_for_input=form, timeout=_wait_s(settings), poll_interval=POLL_S)
        except FlowPauseTimeout:
            raise Unanswered(
                f"nobody answered the plan within MODERATION_APPROVAL_WAIT_H={settings.approval_wait_h:g} hours: "
                "nothing was done"
            ) from None
        return Answer(answer.go, answer.budget_usd, answer.who, answer.why)

    def ask_flips(self, settings: Settings, question: str, flips: Flips) -> Answer:
        """See Asking."""
        form = worded_form(FlipsApproval, "flips", settings.language)
        form._description = asked_within("flips", question, settings.approval_wait_h, settings.language)
        _tell_parent(f"{flips.run_date} waits for a person's word: press Resume on its run, below this one")
        try:
            answer = pause_flow_run(wait_for_input=form, timeout=_wait_s(settings), poll_interval=POLL_S)
        except FlowPauseTimeout:
            raise FlipsHeld(
                f"{held(settings, flips)}; nobody answered within MODERATION_APPROVAL_WAIT_H="
                f"{settings.approval_wait_h:g} hours"
            ) from None
        return Answer(answer.publish, None, answer.who, answer.why)


class AtTerminal:
    """Asks whoever started the command, if a terminal is there."""

    def show(self, text: str) -> None:
        """On standard output, without the marks of Markdown."""
        print(unmarked(text), flush=True)

    def language(self, settings: Settings) -> Language:
        """A terminal is spoken to in English."""
        return "en"

    def ask_plan(self, settings: Settings, question: str, budget_usd: float | None) -> Answer:
        """See Asking; the plan has just been shown."""
        if not sys.stdin.isatty():
            raise WrongUsage("nobody can be asked here (no terminal): look at the plan above, then add --approve")
        suggested = "" if budget_usd is None else f" [{budget_usd:.2f}]"
        if not _is_yes(input("Carry it out? [y/N] ")):
            return Answer(False)
        while True:
            typed = input(f"Most that it may cost in all, in dollars{suggested}: ").strip().removeprefix("$")
            budget = budget_usd if not typed else read_budget(typed)
            if budget is not None or not typed:
                return Answer(True, budget)
            print(f"{typed!r} is not an amount from 0 to {MAX_BUDGET_USD:,.0f}", flush=True)

    def ask_flips(self, settings: Settings, question: str, flips: Flips) -> Answer:
        """See Asking."""
        if not sys.stdin.isatty():
            raise FlipsHeld(f"{held(settings, flips)}; nobody can be asked here: add --accept-flips to publish it")
        self.show(question)
        return Answer(_is_yes(input(f"Publish {flips.run_date} with these changes? [y/N] ")))


#: Who is asked; the command line puts its terminal here.
asking: ContextVar[Asking] = ContextVar("asking", default=InPrefect())  # noqa: B039 it has no state


def read_budget(typed: str) -> float | None:
    """An amount in dollars as people type it; None if it is none, or none that a budget can be."""
    try:
        amount = float(typed.replace(",", ""))
    except ValueError:
        return None
    return amount if 0 <= amount <= MAX_BUDGET_USD else None


def held(settings: Settings, flips: Flips) -> str:
    """Why a day is not published, in a line."""
    return (
        f"{flips.flipped_count:,} of {flips.compared_count:,} verdicts of {flips.run_date} would change "
        f"({flips.flipped_fraction:.1%}), more than MODERATION_MAX_FLIP_FRACTION={settings.max_flip_fraction:g}: the "
        f"day stays as it was, and what was asked is kept; flips.json of this run has the counts"
    )


def _tell_parent(text: str) -> None:
    """Into the log of the run above this one, which looks as if it were at work."""
    if (parent := flow_run.parent_flow_run_id) is not None:
        with get_client(sync_client=True) as client:
            flow_run_logger(client.read_flow_run(UUID(parent))).warning(text)


def _wait_s(settings: Settings) -> int:
    return max(1, round(settings.approval_wait_h * 3600))


def _is_yes(typed: str) -> bool:
    return typed.strip().lower() in ("y", "yes")
