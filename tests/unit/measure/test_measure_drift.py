"""What came in and went out tonight, measured, compared with earlier nights and appended to the metrics table."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from data_contracts.tables.comments import REJECTED
from data_contracts.tables.metrics import METRICS, Kind, State
from tasks import adapters
from tasks.base.paths import DayPaths
from tasks.base.settings import Settings, Thresholds
from tasks.measure.day_drift import measure_frames
from tasks.measure.judgement import Stamp, failed_answers, judge, metric_rows
from tasks.measure.measure_drift import measure_drift
from tasks.measure.measurement import Measurement, rate, total
from tasks.measure.metric_history import History, earlier_days, latest_rows
from tasks.measure.metric_rules import FAILURES, RULES
from tasks.measure.metrics_table import vanished_slices
from tasks.measure.night_numbers import pool_small
from tasks.measure.vocabulary import collects, measure_oov, sample_batches, shared_tokens, tokens
from tests.factories import plan
from tests.measured_nights import (
    DAY,
    NOW,
    append_measured,
    degraded,
    metrics_of,
    publish_night,
    put_run,
    settings_in,
    valid_row,
    verdict,
)
from tests.measured_nights import verdicts_frame as verdicts

LIMITS = Thresholds()


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings whose roots are folders."""
    for name in ("AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "ap-northeast-1")
    return settings_in(tmp_path)


def measured(
    valid: list[dict[str, Any]], judged: list[dict[str, Any]], history: History | None = None
) -> dict[str, Measurement]:
    """Measurements by "metric slice"."""
    schema = {"comment_id": pl.String, "product_id": pl.String, "text": pl.String, "language": pl.String}
    frame = pl.LazyFrame(valid, schema={**schema, "text_chars": pl.Int64, "record_id": pl.String})
    found = measure_frames(frame, REJECTED.empty().lazy(), verdicts(judged).lazy(), history or History())
    return {f"{item.metric} {item.slice}": item for item in found}


def test_counts_and_rates() -> None:
    """Each rate has its own denominator: rows, valid comments, judged comments, violations, records asked."""
    found = measured(
        [valid_row("a"), valid_row("b"), valid_row("c", language="ja"), valid_row("d", text_chars=0)],
        [
            verdict("a", violation=True, category="spam"),
            verdict("b", violation=True, category="spam", decided_by="duplicate", cost_usd=0.0),
            verdict("c", language="ja"),
            verdict("d", status="refused", violation=None, category=None),
        ],
    )
    expected = {
        "volume all": (None, 4),
        "language_share language=en": (3, 4),
        "language_share language=ja": (1, 4),
        "language_share language=other": (0, 4),
        "product_share product=p0001": (4, 4),
        "rejected_rate all": (0, 4),
        "duplicate_rate all": (1, 4),
        "violation_rate all": (2, 3),
        "violation_rate language=en": (2, 2),
        "violation_rate language=ja": (0, 1),
        "violation_category_share category=spam": (2, 2),
        "refused_rate all": (1, 3),
        "missing_rate all": (0, 3),
    }
    assert {name: (found[name].x, found[name].n) for name in expected} == expected
    assert found["cost_usd all"].value == pytest.approx(0.003)
    assert found["cost_usd all"].n == 3
    assert found["input_tokens_log all"].value == pytest.approx(7.3139, abs=1e-4)


def test_every_metric_has_a_rule() -> None:
    """Whatever is measured is known to the table of rules."""
    assert {name.split()[0] for name in measured([valid_row("a")], [verdict("a")])} <= set(RULES)


def test_no_comments() -> None:
    """A night without comments has a volume of 0, and no rate says anything."""
    found = measured([], [])
    assert found.pop("volume all").value == 0
    assert {item.value for item in found.values()} == {None}


@pytest.mark.parametrize("costs", [(None, None), (0.001, None)], ids=["no price known", "one price unknown"])
def test_unknown_cost(costs: tuple[float | None, ...]) -> None:
    """A cost that is not known is null, never 0."""
    rows = [verdict(str(place), cost_usd=cost) for place, cost in enumerate(costs)]
    found = measured([valid_row(str(place)) for place in range(len(costs))], rows)["cost_usd all"]
    assert (found.value, found.reason) == (None, "the model has no known price")


def test_small_members_are_pooled() -> None:
    """Members below half a percent are `other`, and so is what the largest leave; earlier nights' members stay."""
    counts = {"ja": 600, "en": 395, "eo": 1, "other": 4}
    assert pool_small(counts, 1000, {"ko"}, None) == {"en": 395, "ja": 600, "ko": 0, "other": 5}
    assert pool_small(counts, 1000, set(), 1) == {"ja": 600, "other": 400}


def test_failed_answers_without_baseline() -> None:
    """More failed answers than the fixed limit degrade the first night too, and name those to blame."""
    rates = [rate(name, x, 100, of="records") for name, x in zip(FAILURES, (1, 0, 9, 0), strict=True)]
    assert set(failed_answers(rates, LIMITS)) == {"error_rate"}
    assert failed_answers([rate(name, 1, 100, of="records") for name in FAILURES], LIMITS) == {}


@pytest.mark.parametrize(
    ("violations", "state"), [(29, State.CANNOT_TELL), (30, State.OK)], ids=["below-minimum", "at-minimum"]
)
def test_category_split_needs_violations(violations: int, state: State) -> None:
    """The split of a handful of violations into categories is not judged."""
    rows = history_of([rate("violation_category_share", 20, 40, of="v", slice="category=spam")] * 14)
    tonight = rate("violation_category_share", violations // 2, violations, of="v", slice="category=spam")
    assert judge(tonight, DAY, rows, LIMITS).state is state


def history_of(nights: list[Measurement], state: str = "ok", days: list[date] | None = None) -> History:
    """One measurement a night, the last on the eve of DAY."""
    days = days or [DAY - timedelta(back) for back in range(len(nights), 0, -1)]
    frames = [
        metric_rows([(item, judge(item, day, History(), LIMITS))], History(), Stamp(day, NOW, "r", "r"))
        for item, day in zip(nights, days, strict=True)
    ]
    return History.of(days, pl.concat(frames).with_columns(state=pl.lit(state)))


def test_latest_row_counts() -> None:
    """Of several measurements of one slice of a day the latest counts."""
    rows = history_of([total("volume", 1, 1, of="c")]).rows["volume", "all"][DAY - timedelta(1)]
    frame = pl.DataFrame([rows, rows | {"value": 2.0, "measured_at": NOW + timedelta(1)}], schema=METRICS.polars_schema)
    assert latest_rows(frame.reverse().lazy()).collect()["value"].to_list() == [2.0]


def test_earlier_days_are_published_days() -> None:
    """The baseline is the last published days before the run date, whatever days lie between."""
    days = [DAY - timedelta(back) for back in (9, 5, 2, 0, -1)]
    assert earlier_days(pl.LazyFrame({"date": days}), DAY, 2) == [DAY - timedelta(5), DAY - timedelta(2)]


@pytest.mark.parametrize(("bad", "left"), [(5, 23), (20, 13)], ids=["left-out", "needed-to-fill"])
def test_degraded_nights_leave_the_baseline(bad: int, left: int) -> None:
    """Degraded nights are left out, but never so many that fewer than `min_baseline_nights` stay."""
    nights = [total("volume", 100 + place, 1, of="c") for place in range(28)]
    history = history_of(nights)
    for day in list(history.rows["volume", "all"])[-bad:]:
        history.rows["volume", "all"][day]["state"] = "degraded"
    readings = history.readings("volume", "all", LIMITS)
    assert len(readings) == left
    assert (readings[0].value == 127) == (bad == 20)


def test_unlisted_member_counts_as_none() -> None:
    """A night that lists other languages had none worth naming of this one; a rate has no such nights."""
    history = history_of([rate("language_share", 9, 10, of="c", slice="language=ja")] * 14)
    assert [reading.value for reading in history.readings("language_share", "language=ko", LIMITS)] == [0.0] * 14
    assert history.readings("violation_rate", "language=ko", LIMITS) == []


def test_since_is_the_first_of_the_run() -> None:
    """`since` is the first day of the unbroken run of degraded nights."""
    history = history_of([total("volume", 1, 1, of="c")] * 3, state="degraded")
    rows = history.rows["volume", "all"]
    rows[DAY - timedelta(1)]["since"] = DAY - timedelta(2)
    assert history.degraded_since("volume", "all", DAY) == DAY - timedelta(2)
    rows[DAY - timedelta(1)]["state"] = "ok"
    assert history.degraded_since("volume", "all", DAY) == DAY


def test_vanished_slice_is_retired() -> None:
    """A slice that the second measurement of a day no longer has says no_data from then on."""
    before = pl.DataFrame(
        [
            row
            for by_day in history_of([rate("language_share", 1, 9, of="c", slice="language=ko")]).rows.values()
            for row in by_day.values()
        ],
        schema=METRICS.polars_schema,
    )
    now = before.with_columns(
        slice=pl.lit("language=ja"), measured_at=pl.lit(NOW + timedelta(1)).cast(pl.Datetime("us", "UTC"))
    )
    gone = vanished_slices(now, before)
    assert gone.select("slice", "state", "value", "n").rows() == [("language=ko", "no_data", None, None)]
    assert gone["measured_at"].to_list() == now["measured_at"].to_list()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Nice SHOES, nice price 42", {"nice", "shoes", "price"}, id="words, lower case, no digits"),
        pytest.param("最高です", {"最高", "高で", "です"}, id="pairs of characters"),
        pytest.param("良 い", set(), id="a lone character is no pair"),
        pytest.param("このTシャツ good", {"この", "t", "シャ", "ャツ", "good"}, id="mixed scripts"),
        pytest.param("ｶﾞﾗｽ", {"ガラ", "ラス"}, id="half-width kana are folded"),
        pytest.param("좋은 제품", {"좋은", "제품"}, id="Hangul is written with spaces"),
        pytest.param("👍👍 !!!", set(), id="signs are no tokens"),
    ],
)
def test_tokens(text: str, expected: set[str]) -> None:
    """Words where a script has spaces, pairs of neighbours where it has none."""
    assert set(pl.select(tokens(pl.lit(text))).item().to_list()) == expected


def test_only_shared_tokens_are_kept() -> None:
    """A token of fewer than five comments is nobody else's business and is not stored."""
    valid = pl.LazyFrame([valid_row(str(n), text="good shoes" if n < 5 else "good secret") for n in range(9)])
    assert shared_tokens(sample_batches(valid, 9))["token"].to_list() == ["good", "shoes"]


def test_sample_is_deterministic() -> None:
    """Of a large night a share of the record ids is read, the same one each time."""
    rows = [valid_row(str(n), record_id=f"{n * 2**24:032x}"[-8:] + "0" * 24) for n in range(256)]
    read = [sum(map(len, sample_batches(pl.LazyFrame(rows), 256, sample=64))) for _ in range(2)]
    assert read == [64, 64]


def test_oov_counts_comments_alike() -> None:
    """The rate is the mean over comments of the share of new tokens; comments without tokens do not count."""
    batch = pl.DataFrame({"token": [["good", "new"], ["good"], []]}, schema={"token": pl.List(pl.String)})
    found = measure_oov([batch, batch], pl.Series("token", ["good"]))
    assert (found.x, found.n, found.value) == (1.0, 4, 0.25)


@pytest.mark.parametrize(
    ("days", "expected"),
    [(27, True), (28, False)],
    ids=["young", "frozen"],
)
def test_vocabulary_freezes(days: int, expected: bool) -> None:
    """Words are collected on the first days only; measuring one of those days again collects it again."""
    collected = {DAY - timedelta(back) for back in range(1, days + 1)}
    assert collects(collected, DAY, 28) is expected
    assert collects(collected, DAY - timedelta(1), 28)


def play(settings: Settings, day: date, comments: int = 120, failed: int = 0, run_id: str = "run-1") -> None:
    """One night through the stage, then published."""
    valid = [valid_row(str(n), language="ja" if n % 3 else "en") for n in range(comments)]
    rows = [
        verdict(str(n), date=day, violation=n % 10 == 0, category="spam" if n % 10 == 0 else "none")
        if n >= failed
        else verdict(str(n), date=day, status="malformed", violation=None, category=None)
        for n in range(comments)
    ]
    put_run(settings, day, run_id, valid, verdicts(rows))
    measure_drift.fn(settings, plan(run_date=day, run_id=run_id), NOW)
    append_measured(settings, day, run_id, NOW)


def test_stage_learns_then_judges(settings: Settings) -> None:
    """The first nights learn; from the 14th on a night is judged, and half the volume is degraded since then."""
    for back in range(15, 2, -1):
        play(settings, DAY - timedelta(back), 120 + back % 4)
        publish_night(settings, DAY - timedelta(back))
    assert set(metrics_of(settings, DAY - timedelta(3))["state"]) == {"learning", "no_data"}
    for back in (2, 1):
        play(settings, DAY - timedelta(back), 40)
        publish_night(settings, DAY - timedelta(back))
    play(settings, DAY, 40, failed=8)
    rows = metrics_of(settings, DAY)
    assert degraded(rows) == ["malformed_rate all", "volume all"]
    assert dict(rows.filter(pl.col("state") == "degraded").select("metric", "since").iter_rows()) == {
        "malformed_rate": DAY,
        "volume": DAY - timedelta(2),
    }


def test_stage_measures_again(settings: Settings) -> None:
    """Measuring a day again appends rows, the latest count, and the plain object holds one row per slice."""
    play(settings, DAY)
    later = NOW + timedelta(hours=1)
    put_run(settings, DAY, "run-2", [valid_row("a")], verdicts([verdict("a")]))
    summary = measure_drift.fn(settings, plan(run_date=DAY, run_id="run-2"), later)
    append_measured(settings, DAY, "run-2", later)
    plain = pl.read_parquet(DayPaths(settings, DAY).plain("metrics"))
    assert plain.schema == METRICS.polars_schema
    assert plain.group_by("metric", "slice").len()["len"].max() == 1
    assert set(plain["run_id"]) == {"run-2"}
    assert plain.filter(pl.col("slice") == "language=ja")["state"].to_list() == ["no_data"]
    assert len(metrics_of(settings, DAY)) > len(plain)
    assert summary.degraded == ()


def test_stage_knows_words(settings: Settings) -> None:
    """Once the vocabulary is complete a night's new words are measured; until then the metric says it is learning."""
    for back in range(1, 29):
        frame = pl.DataFrame({"token": ["good"], "comments": [9]})
        uri = DayPaths(settings, DAY - timedelta(back)).vocabulary()
        Path(uri).parent.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(uri)
    play(settings, DAY)
    row = metrics_of(settings, DAY).row(by_predicate=pl.col("metric") == "oov_rate", named=True)
    assert (row["value"], row["n"], row["state"]) == (0.5, 120, "learning")
    assert not adapters.connect(settings).storage.get(DayPaths(settings, DAY).vocabulary())


def test_kinds() -> None:
    """Totals are counts, and the golden set that does not exist is no_data."""
    found = measured([valid_row("a")], [verdict("a")])
    assert {found[f"{name} all"].kind for name in ("volume", "cost_usd")} == {Kind.COUNT}
    assert found["golden_flip_rate all"].reason == "there is no golden set"
