"""Settings that have lost their effect: they are still read and checked, and a warning says what counts instead."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from pydantic import BaseModel

logger = logging.getLogger(__name__)


class Lost(NamedTuple):
    """A setting without its former effect.

    Attributes:
        name: the field; of a nested one, the field it lies in.
        successor: what decides now.
        kept: fields inside that still have their effect.
    """

    name: str
    successor: str
    kept: frozenset[str] = frozenset()


_DETECTOR = "the detector's policy decides now, with MODERATION_EVENTS for announced days (docs/settings.md)"

LOST = (
    Lost("thresholds", f"no longer counts: {_DETECTOR}", frozenset({"max_failed_fraction"})),
    Lost(
        "baseline_days",
        "no longer says what a night's metrics are compared with, only whose words and texts, and what the "
        f"expectations see: {_DETECTOR}",
    ),
)


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
            yield f"{', '.join(f'MODERATION_{name}'.upper() for name in names)} {lost.successor}"


@lru_cache
def warn_once(line: str) -> None:
    """Say it once in a process."""
    logger.warning("%s", line)
