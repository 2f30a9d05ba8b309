"""The ingested day without its text: facts about rows, a sample of them, the day in numbers."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from math import e, expm1
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from data_contracts.tables.checked_rows import CHECKED_ROWS, PROFILE
from data_contracts.tolerances import Tolerances
from tasks.intake.expectations.day_profile import RecentDays, profile, recent_days, row_facts, sample
from tasks.intake.row_rules import day_bounds, row_rules, with_normal
from tasks.measure.metric_history import History
from tests import factories

DAY = day_bounds(factories.RUN_DATE, ZoneInfo("Asia/Tokyo"))
LIMITS = Tolerances()
WEEK = LIMITS.min_recent_days
GOOD: dict[str, Any] = {
    "has_comment_id": True,
    "has_product_id": True,
    "has_user_id": True,
    "posted_at": factories.NOON,
    "rating": 4,
    "char_count": 10,
    "language": "ja",
    "is_null_text": False,
    "is_blank_text": False,
    "is_outside_day": False,
    "is_too_long": False,
    "is_bad_id": False,
    "is_bad_rating": False,
}


def checked(*rows: dict[str, Any]) -> pl.LazyFrame:
    """CHECKED_ROWS: an override for each row; hashes count up."""
    given = [{"row_hash": n, "id_hash": n} | GOOD | row for n, row in enumerate(rows)]
    return pl.DataFrame(given, schema=CHECKED_ROWS.polars_schema).lazy()


def numbers(*rows: dict[str, Any], recent: RecentDays | None = None) -> dict[str, Any]:
    return profile(checked(*rows), DAY.end, recent or RecentDays(), LIMITS).row(0, named=True)


def facts(*rows: factories.Row) -> pl.DataFrame:
    return with_normal(factories.read_rows(*rows)).with_columns(**row_facts(row_rules(DAY, 20))).collect()


def test_facts_are_flags_lengths_and_hashes() -> None:
    """A row's faults are told each by itself, whichever the row is rejected for; ids are there or not."""
    every_fault = {"text": "x" * 21, "posted_at": DAY.end, "comment_id": None, "product_id": None, "rating": 0.5}
    columns = ["char_count", "has_comment_id", "has_product_id", "has_user_id"]
    flags = [f"is_{name}" for name in ("null_text", "blank_text", "outside_day", "too_long", "bad_id", "bad_rating")]
    actual = facts({}, every_fault, {"text": None}, {"text": "\u3000"}).select(columns + flags)
    no = [False] * 6
    expected = pl.DataFrame(
        [
            [len(factories.TEXT), True, True, True, *no],
            [21, False, False, True, False, False, True, True, True, True],
            [None, True, True, True, True, *no[1:]],
            [1, True, True, True, False, True, *no[2:]],
        ],
        schema=actual.schema,
        orient="row",
    )
    assert_frame_equal(actual, expected)


def test_hashes_tell_rows_and_ids_apart_and_nothing_else() -> None:
    """Equal ids have equal hashes, no id has none, and no row shares its own."""
    found = facts({"comment_id": "a"}, {"comment_id": "a"}, {"comment_id": "b"}, {"comment_id": None})
    assert found["row_hash"].n_unique() == 4
    assert found["id_hash"].is_null().to_list() == [False, False, False, True]
    assert found["id_hash"].drop_nulls().n_unique() == 2


def test_the_table_of_facts_has_no_text_and_no_id() -> None:
    """What is handed on has no column of the comment but when it was posted and its rating."""
    shared = set(CHECKED_ROWS.names) & {"comment_id", "product_id", "user_id", "text", "source_object", "source_row"}
    assert not shared
    assert [column.name for column in CHECKED_ROWS if column.dtype == pl.String] == ["language"]


@pytest.mark.parametrize("most", [1, 7, 99, 100, 1000])
def test_a_sample_is_of_that_size_and_the_same_in_any_order(most: int) -> None:
    """The rows with the lowest hashes are drawn, wherever they stand; of a small day all are."""
    rows = checked(*[{}] * 100).with_columns(row_hash=pl.int_range(100).hash(seed=3).reinterpret(signed=True))
    drawn = sample(rows, 100, most).collect()
    assert drawn.height == min(most, 100)
    again = sample(rows.reverse(), 100, most).collect()
    assert_frame_equal(drawn.sort("row_hash"), again.sort("row_hash"))


def test_a_day_in_numbers() -> None:
    """Shares are of all rows; those of languages, lengths and ratings of the rows that have one."""
    actual = numbers(
        {"char_count": 10, "rating": 5},
        {"char_count": 20, "rating": None, "language": "en", "id_hash": 0},
        {"char_count": 30, "rating": 1, "language": "ko"},
        {"char_count": None, "is_null_text": True, "language": None, "id_hash": None},
        {"char_count": 2, "is_blank_text": True, "language": None},
    )
    expected = dict.fromkeys(PROFILE.names) | {
        "row_count": 5.0,
        "id_count": 4.0,
        "null_text_share": 0.2,
        "blank_text_share": 0.2,
        "id_unique_share": 0.75,
        "language_ja_share": 1 / 3,
        "language_en_share": 1 / 3,
        "language_other_share": 1 / 3,
        "char_count_mean": 15.5,
        "char_count_p50": 20.0,
        "char_count_p99": 30.0,
        "rating_mean": 3.5,
        "rating_null_share": 0.2,
        "freshness_h": 12.0,
        "recent_day_count": 0.0,
    }
    assert actual == pytest.approx(expected)


def test_a_day_without_rows_has_counts_and_nothing_else() -> None:
    """Nothing is divided by nothing."""
    actual = numbers(recent=RecentDays(row_counts=(300.0,) * WEEK))
    known = {name: value for name, value in actual.items() if value is not None}
    assert known == {"row_count": 0, "id_count": 0, "recent_day_count": WEEK, "row_count_ratio": 0}


@pytest.mark.parametrize(
    ("last", "outside", "hours"),
    [
        pytest.param(DAY.end - timedelta(hours=1), False, 1.0, id="inside"),
        pytest.param(DAY.end + timedelta(days=3), True, 12.0, id="a-row-of-another-day-is-not-its-last"),
        pytest.param(None, True, 12.0, id="no-time"),
    ],
)
def test_freshness_is_up_to_the_days_end(last: datetime | None, outside: bool, hours: float) -> None:
    """Hours from the last comment of the day to its end: no clock is asked, so an old day is as fresh as it was."""
    assert numbers({}, {"posted_at": last, "is_outside_day": outside})["freshness_h"] == pytest.approx(hours)


@pytest.mark.parametrize(
    ("recent", "ratio"),
    [
        pytest.param((100.0,) * WEEK, 0.02, id="a-week"),
        pytest.param((100.0,) * (WEEK - 1), None, id="less-than-a-week"),
        pytest.param((99.0,) * WEEK, None, id="too-few-rows-to-compare-with"),
        pytest.param((1.0, 1.0, 100.0, 100.0, 100.0, 9_999.0, 9_999.0), 0.02, id="the-median-counts"),
        pytest.param((), None, id="the-first-day"),
    ],
)
def test_rows_are_compared_with_a_week_that_had_some(recent: tuple[float, ...], ratio: float | None) -> None:
    """The median of at least a week of recent days, if it is large enough."""
    assert numbers({}, {}, recent=RecentDays(row_counts=recent))["row_count_ratio"] == ratio


def test_lengths_and_languages_are_compared_with_recent_medians() -> None:
    """The typical length as a ratio, the shares as differences."""
    shares = {"ja": (0.5,) * WEEK, "en": (0.5,) * WEEK, "other": (0.0,) * (WEEK - 1)}
    actual = numbers({"char_count": 2}, {"language": "en", "char_count": 2}, {"language": "en", "char_count": 2},
                     {"language": "en", "char_count": 2}, recent=RecentDays((), (1.0,) * WEEK, shares))  # fmt: skip
    assert actual["text_length_ratio"] == pytest.approx(2 / expm1(1.0)) == pytest.approx(2 / (e - 1))
    changes = [actual[f"language_{name}_change"] for name in ("ja", "en", "other")]
    assert changes == [-0.25, 0.25, None]


def test_recent_days_are_read_from_what_they_measured() -> None:
    """A day that measured languages without one of them had none of it; a day that could not measure is left out."""
    days = [date(2026, 11, day) for day in (16, 17, 18)]

    def rows(*values: float | None) -> dict[date, float | None]:
        return {day: value for day, value in zip(days, values, strict=True) if value != -1}

    history = History(
        tuple(days),
        {
            ("language_share", "language=ja"): rows(0.6, 0.5, None),
            ("language_share", "language=en"): rows(0.3, -1, None),
            ("language_share", "language=und"): rows(0.1, 0.5, None),
            ("text_length_log", "all"): rows(3.5, None, 3.6),
            ("volume", "all"): rows(1.0, 2.0, 3.0),
        },
    )
    actual = recent_days([300, 310, 320], history)
    assert actual[:2] == ((300.0, 310.0, 320.0), (3.5, 3.6))
    assert {name: pytest.approx(shares) for name, shares in actual.language_shares.items()} == {
        "ja": (0.6, 0.5),
        "en": (0.3, 0.0),
        "other": (0.1, 0.5),
    }
