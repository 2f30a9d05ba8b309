"""Before a scheduled night: wait until the day's input is complete, as far as anybody can tell.

With INPUT_MARKER an object says so. Without it, input is complete once its newest object is INPUT_STILL_S old by the
store's own clock; input that has long been there is not waited for. What comes later is found as late input.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from tasks import adapters
from tasks.base.errors import InputIncomplete
from tasks.base.paths import DayPaths
from tasks.base.settings import Settings
from tasks.base.stage import stage
from tasks.intake.input_files import InputFiles, find_inputs

#: Seconds between looks at the day's folder.
LOOK_AGAIN_S = 60.0


class Readiness(StrEnum):
    """How far the day's input is."""

    COMPLETE = "complete"
    #: there is no comments file
    ABSENT = "absent"
    #: it changed a short while ago
    MOVING = "moving"
    #: the object that says it is complete is not there
    UNMARKED = "unmarked"


class InputLook(NamedTuple):
    """What a listing of the day's folder says, and after how many seconds it may say more."""

    readiness: Readiness
    again_s: float = 0.0


class InputWait(BaseModel):
    """How the wait for input ended."""

    model_config = ConfigDict(frozen=True)

    readiness: Readiness
    waited_s: float


def look_at_input(files: InputFiles, now: datetime, still_s: float, marker: str | None) -> InputLook:
    """How far the input is.

    Args:
        files: what the day's folder holds.
        now: by the clock that dated the objects.
        still_s: seconds that the input must have been still for.
        marker: name of the object that says it is complete, if there is one.
    """
    if marker is not None:
        return InputLook(Readiness.COMPLETE) if files.is_marked else InputLook(Readiness.UNMARKED, LOOK_AGAIN_S)
    if not files.read:
        return InputLook(Readiness.ABSENT, LOOK_AGAIN_S)
    missing_s = still_s - (now - max(item.modified_at for item in files.read)).total_seconds()
    return InputLook(Readiness.MOVING, min(missing_s, LOOK_AGAIN_S)) if missing_s > 0 else InputLook(Readiness.COMPLETE)


@stage
def await_input(settings: Settings, run_date: date) -> InputWait:
    """Wait for the day's input, at most INPUT_WAIT_H.

    Input that never stands still is judged as it is then: the day would never be published otherwise, and what comes
    later is found as late input. Absent input is left to `ingest`, which says so.

    Reads: the listing of comments/date=D.
    Writes: nothing.
    Stops when: the marker did not come within INPUT_WAIT_H (InputIncomplete).

    Raises:
        InputIncomplete: if the marker did not come: whoever asks for one does not want to publish half a day.
    """
    outside, folder = adapters.connect(settings), DayPaths(settings, run_date).comments
    storage, clock = outside.storage, outside.clock
    begun, limit_s, seen = clock.monotonic(), settings.input_wait_h * 3600, frozenset[tuple[str, str]]()
    while True:
        now = storage.now(folder)  # before the listing, so that nothing listed can seem older than it is
        files = find_inputs(storage, folder, settings.input_marker, seen)
        seen |= {(item.uri, item.etag) for item in files.read}
        look = look_at_input(files, now, settings.input_still_s, settings.input_marker)
        waited_s = clock.monotonic() - begun
        if look.readiness is Readiness.COMPLETE or waited_s >= limit_s:
            break
        clock.sleep(max(min(look.again_s, limit_s - waited_s), 1.0))
    if look.readiness is Readiness.UNMARKED:
        raise InputIncomplete(
            f"{folder}/{settings.input_marker} did not come within MODERATION_INPUT_WAIT_H={settings.input_wait_h:g}: "
            "upstream has not said that the day is complete, nothing was judged"
        )
    return InputWait(readiness=look.readiness, waited_s=round(waited_s, 1))
