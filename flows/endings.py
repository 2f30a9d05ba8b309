"""The states that flows end in: the only place where one is named, so that automations can wait for all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from prefect import get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Completed

from tasks.base.errors import SettingsInvalid, WrongUsage, describe_failure
from tasks.base.safe_text import brief
from tasks.reports.ending import Ending

T = TypeVar("T")

#: Longest message of a state, in characters.
_MAX_CHARS = 1_000


class Refusal(NamedTuple):
    """What a run returns that was refused: nothing was done, for this reason."""

    error: WrongUsage

    def __str__(self) -> str:
        return f"refused: {self.error}"


def ended(data: object, message: str, ending: Ending | None = None) -> State[Any]:
    """The state of a run that has ended well: Completed, or by another name with the reason."""
    return Completed(name=str(ending) if ending else "Completed", message=brief(message, _MAX_CHARS), data=data)


def or_refused(carry_out: Callable[[], T], but: tuple[type[WrongUsage], ...] = (SettingsInvalid,)) -> T | State[Any]:
    """What a flow comes to; Refused, with the reason, where its form is wrong: nothing has failed, nothing was done.

    Args:
        carry_out: the flow.
        but: what lets the run fail all the same: wrong settings are no form.
    """
    try:
        return carry_out()
    except but:
        raise
    except WrongUsage as error:
        name, reason = describe_failure(error)
        get_run_logger().error("%s: %s", name, reason)
        return ended(Refusal(error), f"{name}: {reason}", Ending.REFUSED)
