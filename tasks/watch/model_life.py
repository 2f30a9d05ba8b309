"""How long the model still lives; people hear of it in time, for somebody has to evaluate its successor before it ends.

Source: Amazon Bedrock User Guide, "Model lifecycle": a legacy model turns new customers away, and after its end of life
requests fail.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

from tasks.adapters import Adapters
from tasks.alerts.message import Scene
from tasks.alerts.tell import Telling, notify
from tasks.alerts.words import WORDS
from tasks.alerts.words.endings import ENDING_ADVICE, ENDING_LEADS, ENDING_TITLES
from tasks.base.paths import RunPaths
from tasks.base.ports import AlertMessage, Lifecycle, Severity
from tasks.llm.model_ids import parse_model_id

#: Days before the end at which each channel gets another message.
STEPS_DAYS = (60, 30, 14)
#: From here on somebody is paged: an evaluation takes days.
_PAGE_DAYS = 14
#: What to run about an end; a person fills in the successor, several if there are, and a budget.
TRY_SUCCESSORS = "python -m flows evaluate successors --candidate model=SUCCESSOR --max-cost-usd 20"


class Ending(NamedTuple):
    """A model that will not be there for long.

    Attributes:
        step: changes when it is news again: `legacy`, `60`, `30`, `14`, `ended`.
        ends_on: the last day on which it may still answer, None while no date is set.
        days_left: until then.
    """

    step: str
    ends_on: date | None
    days_left: int | None

    @property
    def severity(self) -> Severity:
        """How soon somebody should look."""
        is_near = self.days_left is not None and self.days_left <= _PAGE_DAYS
        return Severity.PAGE if is_near else Severity.TICKET


def find_ending(life: Lifecycle, today: date) -> Ending | None:
    """What there is to tell about a model's end; None while there is nothing."""
    if life.ends_at is None:
        return Ending("legacy", None, None) if life.is_legacy else None
    ends_on = life.ends_at.date()
    days_left = (ends_on - today).days
    if days_left <= 0:
        return Ending("ended", ends_on, days_left)
    near = [step for step in STEPS_DAYS if days_left <= step]
    if near:
        return Ending(str(near[-1]), ends_on, days_left)
    return Ending("legacy", ends_on, days_left) if life.is_legacy else None


def describe_ending(ending: Ending, model_id: str) -> str:
    """The ending in one line of English, for the log and the summary."""
    match ending.step, ending.ends_on:
        case "ended", ends_on:
            return f"{model_id} reached its end of life on {ends_on}: set MODERATION_MODEL_ID to its successor"
        case _, None:
            return f"{model_id} is legacy: evaluate its successor before a date for its end is set"
        case _, ends_on:
            return f"{model_id} ends on {ends_on}, in {ending.days_left} days: evaluate its successor before"


def ending_message(ending: Ending, model_id: str, paths: RunPaths) -> AlertMessage:
    """The alert about it."""
    kind = "ended" if ending.step == "ended" else "ending" if ending.ends_on else "legacy"
    facts = {"model": model_id, "end": str(ending.ends_on), "days": str(ending.days_left), "day": str(paths.run_date)}
    language = paths.settings.language
    lines = [
        ENDING_LEADS[language][kind].format_map(facts),
        WORDS[language].severities[ending.severity],
        "",
        ENDING_ADVICE[language][kind].format_map(facts),
        WORDS[language].phrases["next"].format(command=TRY_SUCCESSORS),
    ]
    return AlertMessage(
        title=ENDING_TITLES[language][kind].format_map(facts),
        ascii_title=ENDING_TITLES["en"][kind].format_map(facts),
        body="\n".join(lines),
        severity=ending.severity,
    )


def tell_ending(ending: Ending, paths: RunPaths, model_id: str, outside: Adapters, now: datetime) -> Telling:
    """Tell each channel that wants to hear of it, once a step."""
    key = parse_model_id(model_id).base_id
    scene, sender = Scene(settings=paths.settings, now=now), f"{paths.run_id} preflight"
    return notify(outside, "pipeline", key, ending.step, ending_message(ending, model_id, paths), scene, sender)
