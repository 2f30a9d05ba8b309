"""The first published day that the watchdog ever saw: a lake that is gone must not look like a new one."""

from __future__ import annotations

import json
from datetime import date

from pydantic import BaseModel, ConfigDict, ValidationError

from tasks.adapters.storage import Storage
from tasks.base.errors import ModerationError
from tasks.base.paths import first_night
from tasks.base.settings import Settings


class FirstNight(BaseModel):
    """The stored object; earlier versions kept there what they told, which is left as it is."""

    model_config = ConfigDict(frozen=True, extra="allow")

    first_night: date | None = None


def read_first_night(storage: Storage, settings: Settings) -> date | None:
    """The day; None if there is none yet, or it cannot be read."""
    try:
        return FirstNight.model_validate_json(storage.get(first_night(settings)) or b"{}").first_night
    except (ValidationError, ModerationError):
        return None


def note_first_night(storage: Storage, settings: Settings, day: date | None) -> None:
    """Keep the day if it is earlier than the one on record; a store that fails is no matter."""
    uri = first_night(settings)
    try:
        body = storage.get(uri)
        try:
            known = FirstNight.model_validate_json(body or b"{}")
        except ValidationError:
            known = FirstNight()
        if day is not None and (known.first_night is None or day < known.first_night):
            after = known.model_copy(update={"first_night": day})
            storage.put(uri, json.dumps(after.model_dump(mode="json"), indent=1).encode())
    except ModerationError:
        return
