"""Days that were announced to be unlike others, as the file that MODERATION_EVENTS names lists them."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator


class AnnouncedEvent(BaseModel):
    """A sale, a holiday, a campaign: inputs of its days are shown and do not ring.

    Attributes:
        name: as people call it.
        first: its first day.
        last: its last day.
        metrics: which metrics it may change; none named: all inputs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=80)
    first: date
    last: date
    metrics: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _in_order(self) -> AnnouncedEvent:
        if self.last < self.first:
            raise ValueError("it ends before it begins")
        return self


_KEYS = tuple(AnnouncedEvent.model_fields)


class _EventsFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    event: tuple[AnnouncedEvent, ...] = ()


def read_events(path: Path) -> tuple[AnnouncedEvent, ...]:
    """The events of a TOML file: `[[event]]` with name, first, last and, where not all inputs are meant, metrics.

    Raises:
        ValueError: if the file cannot be read or says anything else; the text says where, and repeats nothing that it
            holds, nor its name: it may be a secret in the wrong place.
    """
    try:
        return _EventsFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).event
    except OSError as error:
        raise ValueError(f"the file that it names cannot be read: {error.strerror}") from None
    except ValidationError as error:
        raise ValueError(
            "; ".join(_explain(item["loc"], item["type"], item["msg"]) for item in error.errors())
        ) from None
    except ValueError as error:  # no TOML, or no UTF-8
        raise ValueError(f"the file that it names is no TOML: {error}") from None


def _explain(place: tuple[int | str, ...], kind: str, message: str) -> str:
    """One fault of the file: the first event is number 1."""
    keys = [part for part in place[1:3] if isinstance(part, int) or part in _KEYS]
    where = [f"event {part + 1}" if isinstance(part, int) else part for part in keys]
    wrong = f"only [[event]] with {', '.join(_KEYS)} is known" if kind == "extra_forbidden" else message
    return f"{': '.join(where) or 'its events'}: {wrong.removeprefix('Value error, ')}"
