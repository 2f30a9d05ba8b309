"""What a night says of itself to whoever watches from outside: spans, events, figures. No text, no message."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, NamedTuple

Value = str | int | float | bool


class SpanFacts(NamedTuple):
    """A span that is told when it is over; without times, it lasts as long as what it is part of.

    Attributes:
        name: of the span.
        key: names it within the run: with the run's id it gives the span's id, so that other runs can link to it.
        begun: when it begins.
        ended: when it ends.
        attributes: by the names of `conventions`.
        parent: the key of the span that it is part of, or the name of a stage; empty for the night itself.
        former_run: the run whose span of the same key this one goes on from; empty for none.
        is_call: whether it is a call to a model.
    """

    name: str
    key: str
    begun: datetime | None
    ended: datetime | None
    attributes: Mapping[str, Value]
    parent: str = ""
    former_run: str = ""
    is_call: bool = False


class Evaluation(NamedTuple):
    """How a metric of quality came out: `gen_ai.evaluation.result`."""

    name: str
    value: float | None
    label: str


class Figure(NamedTuple):
    """A figure of the night, as a metric."""

    name: str
    unit: str
    value: float
    attributes: Mapping[str, Value]


class Ending(NamedTuple):
    """What there is to say of a night when it is over.

    Attributes:
        attributes: of the night's own span.
        spans: of its shards, jobs and calls, parents before what is part of them.
        evaluations: of its metrics of quality.
        figures: its figures.
        former_runs: runs of the same day whose work it went on from.
    """

    attributes: Mapping[str, Value] = {}
    spans: tuple[SpanFacts, ...] = ()
    evaluations: tuple[Evaluation, ...] = ()
    figures: tuple[Figure, ...] = ()
    former_runs: tuple[str, ...] = ()


class Point(NamedTuple):
    """A figure as CloudWatch takes it.

    Attributes:
        name: of the metric, as `Comments`.
        value: what is not finite is not sent.
        unit: one of CloudWatch's.
        dimensions: beside the deployment: name and value.
    """

    name: str
    value: float
    unit: Literal["Count", "Seconds", "None"] = "None"
    dimensions: tuple[tuple[str, str], ...] = ()
