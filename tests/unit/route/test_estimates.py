"""What an audit says of a step: the point, and an interval that is never narrower than what was looked at allows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.route.estimates import Audited, error_count, estimate_route

NOTHING = Audited(0, 0, 0, 0.0, 0.0)


def audited(size: int, judged: int, errors: int) -> Audited:
    """A stratum whose comments had all the same probability."""
    return Audited(size, judged, errors, float(size), size / judged * errors if judged else 0.0)


def test_nothing_missed_is_the_rule_of_three() -> None:
    """Zero of 300 bounds the share by one percent: three in three hundred."""
    found = estimate_route(audited(100_000, 300, 0), NOTHING)
    assert found is not None
    assert (found.error_rate, found.missed, found.rate_interval.low) == (0.0, 0.0, 0.0)
    assert found.rate_interval.high == pytest.approx(3 / 300, rel=0.02)


def test_an_audit_of_everything_knows() -> None:
    found = estimate_route(audited(50, 50, 3), audited(10, 10, 1))
    assert found is not None
    assert found.rate_interval == (4 / 60, 4 / 60)
    assert found.missed_interval == (3.0, 3.0)


def test_without_an_answered_audit_nothing_is_said() -> None:
    assert estimate_route(audited(100, 0, 0), NOTHING) is None


def test_a_stratum_that_nobody_looked_at_may_be_wrong_as_a_whole() -> None:
    found = estimate_route(audited(1000, 100, 0), audited(50, 0, 0))
    assert found is not None
    assert found.rate_interval.high >= 50 / 1050


def test_comments_count_by_their_probability() -> None:
    """Two audits, one of which stands for ten times as many."""
    found = estimate_route(Audited(110, 2, 1, 110.0, 100.0), NOTHING)
    assert found is not None
    assert found.error_rate == pytest.approx(100 / 110)
    assert found.missed == 100.0


@given(st.integers(1, 5000), st.data())
def test_the_interval_holds_the_point_and_stays_within_what_there_is(size: int, data: st.DataObject) -> None:
    judged = data.draw(st.integers(1, size))
    errors = data.draw(st.integers(0, judged))
    low, high = error_count(audited(size, judged, errors))
    assert 0 <= low <= size * errors / judged + 1e-9
    assert size * errors / judged - 1e-9 <= high <= size
    assert low >= errors - 1e-9 or errors == 0 or judged < size


@pytest.mark.parametrize(("size", "rate", "probability"), [(4000, 0.02, 0.1), (400, 0.1, 0.3), (16000, 0.004, 0.05)])
def test_the_interval_covers_the_truth(size: int, rate: float, probability: float) -> None:
    """In 2,000 simulated audits of known steps; `benchmarks.audit_coverage` has more of them."""
    draw = np.random.default_rng(2026)
    covered = 0
    for _ in range(2000):
        errors = draw.binomial(size, rate)
        judged = draw.binomial(size, probability)
        seen = draw.hypergeometric(errors, size - errors, judged)
        low, high = error_count(audited(size, judged, int(seen)))
        covered += low <= errors <= high
    assert 0.93 <= covered / 2000 <= 0.985
