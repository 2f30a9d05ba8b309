"""A night is degraded when it strays from earlier nights by more than nights do, and by enough to matter."""

from __future__ import annotations

import copy
from datetime import date, timedelta
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.tables.metrics import State
from tasks.base.settings import Thresholds
from tasks.measure.baselines import compare
from tasks.measure.metric_history import Reading
from tasks.measure.metric_rules import RULES
from tests.measured_nights import DAY, Site, degraded

LIMITS = Thresholds()
#: Normal nights before a fault.
SETTLED = 28


@cache
def _settled(comments: int, seed: int) -> Site:
    site = Site(comments, 0.08, 1.0, seed)
    site.play_nights(SETTLED)
    return site


def settled(comments: int, seed: int) -> Site:
    """A site after 28 normal nights, played once for all tests; each gets a copy, and goes on from the same draw."""
    return copy.deepcopy(_settled(comments, seed))


def shares(value: float, nights: int = 28, n: int = 2000, wobble: float = 0.01) -> list[Reading]:
    """Earlier nights whose share alternates around a value."""
    return [
        Reading(DAY - timedelta(back), value + (wobble if back % 2 else -wobble), n) for back in range(nights, 0, -1)
    ]


@pytest.mark.parametrize(
    ("metric", "value", "state"),
    [
        pytest.param("violation_rate", 0.10, State.OK, id="as ever"),
        pytest.param("violation_rate", 0.13, State.OK, id="higher, but nights differ"),
        pytest.param("violation_rate", 0.20, State.DEGRADED, id="doubled"),
        pytest.param("violation_rate", 0.03, State.DEGRADED, id="fallen: it may be judged too mildly"),
        pytest.param("malformed_rate", 0.20, State.DEGRADED, id="failures doubled"),
        pytest.param("malformed_rate", 0.0, State.OK, id="fewer failures are good news"),
        pytest.param("accuracy", 0.30, State.OK, id="better accuracy is good news"),
    ],
)
def test_direction(metric: str, value: float, state: State) -> None:
    """Only a change for the worse degrades a night."""
    assert compare(Reading(DAY, value, 2000), shares(0.10), RULES[metric], LIMITS).state is state


def test_small_change_is_no_alarm() -> None:
    """A change that nobody would act on is no alarm, however sure it is."""
    steady = [reading._replace(n=10_000_000) for reading in shares(0.10, wobble=0.0001)]
    found = compare(Reading(DAY, 0.105, 10_000_000), steady, RULES["violation_rate"], LIMITS)
    assert found.statistic is not None
    assert found.statistic > 10
    assert found.state is State.OK
    assert found.threshold == pytest.approx(LIMITS.min_rate_change)


@pytest.mark.parametrize(("nights", "state"), [(12, State.LEARNING), (13, State.OK)])
def test_learning(nights: int, state: State) -> None:
    """With fewer nights than `min_baseline_nights` nothing is said."""
    assert compare(Reading(DAY, 0.1, 2000), shares(0.1, nights), RULES["violation_rate"], LIMITS).state is state


def test_too_few_to_tell() -> None:
    """Where not even 0 or 1 could stand out the state is cannot_tell, not ok."""
    found = compare(Reading(DAY, 1.0, 3), shares(0.5), RULES["violation_rate"], LIMITS)
    assert found.state is State.CANNOT_TELL
    assert found.reason == "3 are too few: no value could stand out"


@pytest.mark.parametrize(
    ("night", "state"),
    [
        pytest.param(date(2026, 11, 15), State.OK, id="as busy as Sundays are"),
        pytest.param(date(2026, 11, 16), State.DEGRADED, id="a Monday as busy as a Sunday"),
    ],
)
def test_weekday_effect(night: date, state: State) -> None:
    """A night is compared with what its weekday is like."""
    week = (1000, 1010, 990, 1005, 1100, 1500, 1600)
    days = [night - timedelta(back) for back in range(1, 29)]
    earlier = [Reading(day, week[day.weekday()] * (1.01 if day.day % 3 else 0.99), 0) for day in days]
    assert compare(Reading(night, 1600, 0), earlier, RULES["volume"], LIMITS).state is state


def test_empty_night() -> None:
    """No comment at all is a volume of 0, far below any normal night."""
    earlier = [Reading(DAY - timedelta(back), 600.0 + 10 * (back % 3), 600) for back in range(1, 20)]
    found = compare(Reading(DAY, 0.0, 0), earlier, RULES["volume"], LIMITS)
    assert found.state is State.DEGRADED
    assert found.effect == pytest.approx(-610, abs=5)


def test_cost_is_per_record() -> None:
    """Twice the records at the same price are no alarm; the same records at twice the price are."""
    earlier = [Reading(DAY - timedelta(back), 1.0 + 0.01 * (back % 3), 1000) for back in range(1, 29)]
    assert compare(Reading(DAY, 2.02, 2000), earlier, RULES["cost_usd"], LIMITS).state is State.OK
    assert compare(Reading(DAY, 2.02, 1000), earlier, RULES["cost_usd"], LIMITS).state is State.DEGRADED


def test_never_seen_before() -> None:
    """A language that no earlier night had rings as soon as its share matters."""
    earlier = [Reading(DAY - timedelta(back), 0.0, 2000) for back in range(1, 29)]
    found = compare(Reading(DAY, 0.05, 2000), earlier, RULES["language_share"], LIMITS)
    assert (found.state, found.baseline) == (State.DEGRADED, 0.0)


def test_constant_history() -> None:
    """Means that never moved give finite numbers."""
    earlier = [Reading(DAY - timedelta(back), 3.4, 500, 0.0) for back in range(1, 29)]
    found = compare(Reading(DAY, 3.7, 500, 0.0), earlier, RULES["output_tokens_log"], LIMITS)
    assert found.state is State.DEGRADED
    assert found.statistic == pytest.approx(3e5, rel=0.5)


@given(st.permutations(range(28)), st.floats(0, 1))
def test_order_does_not_matter(order: list[int], value: float) -> None:
    """The comparison is the same in whatever order the earlier nights come."""
    earlier = shares(0.2)
    expected = compare(Reading(DAY, value, 500), earlier, RULES["violation_rate"], LIMITS)
    assert (
        compare(Reading(DAY, value, 500), [earlier[place] for place in order], RULES["violation_rate"], LIMITS)
        == expected
    )


@given(st.floats(0, 1), st.integers(20, 100_000))
def test_threshold_agrees_with_state(value: float, n: int) -> None:
    """A night is degraded exactly if its effect is beyond the threshold that it prints."""
    found = compare(Reading(DAY, value, n), shares(0.2), RULES["violation_rate"], LIMITS)
    if found.threshold is None or found.effect is None:
        assert found.state is not State.DEGRADED
    elif abs(abs(found.effect) - found.threshold) > 1e-9:
        assert (found.state is State.DEGRADED) == (abs(found.effect) > found.threshold)


@pytest.mark.parametrize("comments", [300, 1500, 20_000])
def test_normal_nights_are_quiet(comments: int) -> None:
    """Of 4 sites' normal nights at most 1 in 100 rings: 140 nights, each over all its measures at once."""
    sites = [settled(comments, seed) for seed in range(4)]
    for site in sites:
        site.play_nights(48 - SETTLED)
    judged = [rows for site in sites for rows in site.frames[13:]]
    ringing = [degraded(rows) for rows in judged if degraded(rows)]
    assert len(ringing) <= 0.01 * len(judged), ringing


FAULTS = [
    pytest.param({"spam": 0.10}, "violation_category_share category=spam", 1500, id="a spam wave of 10 points"),
    pytest.param({"spam": 0.25}, "violation_rate all", 300, id="a spam wave of 25 points on a small site"),
    pytest.param({"english": 0.10}, "language_share language=en", 3000, id="English for Japanese, 10 points"),
    pytest.param({"korean": 0.10}, "language_share language=ko", 300, id="a new language, 10 points"),
    pytest.param({"violations": 2.0}, "violation_rate all", 1500, id="twice the violations"),
    pytest.param({"violations": 2.0}, "violation_rate all", 20_000, id="twice the violations on a large site"),
    pytest.param({"failed": 0.10}, "malformed_rate all", 300, id="10 % of answers malformed"),
    pytest.param({"failed": 0.02}, "malformed_rate all", 3000, id="2 % of answers malformed"),
    pytest.param({"volume": 0.5}, "volume all", 300, id="half the volume"),
    pytest.param({"length": 0.4}, "text_length_log all", 1500, id="longer by half"),
]


@pytest.mark.parametrize(("fault", "measure", "comments"), FAULTS)
def test_faults_ring_on_their_first_night(fault: dict[str, float], measure: str, comments: int) -> None:
    """Each fault is seen on its first night by the measure that it concerns, on 3 of 3 sites after 28 nights."""
    for seed in range(3):
        assert measure in degraded(settled(comments, seed).play(date(2026, 1, 29), fault))
