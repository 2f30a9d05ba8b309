"""Stages one after another, each reported with what it returned and how long it took."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tasks.base.steps import Steps

Report = tuple[str, object, float]


def steps(*times: float) -> tuple[Steps, list[Report]]:
    """Steps on a clock that shows these times, and what they report."""
    clock: Iterator[float] = iter(times)
    reports: list[Report] = []
    return Steps(lambda: next(clock), lambda *report: reports.append(report)), reports


def double(number: int, *, more: int = 0) -> int:
    return 2 * number + more


def test_a_stage_is_called_timed_and_reported() -> None:
    """The result is handed on, with its name and its seconds."""
    step, reports = steps(10.0, 12.5)
    assert step(double, 2, more=1) == 5
    assert step.seconds == {"double": 2.5}
    assert reports == [("double", 5, 2.5)]


def test_a_stage_that_runs_again_adds_up() -> None:
    """Seconds of one name are summed, in the order in which the stages first ran."""
    step, reports = steps(0.0, 1.0, 1.0, 2.0, 5.0, 5.126)

    def other() -> None:
        return None

    step(double, 1)
    step(other)
    step(double, 1)
    assert step.seconds == {"double": 1.13, "other": 1.0}
    assert list(step.seconds) == ["double", "other"]
    assert [name for name, _, _ in reports] == ["double", "other", "double"]


class Named:
    """What a Prefect task looks like to its caller."""

    name = "renamed"

    def __call__(self) -> int:
        return 1


def test_a_task_is_known_by_its_own_name() -> None:
    """A task's name stands for it, not that of what it wraps."""
    step, reports = steps(0.0, 1.0)
    assert step(Named()) == 1
    assert reports == [("renamed", 1, 1.0)]


def test_a_stage_that_fails_reports_nothing() -> None:
    """Its error comes out as it is."""
    step, reports = steps(0.0, 1.0)

    def fails() -> None:
        raise ValueError("as it is")

    with pytest.raises(ValueError, match="as it is"):
        step(fails)
    assert (step.seconds, reports) == ({}, [])
