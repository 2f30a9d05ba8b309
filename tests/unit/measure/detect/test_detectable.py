"""The smallest change that a chart would show is honest: it is found in about 8 of 10 cases."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.measure.detect import replay
from tasks.measure.detect.detectable import detectable
from tests.detector_histories import frame, labels, shares, states, steady_errors, volume


def test_more_nights_show_smaller_changes() -> None:
    """A week shows less than a night, four weeks less than a week."""
    history = frame([*labels(steady_errors(80)), *shares("violation_rate", [0.03] * 80)])
    for row in detectable(history).iter_rows(named=True):
        assert row["one_night"] > row["week"] > row["four_weeks"] > 0
        assert row["baseline"] == pytest.approx(0.95 if row["metric"] == "accuracy" else 0.03, abs=0.005)


def test_more_labels_show_smaller_changes() -> None:
    """Ten times as many labels show about a third of the change."""
    few, many = (detectable(frame(labels([0.05 * n] * 80, n))).row(0, named=True)["week"] for n in (100, 1000))
    assert 2 < few / many < 5


@pytest.mark.parametrize("column", ["week", "four_weeks"])
def test_the_change_is_found_as_often_as_it_says(column: str) -> None:
    """A drop of accuracy as large as printed rings in time in most of 20 histories, and not in all by much."""
    nights = {"week": 7, "four_weeks": 28}[column]
    found = 0
    for seed in range(20):
        calm = steady_errors(70, seed=seed)
        change = detectable(frame(labels(calm))).row(0, named=True)[column]
        wrong = np.random.default_rng(1000 + seed).binomial(300, 0.05 + change, nights).astype(float).tolist()
        found += "degraded" in states(replay(frame(labels([*calm, *wrong]))), "accuracy")[70:]
    assert found >= 13


def test_a_chart_that_learns_has_no_smallest_change() -> None:
    """Nothing can be said of it yet, and nothing is."""
    row = detectable(frame([volume(night, 20_000 + night) for night in range(10)])).row(0, named=True)
    assert (row["baseline"], row["week"]) == (None, None)
    assert detectable(frame([])).is_empty()
