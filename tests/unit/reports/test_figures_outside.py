"""What CloudWatch is told of a night, and what its dashboard asks for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from data_contracts.documents.summary import Night
from data_contracts.tables.metrics import METRIC_NAMES, Kind, MetricRow, State
from docs.cloudwatch import DEPLOYMENT, dashboard_body
from tasks import adapters
from tasks.adapters import Adapters
from tasks.adapters.telemetry import conventions as names
from tasks.adapters.telemetry.cloudwatch import FiguresUndelivered
from tasks.adapters.telemetry.facts import Point
from tasks.reports.outside.points import night_points, stop_points
from tasks.reports.outside.send_figures import FigureSummary, send_figures
from tasks.watch.facts import Facts, NightRow
from tasks.watch.watchdog import figures_of
from tests import secrets_planted as planted
from tests.closed_night import night
from tests.factories import NOW, RUN_DATE, settings

ROWS = [
    MetricRow(date=RUN_DATE, metric=metric, kind=Kind.RATE, state=State.OK, value=0.5, reason="kanari")
    for metric in METRIC_NAMES
]
PAGE = ROWS[0].model_copy(update={"state": State.DEGRADED, "severity": "page"})


def sent_by_nights() -> set[tuple[str, ...]]:
    """The metrics that a night and the watchdog send, each with its dimensions."""
    facts = Facts(NOW, [], nights={RUN_DATE: NightRow("run-1", 1, {}, NOW)})
    points = [*night_points(night(metrics=ROWS), 1), *stop_points("OverBudget"), *figures_of(facts, 0)]
    return {(point.name, *(part for pair in point.dimensions for part in pair)) for point in points}


def value_of(points: list[Point], name: str, *dimension: str) -> float:
    """The one value of a metric."""
    (found,) = {
        point.value for point in points if point.name == name and (not dimension or dimension in point.dimensions)
    }
    return found


def test_a_published_night_in_figures() -> None:
    """Counts, dollars, the share of the budget, what rings by severity, and each measurement."""
    slice_row = PAGE.model_copy(update={"slice": "product=p1"})
    points = list(night_points(night(metrics=[PAGE, slice_row, *ROWS[1:]]), max_cost_usd=0.02))
    assert value_of(points, "Published") == 1
    assert (value_of(points, "Comments"), value_of(points, "Rejected"), value_of(points, "Unjudged")) == (10, 2, 1)
    assert value_of(points, "BudgetUsed") == 0.25
    assert value_of(points, "Degraded", "Severity", "page") == 1
    assert value_of(points, "Degraded", "Severity", "ticket") == 0
    assert value_of(points, "Measurement", "Metric", "accuracy") == 0.5
    assert not any("p1" in str(point) or "kanari" in str(point) for point in points), "wholes, and no words"


def test_an_unknown_cost_is_no_figure() -> None:
    """A night whose cost nobody knows says nothing of dollars or the budget: 0 would be a lie."""
    found = {point.name for point in night_points(night(cost_usd=None), 1)}
    assert not found & {"CostUsd", "BudgetUsed"}


@pytest.mark.parametrize(("error", "unbalanced"), [("Unbalanced", 1), ("OverBudget", 0)])
def test_a_stopped_night_in_figures(error: str, unbalanced: int) -> None:
    """That it stopped; books that do not balance have an alarm of their own."""
    assert {point.name: point.value for point in stop_points(error)} == {
        "Published": 0,
        "Stopped": 1,
        "Unbalanced": unbalanced,
    }


class Sink:
    """Where figures go in these tests."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.fault, self.points = fault, list[Point]()

    def put(self, deployment: str, points: tuple[Point, ...], at: Any) -> int:
        if self.fault:
            raise self.fault
        self.points += points
        return len(points)


def send(monkeypatch: pytest.MonkeyPatch, sink: Sink, came: Night | None, error_name: str) -> FigureSummary:
    """Send something there."""
    outside = Adapters.__new__(Adapters)
    object.__setattr__(outside, "figures", sink)
    monkeypatch.setattr(adapters, "connect", lambda _: outside)
    return send_figures.fn(settings(), came, error_name, NOW)


def test_a_night_that_was_published_before_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing happened: yesterday's figures stand."""
    sink = Sink()
    assert send(monkeypatch, sink, None, "").figure_count == 0
    assert sink.points == []


@pytest.mark.parametrize(
    ("fault", "shown"),
    [
        pytest.param(FiguresUndelivered("PutMetricData: AccessDenied: no"), "AccessDenied", id="refused"),
        pytest.param(ValueError(planted.SESSION_TOKEN), "ValueError", id="a-defect"),
    ],
)
def test_what_cloudwatch_says_against_it_is_a_warning(
    fault: Exception, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The night is published already: it does not end otherwise for want of a figure."""
    (warning,) = send(monkeypatch, Sink(fault), night(), "").warnings
    assert shown in warning
    assert planted.leaks([("warning", warning)]) == []


def test_a_look_of_the_watchdog_in_figures() -> None:
    """How many things are wrong, and for how long no night was published, whether or not one runs."""
    facts = Facts(NOW, [], nights={RUN_DATE: NightRow("run-1", 1, {}, NOW)})
    assert [(point.name, point.value) for point in figures_of(facts, 2)] == [
        ("WatchdogProblems", 2),
        ("HoursSincePublished", 0),
    ]
    assert [point.name for point in figures_of(Facts(NOW, []), 1)] == ["WatchdogProblems"]


def shown() -> list[dict[str, Any]]:
    """The dashboard's widgets."""
    found: list[dict[str, Any]] = json.loads(dashboard_body())["widgets"]
    return found


def test_the_dashboard_shows_what_is_sent() -> None:
    """Each metric on it is one that a night or the watchdog sends, under the very dimensions."""
    asked = [metric for widget in shown() for metric in widget["properties"]["metrics"] if isinstance(metric[0], str)]
    assert asked
    for metric in asked:
        plain = [part for part in metric if isinstance(part, str)]
        assert plain[0] == names.NAMESPACE
        assert plain[2:4] == ["Deployment", DEPLOYMENT]
        assert (plain[1], *plain[4:]) in sent_by_nights()


def test_the_batch_metrics_of_bedrock_are_searched_for() -> None:
    """Two of their names are not documented: whatever is there by model is shown."""
    (expression,) = (
        metric[0]["expression"]
        for widget in shown()
        for metric in widget["properties"]["metrics"]
        if isinstance(metric[0], dict)
    )
    assert expression == "SEARCH('{AWS/Bedrock/Batch,ModelId}', 'Maximum', 300)"


def test_the_widgets_lie_beside_each_other() -> None:
    """No widget covers another, none leaves the 24 columns, and each has a region and a title."""
    cells: list[tuple[int, int]] = []
    for widget in shown():
        across, down = (
            range(widget["x"], widget["x"] + widget["width"]),
            range(widget["y"], widget["y"] + widget["height"]),
        )
        assert across.stop <= 24
        cells += [(x, y) for x in across for y in down]
        assert widget["properties"]["title"]
        assert widget["properties"]["region"] == "${AWS::Region}"
    assert len(cells) == len(set(cells))
