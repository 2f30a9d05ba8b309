"""What was announced to the detector, in the file that MODERATION_EVENTS names: unusual days, accepted changes."""

from __future__ import annotations

import difflib
import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from data_contracts.tables.metrics import METRIC_NAMES


def _known(metric: str) -> str:
    """The name of a metric; a name that is none is not repeated: it may be a secret in the wrong place."""
    if metric not in METRIC_NAMES:
        nearest = max(METRIC_NAMES, key=lambda each: difflib.SequenceMatcher(None, metric, each).ratio())
        raise ValueError(f"this is not a metric; the nearest is {nearest}")
    return metric


MetricName = Annotated[str, AfterValidator(_known)]


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
    metrics: tuple[MetricName, ...] = ()

    @model_validator(mode="after")
    def _in_order(self) -> AnnouncedEvent:
        if self.last < self.first:
            raise ValueError("it ends before it begins")
        return self


class AcceptedChange(BaseModel):
    """A change that was wanted: from its first night on metrics are compared with nights since then alone.

    Attributes:
        date: the first night of what is normal now.
        metrics: which metrics it changed; none named: all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    date: date
    metrics: tuple[MetricName, ...] = ()


_KEYS = {"event": tuple(AnnouncedEvent.model_fields), "rebaselined": tuple(AcceptedChange.model_fields)}


class Announcements(BaseModel):
    """The file: `[[event]]` and `[[rebaselined]]`, each as often as needed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    event: tuple[AnnouncedEvent, ...] = ()
    rebaselined: tuple[AcceptedChange, ...] = ()


def read_events(path: Path) -> Announcements:
    """What a TOML file announces.

    `[[event]]` with name, first, last and, where not all inputs are meant, metrics; `[[rebaselined]]` with date and,
    where not all metrics are meant, metrics.

    Raises:
        ValueError: if the file cannot be read or says anything else; the text says where, and repeats nothing that it
            holds, nor its name: it may be a secret in the wrong place.
    """
    try:
        return Announcements.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ValueError(f"the file that it names cannot be read: {error.strerror}") from None
    except ValidationError as error:
        raise ValueError(
            "; ".join(_explain(item["loc"], item["type"], item["msg"]) for item in error.errors())
        ) from None
    except ValueError as error:  # no TOML, or no UTF-8
        raise ValueError(f"the file that it names is no TOML: {error}") from None


def _explain(place: tuple[int | str, ...], kind: str, message: str) -> str:
    """One fault of the file: the first entry of each kind, and the first of its metrics, is number 1."""
    table = next((name for name in place[:1] if name in _KEYS), None)
    keys = _KEYS.get(str(table), ())
    known = [part for part in place[1:] if isinstance(part, int) or part in keys]
    where = [str(part) if isinstance(part, str) else f"{part + 1}" for part in known]
    path = [f"{table} {where[0]}", *where[1:]] if where else ["its events"]
    wrong = f"only {_describe_keys(table)} is known" if kind == "extra_forbidden" else message
    return f"{': '.join(path)}: {wrong.removeprefix('Value error, ')}"


def _describe_keys(table: int | str | None) -> str:
    return " and ".join(f"[[{name}]] with {', '.join(keys)}" for name, keys in _KEYS.items() if table in (None, name))
