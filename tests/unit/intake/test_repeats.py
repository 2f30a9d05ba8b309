"""Rows that repeat an earlier one under a key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from data_contracts.tables.table import UTC_MICROSECONDS
from tasks.intake.repeats import find_repeats

T0 = datetime(2026, 11, 19, 3, tzinfo=UTC)
SCHEMA = pl.Schema(
    {
        "key": pl.String(),
        "posted_at": UTC_MICROSECONDS,
        "source_object": pl.String(),
        "source_row": pl.Int64(),
        "record_id": pl.String(),
    }
)
Row = tuple[str, datetime, str, int, str]


def repeats(*rows: Row) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    return find_repeats(frame.lazy(), "key").select("record_id", "first_record_id").sort("record_id")


def pairs(*found: tuple[str, str]) -> pl.DataFrame:
    return pl.DataFrame(found, schema={"record_id": pl.String, "first_record_id": pl.String}, orient="row")


def test_the_earliest_stands_for_the_others() -> None:
    """Of equal keys the earliest posted is the first, wherever it is stored."""
    actual = repeats(
        ("x", T0 + timedelta(microseconds=1), "a", 0, "later"),
        ("x", T0, "b", 9, "first"),
        ("y", T0, "a", 1, "alone"),
    )
    assert_frame_equal(actual, pairs(("later", "first")))


def test_equal_times_are_told_apart_by_object_then_row() -> None:
    """Posted at one instant, the lower object key comes first; within an object the lower row number."""
    actual = repeats(
        ("x", T0, "b", 0, "b0"),
        ("x", T0, "a", 10, "a10"),
        ("x", T0, "a", 9, "a9"),
    )
    assert_frame_equal(actual, pairs(("a10", "a9"), ("b0", "a9")))


def test_no_row_repeats_when_keys_differ() -> None:
    """Keys that differ by case or white space are different keys."""
    assert_frame_equal(repeats(("x", T0, "a", 0, "1"), ("X", T0, "a", 1, "2"), ("x ", T0, "a", 2, "3")), pairs())


def test_an_empty_day_has_no_repeats() -> None:
    """No rows, no repeats."""
    assert_frame_equal(repeats(), pairs())


@hypothesis_settings(max_examples=30)
@given(
    st.lists(
        st.tuples(st.sampled_from("xyz"), st.integers(0, 2), st.sampled_from("ab"), st.integers(0, 99)), max_size=12
    )
)
def test_each_key_keeps_its_lowest_row(drawn: list[tuple[str, int, str, int]]) -> None:
    """Of n rows with a key n - 1 are repeats, and each points to the lowest (posted_at, object, row)."""
    rows = [
        (key, T0 + timedelta(seconds=second), folder, row, f"r{number}")
        for number, (key, second, folder, row) in enumerate(dict.fromkeys(drawn))
    ]
    expected = {}
    for key in {row[0] for row in rows}:
        first, *others = sorted((row for row in rows if row[0] == key), key=lambda row: row[1:4])
        expected.update({row[4]: first[4] for row in others})
    assert dict(repeats(*rows).iter_rows()) == expected
