"""The report's charts: what is drawn, and that the drawing is dead, the same each time, and nobody else's cost."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import timedelta
from xml.etree import ElementTree

import pytest

from data_contracts.tables.metrics import MetricRow
from tasks.reports.charts.drawing import Legend, axis_of, draw, round_ticks
from tasks.reports.charts.series import Chart, Point, Span, VersionMark, charts_of
from tests.sample_nights import HOSTILE, RUN_DATE, compared

NAMESPACE = "{http://www.w3.org/2000/svg}"


def rows(name: str = "violation_rate", part: str = "all", nights: int = 20, **last: object) -> list[MetricRow]:
    """A quiet course; the newest night has the given facts."""
    found = [
        compared(name, part, 0.06 + 0.002 * (back % 3), 0.061, 0.004, date=str(RUN_DATE - timedelta(back)))
        for back in range(nights)
    ]
    return [found[0].model_copy(update=last), *found[1:]]


def chart(**last: object) -> Chart:
    """The chart of a course."""
    return charts_of(rows(**last), RUN_DATE, 28)[0]  # type: ignore[arg-type]


def drawn(given: Chart, text: str = "violations", spans: list[Span] | None = None) -> str:
    """Its picture."""
    marks = [VersionMark(RUN_DATE - timedelta(4), "v2")]
    return str(draw(given, Legend(text, text), lambda value: f"{value:.1%}", "c1", spans or [], marks))


def test_a_picture_has_a_title_and_text_that_can_be_read() -> None:
    """It says what it is to those who do not see it, and its labels are text."""
    svg = ElementTree.fromstring(drawn(chart()))
    assert (svg.get("role"), svg.get("aria-labelledby")) == ("img", "c1-t c1-d")
    assert [svg.findtext("title"), svg.findtext("desc")] == ["violations", "violations"]
    texts = ["".join(node.itertext()) for node in svg.iter("text")]
    assert {"11-19", "11-12", "11-05"} <= set(texts)
    assert [text for text in texts if text.endswith("%")]


@pytest.mark.parametrize("text", [*HOSTILE[:7], "-->]]><!--"])
def test_a_hostile_name_is_dead_text(text: str) -> None:
    """A slice or an event's name adds no element and no attribute."""
    spans = [Span(RUN_DATE - timedelta(9), RUN_DATE - timedelta(5), text)]
    tags = [node.tag for node in ElementTree.fromstring(drawn(chart(), text, spans)).iter()]
    assert tags == [node.tag for node in ElementTree.fromstring(drawn(chart(), "fine", spans)).iter()]


def test_a_picture_holds_shapes_and_text_alone() -> None:
    """Nothing in it is fetched, styled or acted on, and equal charts are equal bytes."""
    picture = drawn(chart())
    svg = ElementTree.fromstring(picture)
    assert {node.tag for node in svg.iter()} <= {
        "svg",
        "title",
        "desc",
        "g",
        "line",
        "path",
        "circle",
        "rect",
        "text",
        "tspan",
    }
    names = {name for node in svg.iter() for name in node.attrib}
    assert not names & {"style", "href", "onclick", "clip-path", "fill", "stroke", "font-family"}
    assert "url(" not in picture
    assert "http" not in picture
    assert picture == drawn(chart())


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    """The plotting library has nothing to complain of, whatever the course has gaps or single nights."""
    course = [row for row in rows() if (RUN_DATE - row.date).days not in (1, 3, 6)]
    drawn(charts_of(course, RUN_DATE, 28)[0])
    assert capfd.readouterr() == ("", "")


def test_a_degraded_night_has_a_shape_of_its_own() -> None:
    """Who sees no colours sees a triangle."""
    assert 'class="bad area"' not in drawn(chart())
    assert re.search(r'<path [^>]*class="bad area"', drawn(chart(state="degraded")))


def test_what_is_degraded_is_drawn_first() -> None:
    """Usual metrics always, others where they are degraded, those that are degraded before those that are not."""
    other = rows("product_share", "product=p1", state="degraded")
    found = charts_of([*rows("volume"), *other, *rows("product_share", "product=p2"), *rows()], RUN_DATE, 28)
    assert [(item.row.metric, item.row.slice) for item in found] == [
        ("product_share", "product=p1"),
        ("violation_rate", "all"),
        ("volume", "all"),
    ]


def test_two_nights_are_no_course() -> None:
    """Nothing is drawn before the third night, and nothing older than the window."""
    assert charts_of(rows(nights=2), RUN_DATE, 28) == []
    assert charts_of(rows(nights=40), RUN_DATE, 28)[0].points[0].day == RUN_DATE - timedelta(27)


def test_an_axis_holds_what_was_measured() -> None:
    """Every value and interval lies in it, a far limit does not flatten it, and a share does not go below nothing."""
    points = [Point(RUN_DATE, value, value - 1, value + 1, 12.0, -900.0, 900.0, False) for value in (10.0, 14.0)]
    axis = axis_of(points)
    assert 0 <= axis.low < 9
    assert 15 < axis.high < 30
    assert all(axis.low <= tick <= axis.high for tick in axis.ticks)


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.021, 0.034), (390.0, 12_000.0), (-3.0, 5.0), (0.0, 1e-5)])
def test_an_axis_names_a_few_round_values(low: float, high: float) -> None:
    """Two to six, whatever the scale."""
    assert 2 <= len(round_ticks(low, high)) <= 6


def test_only_drawing_imports_the_plotting_library() -> None:
    """Whoever imports the report, the overview or the flows does not wait for it."""
    script = (
        "import sys, tasks.reports.close_night, tasks.reports.overview.read_overview; "
        "sys.exit('lets_plot' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
