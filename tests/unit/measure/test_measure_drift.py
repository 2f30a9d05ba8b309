"""What came in and went out tonight, measured, compared with earlier nights and appended to the metrics table."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from data_contracts.tables.comments import REJECTED
from data_contracts.tables.metrics import METRICS, Kind, State, rows_of
from tasks import adapters
from tasks.base.paths import DayPaths
from tasks.base.settings import Settings
from tasks.measure.day_drift import measure_frames
from tasks.measure.detect.rules import RULES
from tasks.measure.judgement import Stamp, measured_rows
from tasks.measure.measure_drift import measure_drift
from tasks.measure.measurement import Measurement, rate, total
from tasks.measure.metric_history import History, earlier_days, latest_rows
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
    put_metrics,
    put_run,
    settings_in,
    valid_row,
    verdict,
)
from tests.measured_nights import verdicts_frame as verdicts


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


def rows_of_day(*measured: Measurement, back: int = 1) -> pl.DataFrame:
    """Rows of the metrics table of a day before DAY."""
    return measured_rows(measured, Stamp(DAY - timedelta(back), NOW, "r", "r"))


def test_latest_row_counts() -> None:
    """Of several measurements of one slice of a day the latest counts."""
    first = rows_of_day(total("volume", 1, 1, of="c"))
    later = first.with_columns(value=pl.lit(2.0), measured_at=pl.col("measured_at") + timedelta(1))
    assert latest_rows(pl.concat([later, first]).lazy()).collect()["value"].to_list() == [2.0]


def test_members_are_those_of_earlier_nights() -> None:
    """A member of a mix that was worth a chart on an earlier night stays one, the largest first."""
    shares = (("ja", 900), ("en", 96), ("eo", 4))
    rows = rows_of_day(*(rate("language_share", x, 1000, of="c", slice=f"language={name}") for name, x in shares))
    history = History.of([DAY - timedelta(1)], rows)
    assert history.members("language_share", 0.005) == {"language=ja", "language=en"}
    assert history.members("language_share", 0.005, most=1) == {"language=ja"}


def test_earlier_days_are_published_days() -> None:
    """The baseline is the last published days before the run date, whatever days lie between."""
    days = [DAY - timedelta(back) for back in (9, 5, 2, 0, -1)]
    assert earlier_days(pl.LazyFrame({"date": days}), DAY, 2) == [DAY - timedelta(5), DAY - timedelta(2)]


def test_vanished_slice_is_retired() -> None:
    """A slice that the second measurement of a day no longer has says no_data from then on."""
    before = rows_of_day(rate("language_share", 1, 9, of="c", slice="language=ko")).with_columns(state=pl.lit("ok"))
    now = before.with_columns(slice=pl.lit("language=ja"), measured_at=pl.col("measured_at") + timedelta(1))
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
    """A night is learning while few nights are published; after 21 a third of the volume rings, and goes on so."""
    nights = [
        rows_of_day(total("volume", 120 + back % 4, 120, of="c"), rate("refused_rate", 0, 120, of="r"), back=back)
        for back in range(24, 2, -1)
    ]
    put_metrics(settings, pl.concat(nights[:5]))
    for back in range(24, 2, -1):
        publish_night(settings, DAY - timedelta(back))
    play(settings, DAY - timedelta(2), 40)
    assert set(metrics_of(settings, DAY - timedelta(2))["state"]) == {"learning"}
    put_metrics(settings, pl.concat(nights[5:]))
    for back in (2, 1):
        play(settings, DAY - timedelta(back), 40)
        publish_night(settings, DAY - timedelta(back))
    play(settings, DAY, 40, failed=8)
    rows = latest_rows(metrics_of(settings, DAY).lazy()).collect()
    assert degraded(rows) == ["malformed_rate all", "volume all"]
    told = {row.metric: (row.since, row.severity, row.reason_code) for row in rows_of(rows) if row.rings}
    assert told == {
        "malformed_rate": (DAY, "page", "incomplete"),
        "volume": (DAY - timedelta(1), "report", "shift"),
    }


def test_nights_of_earlier_versions_are_compared_with(settings: Settings) -> None:
    """Plain objects that lack the newer columns are history like any other."""
    newer = ["severity", "evidence", "evidence_limit", "reason_code"]
    for back in range(23, 0, -1):
        day = DAY - timedelta(back)
        publish_night(settings, day)
        path = Path(DayPaths(settings, day).plain("metrics"))
        path.parent.mkdir(parents=True, exist_ok=True)
        rows_of_day(total("volume", 120 + back % 4, 120, of="c"), back=back).drop(newer).write_parquet(path)
    play(settings, DAY)
    row = next(row for row in rows_of(metrics_of(settings, DAY)) if row.metric == "volume")
    assert row.state is State.OK
    assert row.baseline == pytest.approx(121, abs=2)


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


def test_stage_knows_how_texts_are_written(settings: Settings) -> None:
    """The first days' texts are collected; then each night's distance from them is measured, in any script."""
    settings = settings.model_copy(update={"baseline_days": 2})
    shifts = []
    for number, text in enumerate(["とても良い靴でした", "とても良い靴です", "とても良い靴でした", "送料が高すぎる"]):
        day = DAY + timedelta(number)
        put_run(settings, day, "run-1", [valid_row(str(n), text=text) for n in range(9)], verdicts([verdict("0")]))
        measure_drift.fn(settings, plan(run_date=day, run_id="run-1"), NOW)
        append_measured(settings, day, "run-1", NOW)
        shifts.append(next(row for row in rows_of(metrics_of(settings, day)) if row.metric == "text_shift"))
        publish_night(settings, day)
    assert [row.reason_code for row in shifts] == ["collecting", "collecting", "few_nights", "few_nights"]
    assert shifts[0].reason == "the first texts have 1 of their 2 days"
    assert (shifts[2].value or 1) < 0.1 < 0.9 < (shifts[3].value or 0)


def test_kinds() -> None:
    """Totals are counts."""
    found = measured([valid_row("a")], [verdict("a")])
    assert {found[f"{name} all"].kind for name in ("volume", "cost_usd")} == {Kind.COUNT}
