"""The monitor's benchmark says how near to the limit a delay is."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.monitor_quality import bound
from benchmarks.monitor_quality.faults import CASES
from benchmarks.monitor_quality.tables import bound_of, delay_table
from tasks.measure.detect.policy import Policy


def test_a_rise_in_a_clean_stratum_can_be_seen_sooner_than_one_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six more errors say more where two are expected than where fifteen are; other charts have no such bound."""
    monkeypatch.setattr(bound, "_PATHS", 400)
    by_name = {case.name: bound_of(case, seed=1) for case in CASES}
    clear, flagged = by_name["95->93, errors in clear"], by_name["95->93, errors in flagged"]
    alike = by_name["95->93, errors alike in all strata"]
    assert clear is not None
    assert flagged is not None
    assert alike is not None
    assert 1 <= clear.mean < flagged.mean < alike.mean < 7
    assert by_name["flags 3->4.5"] is None
    assert by_name["accuracy 95->90 over 30"] is None


def test_no_rule_is_faster_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line of the table names the fault, its goal, and the bound below what was reached."""
    monkeypatch.setattr(bound, "_PATHS", 400)
    case = next(case for case in CASES if case.name == "95->93, errors in flagged")
    line = list(delay_table([case], 14, 1, Policy()))[-1]
    reached, least = float(line.split()[5]), bound_of(case, seed=1)
    assert line.startswith(case.name)
    assert "3/-/6" in line
    assert least is not None
    assert least.mean < reached + 0.5


def test_the_bound_is_that_of_a_known_chart() -> None:
    """300 labels, 5 to 7 % errors: 4.9 nights on average at .45 false alarms a year."""
    found = bound.least_delay(np.array([300.0]), np.array([0.05]), np.array([0.07]), seed=1)
    assert found.mean == pytest.approx(4.9, abs=0.3)
