"""One day of a backfill as a flow of its own, so that each has its page in the Prefect UI."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, NamedTuple

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from flows.approval import asking, held
from flows.endings import ended
from flows.night import NightOptions
from flows.nightly import run_night
from tasks.base.errors import FlipsHeld
from tasks.base.safe_text import literal
from tasks.base.settings import Settings
from tasks.past_days.backfill.record import DayOutcome
from tasks.past_days.backfill.tables import flips_line, flips_question, flips_table
from tasks.reports.ending import Ending, end_of
from tasks.reports.words.say import say_in
from tasks.verdicts.flips import Flips, describe_flips


class DayEnd(NamedTuple):
    """How one day ended, with a note for the progress table."""

    outcome: DayOutcome
    note: str
    ending: Ending | None = None


@flow(name="backfill-day", flow_run_name="backfill-{run_date}", persist_result=False)
def backfill_day(
    run_date: date,
    run_id: str,
    prompt_version: str,
    model_id: str,
    epoch: int,
    max_cost_usd: float,
    asks_again: bool,
    accept_flips: bool,
) -> Any:
    """Judge one day of a backfill. It is started by the backfill, and stopped by cancelling that.

    Args:
        run_date: The day.
        run_id: The night's name on record.
        prompt_version: The prompt version.
        model_id: The model.
        epoch: Answers of earlier epochs do not count.
        max_cost_usd: Most that the day may have cost in the end, what was booked before included.
        asks_again: Go on though the day is published.
        accept_flips: Publish it however many verdicts change.
    """
    settings = Settings.load(prompt_version=prompt_version, model_id=model_id, max_cost_usd=max(max_cost_usd, 1e-9))
    share = min(settings.max_jobs_in_flight, settings.backfill_max_jobs)
    settings = settings.model_copy(update={"max_jobs_in_flight": share})
    seen: list[Flips] = []
    options = NightOptions(
        epoch,
        is_quiet=True,
        is_backfill=True,
        has_golden=False,
        asks_again=asks_again,
        on_flips=_gate(settings, accept_flips, seen),
    )
    night = run_night(settings, run_date, run_id, options)
    if night is None:
        return ended(DayEnd("unchanged", "it is published already"), "published already: nothing to do")
    ending = end_of(night)
    flips = [describe_flips(seen[0])] if seen else []
    note = "; ".join([*([ending.reason] if ending.ending else []), *flips])
    return ended(DayEnd("published", note, ending.ending), "; ".join([ending.reason, *flips]), ending.ending)


def _gate(settings: Settings, accept_flips: bool, seen: list[Flips]) -> Callable[[Flips], None]:
    """Shows what changes about a day; a person's word is asked for where that is too much."""

    def hold(flips: Flips) -> None:
        seen.append(flips)
        say = say_in(settings.language)
        title, line = say.plain("Flips of {day}", day=flips.run_date), literal(flips_line(flips, say))
        create_markdown_artifact(
            f"# {title}\n\n{line}\n\n{flips_table(flips, settings.language)}",
            key=f"flips-{flips.run_date}",
            description=line,
        )
        if accept_flips or flips.flipped_fraction <= settings.max_flip_fraction:
            return
        question = flips_question(flips, settings.max_flip_fraction, asking.get().language(settings))
        if not asking.get().ask_flips(settings, question, flips).go:
            raise FlipsHeld(f"{held(settings, flips)}; refused")

    return hold
