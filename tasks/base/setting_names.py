"""What settings are called: a name that is none is refused, one that has lost its effect is told of once."""

from __future__ import annotations

import difflib
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, NamedTuple, get_origin

from pydantic import BaseModel

ENV_PREFIX = "MODERATION_"
#: Where the TOML file is; read before the settings, and none of them.
CONFIG = "CONFIG"
#: What Kubernetes puts into every container for a Service whose name begins as our prefix does.
#: Source: Kubernetes, "Service", environment variables.
_OF_KUBERNETES = ("*_SERVICE_HOST", "*_SERVICE_PORT*", "*_PORT*")
#: What a setting's name, or its place in a list, looks like.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,79}|[0-9]{1,3}")

logger = logging.getLogger(__name__)


class Lost(NamedTuple):
    """A setting that has lost its effect, or some of it; it is still read and checked as before.

    Attributes:
        name: the field; of a nested one, the field it lies in.
        line: what decides now, as the end of a line that begins with the setting's name.
        kept: fields inside that still have their effect.
        successor: the field that takes its value, where it has but another name now. The former one is null by default
            and left out of the plan.
        until: the minor version that does not know a former name any more.
    """

    name: str
    line: str
    kept: frozenset[str] = frozenset()
    successor: str = ""
    until: str = ""


_DETECTOR = "the detector's policy decides now, with MODERATION_EVENTS for announced days (docs/settings.md)"

LOST = (
    Lost(
        "alert_language",
        "is called MODERATION_LANGUAGE now: it is read until version 0.3, which will not know it any more",
        successor="language",
        until="0.3",
    ),
    Lost("thresholds", f"no longer counts: {_DETECTOR}", kept=frozenset({"max_failed_fraction"})),
    Lost(
        "baseline_days",
        "no longer says what a night's metrics are compared with, only whose words and texts, and what the "
        f"expectations see: {_DETECTOR}",
    ),
)
#: Those that have but another name now.
RENAMED = tuple(lost for lost in LOST if lost.successor)


def variable(name: str) -> str:
    """A field as the environment calls it."""
    return f"{ENV_PREFIX}{name}".upper()


def known_names(settings: type[BaseModel], prefix: str = "") -> list[str]:
    """Every name that may be set, as the environment has it without the prefix, those of nested values included."""
    names = [] if prefix else [CONFIG]
    for name, field in settings.model_fields.items():
        if any(name == lost.name for lost in RENAMED):
            continue
        names.append(f"{prefix}{name}".upper())
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            names += known_names(field.annotation, f"{names[-1]}__")
    return names


def unknown_variables(given: Iterable[str], settings: type[BaseModel]) -> list[str]:
    """The variables with our prefix that are no setting; what is inside a nested value is the value's own affair."""
    unknown = []
    for name in sorted({name.upper() for name in given}):
        if not name.startswith(ENV_PREFIX) or any(fnmatchcase(name, pattern) for pattern in _OF_KUBERNETES):
            continue
        top, *inside = name.removeprefix(ENV_PREFIX).split("__", 1)
        field = settings.model_fields.get(top.lower())
        is_known = top == CONFIG and not inside if field is None else not inside or _is_nested(field.annotation)
        if not is_known:
            unknown.append(name)
    return unknown


def describe_unknown(name: str, settings: type[BaseModel]) -> str:
    """That a name is no setting, and which one is nearest."""
    names = known_names(settings)
    wanted = name.removeprefix(ENV_PREFIX).upper()
    nearest = max(names, key=lambda each: difflib.SequenceMatcher(None, wanted, each).ratio())
    hint = " (the file's keys have no prefix)" if wanted.startswith(ENV_PREFIX) else ""
    return f"{ENV_PREFIX}{_quoted(wanted)} is not a setting; the nearest is {ENV_PREFIX}{nearest}{hint}"


def describe_wrong(item: Any, settings: type[BaseModel]) -> str:
    """One of pydantic's errors, named as the operator sets it."""
    place: Sequence[int | str] = item["loc"]
    if not place:  # a rule about several settings names them itself
        return str(item["msg"]).removeprefix("Value error, ")
    name = "__".join(map(str, place)).upper()
    if item["type"] == "extra_forbidden":
        return describe_unknown(f"{ENV_PREFIX}{name}", settings)
    shown = variable("__".join(_quoted(str(part)) for part in place))
    if item["type"] == "missing":
        return f"{shown} is not set ({settings.model_fields[str(place[0])].description})"
    return f"{shown}: {str(item['msg']).removeprefix('Value error, ')}"


def describe_lost(settings: BaseModel) -> Iterator[str]:
    """A line for each setting that somebody has set and that has lost its effect."""
    for lost in LOST:
        if lost.name not in settings.model_fields_set:
            continue
        value = getattr(settings, lost.name)
        names = [lost.name]
        if isinstance(value, BaseModel):
            names = [f"{lost.name}__{name}" for name in sorted(value.model_fields_set - lost.kept)]
        if names:
            yield f"{', '.join(map(variable, names))} {lost.line}"


@lru_cache
def warn_once(line: str) -> None:
    """Say it once in a process."""
    logger.warning("%s", line)


def _is_nested(annotation: Any) -> bool:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return True
    return get_origin(annotation) is dict


def _quoted(name: str) -> str:
    """A name, part by part: a key that looks like none may be a URL with its password, put in the wrong place."""
    return "__".join(part if not part or _NAME.fullmatch(part) else "?" for part in name.split("__"))
