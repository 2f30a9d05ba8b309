"""The sentences of the contract, one by one."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from data_contracts.tables.metrics import METRIC_NAMES
from tasks.measure.detect import Event, Policy, detect, replay
from tasks.measure.detect.rules import RULES
from tests.detector_histories import (
    assert_is_answer,
    day,
    frame,
    labels,
    mean,
    rate,
    row_of,
    shares,
    states,
    steady_errors,
    volume,
)


def test_wrong_verdicts_first_open_a_ticket_and_then_page() -> None:
    """An accuracy of 90 % after 95 % rings within two nights; a page needs the guarantee, which takes longer."""
    answer = replay(frame(labels([*steady_errors(80), *[30.0] * 6])))
    fault = answer.filter(pl.col("date") >= day(80))
    assert fault["severity"].to_list()[1:] == ["ticket", "page", "page", "page", "page"] or "page" in fault["severity"]
    assert fault["state"].to_list()[1:] == ["degraded"] * 5
    assert set(answer.filter(pl.col("date") < day(80))["state"]) == {"learning", "ok"}
    assert_is_answer(answer)


def test_the_numbers_are_in_the_metrics_unit() -> None:
    """Baseline, effect and threshold of accuracy are shares of right verdicts; since is the first night of the run."""
    row = row_of(replay(frame(labels([*[15.0] * 60, 36.0, 36.0]))), 61, "accuracy")
    assert row["baseline"] == pytest.approx(0.95, abs=0.002)
    assert row["effect"] == pytest.approx(-0.07, abs=0.002)
    assert 0 <= row["threshold"] < 0.07
    assert row["statistic"] < -5
    assert row["since"] == day(60)
    assert row["reason"].startswith("88 % is 7.0")


def test_errors_of_one_stratum_ring_though_the_total_hardly_moves() -> None:
    """The evidence stands on the strata where a night has them: errors that move from one to another are a fault."""

    def night(place: int, flagged: float, clear: float) -> list[tuple[object, ...]]:
        return [
            rate(place, "accuracy", 300 - flagged - clear, 300),
            rate(place, "accuracy", 140 - flagged, 140, "stratum=flagged"),
            rate(place, "accuracy", 160 - clear, 160, "stratum=clear"),
        ]

    calm = [row for place in range(60) for row in night(place, 14, 2)]
    moved = [row for place in range(60, 66) for row in night(place, 6, 10)]
    answer = replay(frame([*calm, *moved]))
    assert "degraded" in states(answer, "accuracy")[60:63]
    assert set(states(answer, "accuracy", "stratum=clear")) == {"learning", "ok"}
    assert row_of(answer, 65, "accuracy", "stratum=clear")["reason_code"] == "shown"


def test_strata_that_are_new_do_not_blind_accuracy() -> None:
    """Until every stratum of a night has a past of its own, the evidence comes from the whole."""
    plain = labels([*[15.0] * 60, *[30.0] * 4])
    strata = [
        row
        for night in range(60, 64)
        for row in (
            rate(night, "accuracy", 40, 60, "stratum=flagged"),
            rate(night, "accuracy", 230, 240, "stratum=clear"),
        )
    ]
    assert states(replay(frame([*plain, *strata])), "accuracy")[61] == "degraded"


def test_another_allocation_of_the_labels_is_no_fault() -> None:
    """More labels in a bad stratum lower the share of right ones, but no stratum is worse than before."""

    def night(place: int, flagged: int, clear: int) -> list[tuple[object, ...]]:
        wrong = 0.2 * flagged, 0.0125 * clear
        return [
            rate(place, "accuracy", flagged + clear - sum(wrong), flagged + clear),
            rate(place, "accuracy", flagged - wrong[0], flagged, "stratum=flagged"),
            rate(place, "accuracy", clear - wrong[1], clear, "stratum=clear"),
        ]

    rows = [row for place in range(80) for row in (night(place, 60, 240) if place < 50 else night(place, 200, 80))]
    assert "degraded" not in states(replay(frame(rows)), "accuracy")


@pytest.mark.parametrize("metric", ["precision", "recall", "f1", "prevalence"])
def test_other_quality_metrics_are_shown_and_never_ring(metric: str) -> None:
    """Accuracy's evidence covers them: their numbers are weighted, and their alarms would be counted twice."""
    answer = replay(frame([rate(night, metric, 280 if night < 60 else 30, 300) for night in range(80)]))
    assert "degraded" not in states(answer, metric)
    assert answer["severity"].null_count() == len(answer)
    assert row_of(answer, 62, metric)["effect"] < -0.8


def test_a_night_without_input_pages_without_history() -> None:
    """No input needs no baseline."""
    row = row_of(detect(frame([volume(0, 0)])), 0, "volume")
    assert (row["state"], row["severity"], row["reason_code"]) == ("degraded", "page", "no_input")


def test_a_night_without_input_leaves_no_trace_in_the_baseline() -> None:
    """A young site whose export once broke off still sees that half its comments are missing."""
    rows = [volume(night, 0 if night == 9 else 20_000 + 100 * (night % 7)) for night in range(40)]
    answer = replay(frame([*rows, volume(40, 9_000), volume(41, 9_000)]))
    assert states(answer, "volume")[9] == "degraded"
    assert states(answer, "volume")[41] == "degraded"


@pytest.mark.parametrize(
    ("failed", "state"),
    [pytest.param(50, "learning", id="at 5 %"), pytest.param(51, "degraded", id="over 5 %")],
)
def test_failed_answers_page_without_history(failed: int, state: str) -> None:
    """Malformed, refused, error and missing answers count together; those to blame are degraded."""
    parts = {"malformed_rate": failed - 25, "refused_rate": 25, "error_rate": 0, "missing_rate": 0}
    answer = detect(frame([rate(0, metric, x, 1000) for metric, x in parts.items()]))
    assert row_of(answer, 0, "malformed_rate")["state"] == state
    assert row_of(answer, 0, "missing_rate")["state"] == "learning"
    if state == "degraded":
        assert row_of(answer, 0, "malformed_rate")["severity"] == "page"
        assert (
            row_of(answer, 0, "malformed_rate")["reason"]
            == "51 of 1,000 answers failed in all (5.1%); the limit is 5.0%"
        )


@pytest.mark.parametrize(
    ("labelled", "severity"),
    [pytest.param(6, None, id="6 nights had some"), pytest.param(7, "ticket", id="7 nights had some")],
)
def test_no_labels_are_a_ticket_only_where_labels_used_to_come(labelled: int, severity: str | None) -> None:
    """Seven of the 28 nights before must have had labels."""
    rows = [*labels([15.0] * labelled), *[volume(night, 20_000) for night in range(20)]]
    row = row_of(detect(frame(rows)), 19, "accuracy")
    assert (row["state"], row["severity"], row["reason_code"]) == ("no_data", severity, "no_labels")


def test_labels_older_than_28_nights_do_not_count() -> None:
    """A site that stopped to label long ago is not told so every night."""
    rows = [*labels([15.0] * 30), volume(30 + 22, 20_000)]
    assert row_of(detect(frame(rows)), 52, "accuracy")["severity"] is None


def test_too_few_labels_cannot_tell_and_say_how_many_would() -> None:
    """Five labels say nothing about a night; the reason names a number that would."""
    row = row_of(replay(frame([*labels([15.0] * 60), rate(60, "accuracy", 5, 5)])), 60, "accuracy")
    assert row["state"] == "cannot_tell"
    needed = int(row["reason"].split(": ")[1].split()[0])
    assert 20 < needed < 100
    enough = replay(frame([*labels([15.0] * 60), rate(60, "accuracy", needed - 2, needed)]))
    assert row_of(enough, 60, "accuracy")["state"] == "ok"


def test_a_slow_decay_is_seen_though_each_night_is_nearly_like_the_last() -> None:
    """Two points over two years: the baseline grows and follows, but not as fast as the errors rise."""
    import numpy as np

    rising = np.random.default_rng(5).binomial(300, np.linspace(0.05, 0.07, 730)).astype(float).tolist()
    answer = replay(frame(labels(rising)))
    assert "degraded" in states(answer, "accuracy")


def test_a_new_language_rings_on_its_first_night() -> None:
    """Languages are shares of one whole: a name that is new had none on the nights before."""
    rows = [
        *shares("language_share", [0.6] * 60, "language=ja"),
        rate(59, "language_share", 200, 20_000, "language=ko"),
    ]
    row = row_of(detect(frame(rows)), 59, "language_share", "language=ko")
    assert (row["state"], row["severity"], row["reason_code"]) == ("degraded", "report", "jump")


def test_a_language_that_is_not_listed_has_no_data() -> None:
    """A missing row is never a zero."""
    rows = [*shares("language_share", [0.6] * 60, "language=ja"), *shares("language_share", [0.4] * 59, "language=en")]
    assert row_of(detect(frame(rows)), 59, "language_share", "language=en")["state"] == "no_data"


def test_flags_that_vanish_ring_at_once() -> None:
    """A model that flags nothing is the worst of all faults; it is a ticket of the outputs."""
    rows = [*shares("violation_rate", [0.03] * 60), rate(60, "violation_rate", 0, 20_000)]
    row = row_of(detect(frame(rows)), 60, "violation_rate")
    assert (row["state"], row["severity"]) == ("degraded", "ticket")


def test_a_sale_week_that_was_announced_does_not_ring_and_leaves_no_trace() -> None:
    """Announced nights are shown with their event and stay out of the baseline; the next night is judged as ever."""
    calm, sale = [0.2] * 60, [0.4] * 7
    rows = shares("product_share", [*calm, *sale, *[0.2] * 10], "product=p1")
    event = Event("sale", day(60), day(66), ("product_share",))
    answer = replay(frame(rows), Policy(events=(event,)))
    assert states(answer, "product_share", "product=p1")[21:] == ["ok"] * 56
    assert row_of(answer, 63, "product_share", "product=p1")["reason"] == "announced: sale"
    assert "degraded" in states(replay(frame(rows)), "product_share", "product=p1")[60:67]


def test_an_event_never_hides_quality_or_outputs() -> None:
    """Whatever an event names, only inputs are excused."""
    event = Event("sale", day(0), day(99), ("accuracy", "violation_rate", "malformed_rate"))
    rows = [*labels([*[15.0] * 60, 45.0, 45.0]), *shares("violation_rate", [*[0.03] * 60, 0.09, 0.09])]
    answer = replay(frame(rows), Policy(events=(event,)))
    assert states(answer, "accuracy")[61] == "degraded"
    assert states(answer, "violation_rate")[61] == "degraded"


def test_a_new_baseline_ends_an_alarm_and_starts_to_learn() -> None:
    """After a change that was accepted, only nights since then are compared with."""
    rows = shares("violation_rate", [*[0.03] * 60, *[0.06] * 60])
    accepted = replay(frame(rows), Policy(rebaselined=((day(65), ("violation_rate",)),)))
    assert states(accepted, "violation_rate")[62] == "degraded"
    assert states(accepted, "violation_rate")[65:86] == ["learning"] * 21
    assert states(accepted, "violation_rate")[86:] == ["ok"] * 34
    other = replay(frame(rows), Policy(rebaselined=((day(65), ("volume",)),)))
    assert_frame_equal(other, replay(frame(rows)))


def test_an_unknown_metric_is_compared_with_its_own_past() -> None:
    """Both ways, as a ticket, whatever its kind."""
    rows = [mean(night, "novel", 3.0 + 0.01 * (night % 5) if night < 60 else 4.0) for night in range(62)]
    row = row_of(replay(frame(rows)), 61, "novel")
    assert (row["state"], row["severity"]) == ("degraded", "ticket")
    assert row["baseline"] == pytest.approx(3.02, abs=0.02)


def test_a_later_chart_changes_no_earlier_night() -> None:
    """Slices share their metric's budget as they come, so a new one moves limits from its first night on alone."""
    old = shares("product_share", [0.2] * 50, "product=p1")
    new = [row for row in shares("product_share", [0.3] * 50, "product=p2", seed=2) if row[0] >= day(40)]
    alone, both = replay(frame(old)), replay(frame([*old, *new]))
    before = pl.col("date") < day(40)
    assert_frame_equal(both.filter(before), alone.filter(before))
    assert (
        row_of(both, 45, "product_share", "product=p1")["evidence_limit"]
        == 2 * row_of(alone, 45, "product_share", "product=p1")["evidence_limit"]
    )


def test_the_budgets_add_up_to_the_promise() -> None:
    """Whatever the policy allows is shared out, no more."""
    for allowed in (0.5, 1.0, 12.0):
        policy = Policy(false_alarms_a_year=allowed)
        assert sum(policy.budgets.values()) == pytest.approx(allowed)
        assert f"about {allowed:g} false alarms a year" in policy.describe()
    assert sum(Policy().page_budgets.values()) == pytest.approx(Policy().false_pages_a_year)


def test_every_metric_of_the_nights_has_a_rule() -> None:
    """What may be announced by name is what the detector knows."""
    assert set(RULES) == set(METRIC_NAMES)


def test_a_policy_cannot_be_changed() -> None:
    """It is a frozen model."""
    with pytest.raises(ValueError, match="frozen"):
        Policy().false_alarms_a_year = 2.0  # type: ignore[misc]


def test_events_are_read_from_plain_tables() -> None:
    """As they stand in a TOML file."""
    policy = Policy.model_validate(
        {"events": [{"name": "sale", "first": date(2026, 11, 20), "last": date(2026, 11, 27), "metrics": ["volume"]}]}
    )
    assert policy.events == (Event("sale", date(2026, 11, 20), date(2026, 11, 27), ("volume",)),)


def test_a_missing_column_of_the_key_is_named() -> None:
    """The caller's mistake, not the data's."""
    with pytest.raises(ValueError, match="lacks the columns slice"):
        detect(frame([volume(0, 5)]).drop("slice"))


def test_an_empty_history_has_an_empty_answer() -> None:
    """No nights, no rows."""
    assert detect(frame([])).is_empty()
    assert_is_answer(replay(frame([])))


def test_nights_need_not_follow_each_other() -> None:
    """A week without data is no alarm, and the nights after it are judged."""
    rows = [row for row in shares("violation_rate", [0.03] * 90) if not day(60) <= row[0] < day(67)]
    answer = replay(frame(rows))
    assert set(answer["state"]) == {"learning", "ok"}
    assert len(answer) == 83
    assert answer["date"].max() == day(89)
    assert day(89) - day(0) == timedelta(days=89)
