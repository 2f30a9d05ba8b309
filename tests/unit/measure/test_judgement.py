"""A night's measurements become rows that say what the nights before make of them."""

from __future__ import annotations

import copy
from datetime import date, timedelta
from functools import cache

import polars as pl
import pytest

from data_contracts.tables.metrics import METRICS, Kind, MetricRow, State, rows_of
from tasks.measure.detect import Event, Policy
from tasks.measure.detect.rules import FAILURES
from tasks.measure.judgement import Stamp, evidence_of, judge, measured_rows
from tasks.measure.measurement import Measurement, nothing, rate, total
from tests.measured_nights import DAY, NOW, Site, degraded


def rows_on(day: date, *measured: Measurement) -> pl.DataFrame:
    """Rows of one day before they are judged."""
    return measured_rows(measured, Stamp(day, NOW, "verdicts", "run"))


def earlier(*nights: Measurement) -> pl.DataFrame:
    """What the detector reads of nights that end on the eve of DAY."""
    frames = [rows_on(DAY - timedelta(len(nights) - place), item) for place, item in enumerate(nights)]
    return evidence_of(pl.concat([METRICS.empty(), *frames]))


def judged(*tonight: Measurement, history: pl.DataFrame | None = None, policy: Policy | None = None) -> list[MetricRow]:
    """Tonight's rows."""
    return rows_of(judge(rows_on(DAY, *tonight), earlier() if history is None else history, policy or Policy()))


USUAL = [total("volume", 1000 + 10 * (night % 5), 1000, of="comments") for night in range(40)]


def test_numbers_stay_and_words_are_added() -> None:
    """Value and interval are those that were measured; method and reason name both who measured and who judged."""
    (row,) = judged(rate("accuracy", 45, 50, of="labels", reason="labels of source sample"))
    assert (row.x, row.n, row.value, row.verdicts_run_id, row.run_id) == (45, 50, 0.9, "verdicts", "run")
    assert (row.state, row.reason_code, row.severity) == (State.LEARNING, "few_nights", None)
    assert row.reason == "0 earlier nights to compare with, 14 are needed; labels of source sample"
    assert row.method.startswith("share of labels; Jeffreys 95% interval; exact counts of errors")


def test_a_total_is_compared_though_x_is_null() -> None:
    """A total stands in `value`: it is compared, and `x` stays null."""
    (row,) = judged(total("volume", 500, 500, of="comments"), history=earlier(*USUAL))
    assert (row.x, row.state, row.severity, row.reason_code) == (None, State.DEGRADED, "report", "jump")
    assert row.baseline == pytest.approx(1020, abs=15)
    assert row.threshold is not None
    assert abs(row.effect or 0) > row.threshold > 0
    assert row.since == DAY


def test_evidence_adds_up_and_rings_once_it_is_enough() -> None:
    """A small change that lasts is not degraded on its first night, and is once the evidence reaches its limit."""
    history, evidence, states = earlier(*USUAL), [], []
    for number in range(12):
        day = DAY + timedelta(number)
        tonight = rows_on(day, total("volume", 1110, 1110, of="comments"))
        (row,) = rows_of(judge(tonight, history, Policy()))
        history = pl.concat([history, evidence_of(tonight)])
        evidence.append((row.evidence or 0) / (row.evidence_limit or 1))
        states.append(row.state)
    assert states[0] is State.OK
    assert State.DEGRADED in states
    first = states.index(State.DEGRADED)
    assert evidence[0] < 0.5
    assert evidence[first] == pytest.approx(1)


def test_why_nothing_was_measured_is_told_once() -> None:
    """The measurement's own reason stands alone where nothing could be measured."""
    (row,) = judged(nothing("cost_usd", Kind.COUNT, "the model has no known price", n=300), history=earlier(*USUAL))
    assert (row.state, row.reason, row.reason_code) == (State.NO_DATA, "the model has no known price", "not_measured")


def test_what_is_being_collected_is_left_alone() -> None:
    """A metric whose reference is young is learning, whatever the detector would say."""
    (row,) = judged(nothing("oov_rate", Kind.RATE, "the vocabulary has 3 of its 28 days", is_learning=True))
    assert (row.state, row.reason_code) == (State.LEARNING, "collecting")
    assert row.reason == "the vocabulary has 3 of its 28 days"


def test_failed_answers_without_a_past() -> None:
    """More failed answers than a night may have page on the first night too, and those to blame are named."""
    rates = [rate(name, x, 100, of="records") for name, x in zip(FAILURES, (1, 0, 9, 0), strict=True)]
    blamed = [(row.metric, row.severity, row.reason_code) for row in judged(*rates) if row.rings]
    assert blamed == [("error_rate", "page", "incomplete")]
    lenient = judged(*rates, policy=Policy(max_failed_fraction=0.2))
    assert not [row for row in lenient if row.rings]


def test_announced_days_do_not_ring() -> None:
    """On an announced day inputs are shown and do not ring; quality and completeness do."""
    sale = Policy(events=(Event("Black Friday", DAY, DAY),))
    failed = [rate(name, 30, 100, of="records") for name in FAILURES]
    rows = judged(total("volume", 3000, 3000, of="comments"), *failed, history=earlier(*USUAL), policy=sale)
    assert (rows[0].state, rows[0].reason_code, rows[0].reason) == (State.OK, "event", "announced: Black Friday")
    assert all(row.rings for row in rows[1:])


def test_later_nights_are_not_looked_at() -> None:
    """Measuring an old day again takes no account of the days after it."""
    after = earlier(*USUAL).with_columns(pl.col("date") + timedelta(60))
    alone = judged(total("volume", 500, 500, of="comments"), history=earlier(*USUAL))
    assert judged(total("volume", 500, 500, of="comments"), history=pl.concat([earlier(*USUAL), after])) == alone


@pytest.mark.parametrize("comments", [300, 1500, 20_000])
def test_normal_nights_are_quiet(comments: int) -> None:
    """Of 4 sites' normal nights at most 1 in 100 rings, each over all its measures at once."""
    sites = [Site(comments, 0.08, 1.0, seed) for seed in range(4)]
    for site in sites:
        site.pass_nights(21)
    nights = [rows for site in sites for rows in site.play_nights(27)]
    ringing = [degraded(rows) for rows in nights if degraded(rows)]
    assert len(ringing) <= 0.01 * len(nights), ringing


FAULTS = [
    pytest.param({"spam": 0.10}, "violation_category_share category=spam", 1500, id="a spam wave of 10 points"),
    pytest.param({"spam": 0.25}, "violation_rate all", 300, id="a spam wave of 25 points on a small site"),
    pytest.param({"english": 0.10}, "language_share language=en", 3000, id="English for Japanese, 10 points"),
    pytest.param({"korean": 0.10}, "language_share language=ko", 300, id="a new language, 10 points"),
    pytest.param({"violations": 2.0}, "violation_rate all", 1500, id="twice the violations"),
    pytest.param({"failed": 0.10}, "malformed_rate all", 300, id="10 % of answers malformed"),
    pytest.param({"volume": 0.5}, "volume all", 300, id="half the volume"),
    pytest.param({"length": 0.4}, "text_length_log all", 1500, id="longer by half"),
]


@cache
def after_40_nights(comments: int, seed: int) -> Site:
    """A site with a past, which several faults befall: each of them its own copy."""
    site = Site(comments, 0.08, 1.0, seed)
    site.pass_nights(40)
    return site


@pytest.mark.parametrize(("fault", "measure", "comments"), FAULTS)
def test_faults_ring_within_three_nights(fault: dict[str, float], measure: str, comments: int) -> None:
    """Each fault that lasts is seen by the measure that it concerns by its third night, on 3 of 3 sites."""
    for seed in range(3):
        site = copy.deepcopy(after_40_nights(comments, seed))
        found = [degraded(site.play(date(2026, 2, 10 + night), fault)) for night in range(3)]
        assert measure in found[-1]
