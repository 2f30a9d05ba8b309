"""The row rules: which rows are valid, which are rejected and why, and that none is lost."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from data_contracts.documents.ledger import erasure_id, record_id
from data_contracts.documents.plan import InputObject, Plan
from data_contracts.tables.comments import COMMENTS, MAX_ID_CHARS, REJECTED, Reason
from tasks import adapters
from tasks.base.errors import InputChanged, TooManyRejected, WrongTimeZone
from tasks.base.paths import RunPaths
from tasks.intake.checked_frames import ValidationSummary, check_rejection_rate
from tasks.intake.ingest import ingest
from tasks.intake.row_rules import (
    DayBounds,
    check_rows,
    day_bounds,
    first_reason,
    normalise,
    read_comments,
    rejected_rows,
    split_records,
    with_normal,
)
from tasks.intake.validate import validate
from tasks.llm.request_line import comment_json
from tests import factories

TOKYO = day_bounds(factories.RUN_DATE, ZoneInfo("Asia/Tokyo"))
BEFORE, AFTER = TOKYO.start - timedelta(microseconds=1), TOKYO.end
MAX_CHARS = 20
LATER = factories.NOON + timedelta(seconds=1)


def check(*rows: factories.Row) -> pl.LazyFrame:
    return check_rows(factories.read_rows(*rows), factories.RUN_DATE, TOKYO, MAX_CHARS)


def reasons(*rows: factories.Row) -> list[str | None]:
    return (
        with_normal(factories.read_rows(*rows)).select(first_reason(TOKYO, MAX_CHARS)).collect().to_series().to_list()
    )


@pytest.mark.parametrize(
    ("day", "zone", "start", "hours"),
    [
        pytest.param("2026-11-19", "UTC", "2026-11-19T00:00", 24, id="utc"),
        pytest.param("2026-11-19", "Asia/Tokyo", "2026-11-18T15:00", 24, id="tokyo"),
        pytest.param("2026-03-29", "Europe/Berlin", "2026-03-28T23:00", 23, id="berlin-spring"),
        pytest.param("2026-03-30", "Europe/Berlin", "2026-03-29T22:00", 24, id="berlin-day-after-spring"),
        pytest.param("2026-10-25", "Europe/Berlin", "2026-10-24T22:00", 25, id="berlin-autumn"),
        pytest.param("2026-10-26", "Europe/Berlin", "2026-10-25T23:00", 24, id="berlin-day-after-autumn"),
        pytest.param("2026-03-08", "America/New_York", "2026-03-08T05:00", 23, id="new-york-spring"),
        pytest.param("2024-03-31", "Asia/Beirut", "2024-03-30T22:00", 23, id="beirut-has-no-midnight"),
        pytest.param("2024-11-03", "America/Havana", "2024-11-03T04:00", 25, id="havana-has-two-midnights"),
        pytest.param("2026-11-19", "Asia/Kathmandu", "2026-11-18T18:15", 24, id="quarter-of-an-hour"),
    ],
)
def test_a_day_is_from_local_midnight_to_local_midnight(day: str, zone: str, start: str, hours: int) -> None:
    """A day has 23 or 25 hours where clocks change, and is given in UTC."""
    actual = day_bounds(date.fromisoformat(day), ZoneInfo(zone))
    begins = datetime.fromisoformat(start).replace(tzinfo=UTC)
    assert actual == DayBounds(begins, begins + timedelta(hours=hours))


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "Europe/Berlin", "America/Havana", "Asia/Beirut", "Pacific/Apia"])
def test_days_leave_no_gap_and_no_overlap(zone: str) -> None:
    """Each day of two years begins where the one before ended."""
    days = [day_bounds(date(2023, 1, 1) + timedelta(days=n), ZoneInfo(zone)) for n in range(730)]
    assert all(one.end == other.start for one, other in pairwise(days))
    assert all(day.start < day.end for day in days)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("ＡＢＣ　１２３", "ABC 123", id="full-width"),
        pytest.param("ﾃﾞｽ", "デス", id="half-width-kana"),
        pytest.param("  a \t\r\n b  ", "a b", id="runs-of-white-space"),
        pytest.param("a\u00a0\u2003b", "a b", id="other-spaces"),
        pytest.param("①㈱", "1(株)", id="compatibility-forms"),
        pytest.param("か\u3099", "が", id="composed"),
        pytest.param("Great", "Great", id="case-is-kept"),
        pytest.param("", "", id="empty"),
    ],
)
def test_texts_that_differ_in_form_alone_are_the_same(text: str, expected: str) -> None:
    """NFKC, white space folded to one space and none at the ends: what makes two texts equal."""
    actual = pl.DataFrame({"text": [text]}).select(normalise(pl.col("text"))).item()
    assert actual == expected


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        pytest.param({}, None, id="good"),
        pytest.param({"text": None}, Reason.NULL_TEXT, id="null-text"),
        pytest.param({"text": ""}, Reason.BLANK_TEXT, id="empty-text"),
        pytest.param({"text": " \t\r\n"}, Reason.BLANK_TEXT, id="white-space"),
        pytest.param({"text": "\u3000\u00a0\u2003"}, Reason.BLANK_TEXT, id="ideographic-and-no-break-space"),
        pytest.param({"text": "\u200b\u200c\u200d\u2060\ufeff"}, Reason.BLANK_TEXT, id="zero-width"),
        pytest.param({"text": " \u200b\n\u00ad\u202e\0"}, Reason.BLANK_TEXT, id="soft-hyphen-and-controls"),
        pytest.param({"text": "."}, None, id="one-character"),
        pytest.param({"text": "\u200b👍"}, None, id="zero-width-and-emoji"),
        pytest.param({"posted_at": None}, Reason.OUTSIDE_DAY, id="null-time"),
        pytest.param({"posted_at": BEFORE}, Reason.OUTSIDE_DAY, id="a-microsecond-before-the-day"),
        pytest.param({"posted_at": TOKYO.start}, None, id="midnight"),
        pytest.param({"posted_at": AFTER - timedelta(microseconds=1)}, None, id="a-microsecond-before-the-end"),
        pytest.param({"posted_at": AFTER}, Reason.OUTSIDE_DAY, id="next-midnight"),
        pytest.param({"text": "あ" * MAX_CHARS}, None, id="longest"),
        pytest.param({"text": "あ" * (MAX_CHARS + 1)}, Reason.TOO_LONG, id="a-character-too-long"),
        pytest.param({"comment_id": None}, Reason.BAD_ID, id="null-id"),
        pytest.param({"comment_id": ""}, Reason.BAD_ID, id="empty-id"),
        pytest.param({"comment_id": " \u3000"}, Reason.BAD_ID, id="blank-id"),
        pytest.param({"comment_id": "a\nb"}, Reason.BAD_ID, id="line-break-in-id"),
        pytest.param({"comment_id": "a\0b"}, Reason.BAD_ID, id="nul-in-id"),
        pytest.param({"comment_id": "a\u2028b"}, Reason.BAD_ID, id="line-separator-in-id"),
        pytest.param({"comment_id": "é" * MAX_ID_CHARS}, None, id="longest-id"),
        pytest.param({"comment_id": "é" * (MAX_ID_CHARS + 1)}, Reason.BAD_ID, id="id-too-long"),
        pytest.param({"product_id": None}, Reason.BAD_ID, id="null-product"),
        pytest.param({"user_id": None}, Reason.BAD_ID, id="null-user"),
        pytest.param({"rating": None}, None, id="null-rating"),
        pytest.param({"rating": 4.0}, None, id="whole-float"),
        pytest.param({"rating": -1.0}, None, id="negative-rating"),
        pytest.param({"rating": float("nan")}, None, id="nan-rating"),
        pytest.param({"rating": 4.5}, Reason.BAD_RATING, id="half-a-star"),
        pytest.param({"rating": float("inf")}, Reason.BAD_RATING, id="infinite-rating"),
        pytest.param({"rating": 1e300}, Reason.BAD_RATING, id="rating-that-is-no-integer-of-ours"),
        pytest.param({"_broken": True}, Reason.BAD_ENCODING, id="bytes-that-are-no-text"),
    ],
)
def test_a_row_alone_has_a_reason_or_none(row: factories.Row, reason: Reason | None) -> None:
    """Each rule at its borders."""
    assert reasons(row) == [reason]


#: One fault for each reason that a row alone can have, in the contract's order.
FAULTS: dict[Reason, factories.Row] = {
    Reason.NULL_TEXT: {"text": None},
    Reason.BLANK_TEXT: {"text": " "},
    Reason.OUTSIDE_DAY: {"posted_at": AFTER},
    Reason.TOO_LONG: {"text": "あ" * (MAX_CHARS + 1)},
    Reason.BAD_ID: {"comment_id": ""},
    Reason.BAD_RATING: {"rating": 0.5},
    Reason.BAD_ENCODING: {"_broken": True},
}


def test_reasons_stand_in_the_decided_order() -> None:
    """The order of the reasons is fixed for whoever reads them."""
    assert list(Reason)[:6] == ["null_text", "blank_text", "duplicate_id", "outside_day", "too_long", "bad_id"]
    assert [reason for reason in Reason if reason not in (Reason.DUPLICATE_ID, Reason.ERASED)] == list(FAULTS)


@pytest.mark.parametrize("first", FAULTS)
def test_a_row_with_several_faults_carries_the_first(first: Reason) -> None:
    """A row carries one reason: the first that applies in the contract's order."""
    later = list(FAULTS)[list(FAULTS).index(first) :]
    row: factories.Row = {}
    for reason in reversed(later):
        row |= FAULTS[reason]
    assert reasons(row) == [first]


def test_a_valid_row_gets_the_columns_of_a_record() -> None:
    """Record id, hash of the normalised text, language, sizes of what will be sent; a rejected row gets none."""
    actual = (
        check({"text": "ありがとう <3"}, {"text": " "}).drop(*COMMENTS.names, "source_object", "source_row").collect()
    )
    expected = pl.DataFrame(
        {
            "reason": [None, "blank_text"],
            "text_chars": [8, None],
            "text_sha256": [factories.sha256("ありがとう <3"), None],
            "language": ["ja", None],
            "text_bytes": [15 + 1 + 4 + 1, None],
            "record_id": [record_id(factories.RUN_DATE, "c1"), None],
        },
        schema_overrides={"text_chars": pl.Int64, "text_bytes": pl.Int64},
    )
    assert_frame_equal(actual, expected)


def test_equal_texts_have_equal_hashes_and_are_sent_as_written() -> None:
    """The hash is of the normalised text; the sizes are of the text as it stands."""
    actual = check({"text": "ＡＢＣ  x"}, {"text": "ABC x"}).collect()
    assert actual["text_sha256"].n_unique() == 1
    assert actual["text_sha256"][0] == factories.sha256("ABC x")
    assert actual["text_bytes"].to_list() == [9 + 3, 5]


@given(st.text(min_size=1, max_size=12))
@hypothesis_settings(max_examples=50)
def test_sizes_are_those_of_the_line_that_is_sent(text: str) -> None:
    """text_bytes is what the escaped text takes inside a JSON line, for any text."""
    row = check({"text": text}).collect().row(0, named=True)
    if row["reason"] is None:
        assert row["text_bytes"] == len(comment_json(text))
        assert row["text_chars"] == len(text)


def test_ratings_become_integers() -> None:
    """Whole floats are integers, NaN is null."""
    actual = check({"rating": 5.0}, {"rating": float("nan")}, {"rating": None}).select("rating").collect()
    assert_frame_equal(actual, pl.DataFrame({"rating": [5, None, None]}, schema={"rating": pl.Int64}))


def split(*rows: factories.Row) -> tuple[list[tuple[str, int]], list[tuple[str, int, str]]]:
    """Row keys of the valid rows, and of the rejected ones with their reason, in order of row."""
    found = split_records(check(*rows))
    valid = found.valid.select("source_object", "source_row").collect().sort(pl.all()).rows()
    rejected = found.rejected.select("source_object", "source_row", "reason").collect().sort(pl.all()).rows()
    return valid, rejected


S = factories.SOURCE


@pytest.mark.parametrize(
    ("rows", "valid", "duplicate"),
    [
        pytest.param(
            [{"posted_at": LATER}, {"posted_at": factories.NOON}], [(S, 1)], [(S, 0)], id="the-earliest-posted-is-kept"
        ),
        pytest.param(
            [{"source_object": "b", "source_row": 0}, {"source_object": "a", "source_row": 9}],
            [("a", 9)],
            [("b", 0)],
            id="then-the-lowest-object",
        ),
        pytest.param([{"source_row": 10}, {"source_row": 9}], [(S, 9)], [(S, 10)], id="then-the-lowest-row"),
        pytest.param([{}, {}, {}], [(S, 0)], [(S, 1), (S, 2)], id="all-others-are-duplicates"),
        pytest.param([{}, {"comment_id": "C1"}], [(S, 0), (S, 1)], [], id="another-id-is-no-duplicate"),
        pytest.param([{}, {"text": "別の文"}], [(S, 0)], [(S, 1)], id="whatever-the-text"),
    ],
)
def test_of_equal_ids_the_lowest_row_is_kept(
    rows: list[factories.Row], valid: list[tuple[str, int]], duplicate: list[tuple[str, int]]
) -> None:
    """Rows with one id: the lowest (posted_at, object, row) is valid, the others are duplicate_id."""
    actual = split(*({"comment_id": "c1"} | row for row in rows))
    assert actual == (valid, [(*key, "duplicate_id") for key in duplicate])


@pytest.mark.parametrize("reason", [reason for reason in FAULTS if reason is not Reason.BAD_ID])
def test_a_duplicate_is_judged_only_among_valid_rows(reason: Reason) -> None:
    """A broken row is no one's duplicate: the sound row with its id is kept, though it comes later."""
    broken, sound = {"comment_id": "c1"} | FAULTS[reason], {"comment_id": "c1", "posted_at": LATER}
    assert split(broken, sound) == ([(S, 1)], [(S, 0, reason)])


def test_rows_without_an_id_are_not_each_others_duplicates() -> None:
    """Null ids are bad_id, each of them."""
    assert split({"comment_id": None}, {"comment_id": None}) == ([], [(S, 0, "bad_id"), (S, 1, "bad_id")])


_ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "comment_id": st.sampled_from(["c1", "c2", "", None]),
            "posted_at": st.sampled_from([BEFORE, TOKYO.start, factories.NOON, AFTER, None]),
            "text": st.sampled_from(["良い", "良い ", "\u200b", "", None, "あ" * (MAX_CHARS + 1)]),
            "rating": st.sampled_from([5.0, 0.5, None]),
            "product_id": st.sampled_from(["p1", None]),
        }
    ),
    max_size=12,
)


@given(_ROWS)
@hypothesis_settings(max_examples=40)
def test_every_row_is_in_exactly_one_of_valid_and_rejected(rows: list[factories.Row]) -> None:
    """Whatever the rows: none is lost or there twice, rejected ones have a reason, valid ids are unique and sound."""
    found = split_records(check(*rows))
    valid, rejected = found.valid.collect(), found.rejected.collect()
    keys = [*valid["source_row"], *rejected["source_row"]]
    assert sorted(keys) == list(range(len(rows)))
    assert valid["reason"].null_count() == valid.height
    assert set(rejected["reason"]) <= set(Reason)
    assert valid["comment_id"].n_unique() == valid.height
    assert valid.select("record_id", "text_sha256", "language").null_count().row(0) == (0, 0, 0)
    repeated = rejected.filter(pl.col("reason") == Reason.DUPLICATE_ID)["comment_id"]
    assert set(repeated) <= set(valid["comment_id"])


def test_rejected_rows_are_published_as_they_came() -> None:
    """The rejected table has every input column, the row key, the reason, the day and the run."""
    rejected = split_records(check({}, {"text": None, "rating": 3.0})).rejected
    actual = rejected_rows(rejected, factories.RUN_DATE, factories.RUN_ID).collect()
    expected = pl.DataFrame(
        {
            "date": [factories.RUN_DATE],
            "comment_id": ["c2"],
            "posted_at": [factories.NOON],
            "product_id": ["p1"],
            "user_id": ["u1"],
            "text": [None],
            "rating": [3],
            "source_object": [S],
            "source_row": [1],
            "reason": ["null_text"],
            "run_id": [factories.RUN_ID],
        },
        schema=REJECTED.polars_schema,
    )
    assert_frame_equal(actual, expected)


@pytest.mark.parametrize(
    ("rejected", "ingested", "limit", "stops"),
    [
        pytest.param(0, 0, 0.05, False, id="empty-day"),
        pytest.param(0, 100, 0.0, False, id="none-rejected-none-allowed"),
        pytest.param(1, 100, 0.0, True, id="one-rejected-none-allowed"),
        pytest.param(5, 100, 0.05, False, id="at-limit"),
        pytest.param(6, 100, 0.05, True, id="over-limit"),
        pytest.param(29, 100, 0.29, False, id="at-a-limit-that-floats-round-down"),
        pytest.param(1, 1, 1.0, False, id="everything-allowed"),
    ],
)
def test_too_many_rejected_rows_stop_the_night(rejected: int, ingested: int, limit: float, stops: bool) -> None:
    """More rejected than the fraction allows stops before spending; exactly the fraction does not."""
    summary = ValidationSummary(
        ingested_count=ingested, valid_count=ingested - rejected, rejected_counts={"null_text": rejected}
    )
    said = rf"{rejected} of {ingested} rows rejected \(null_text {rejected}\), .*MAX_REJECTED_FRACTION={limit}"
    with pytest.raises(TooManyRejected, match=said) if stops else nullcontext():
        check_rejection_rate(summary, limit)


_MICROS = int(factories.NOON.timestamp()) * 10**6
_SCALE = {"s": 10**6, "ms": 10**3, "us": 1}
INPUT: dict[str, Any] = {
    "comment_id": pa.array(["c1", "c2"]),
    "posted_at": pa.array([_MICROS, None], pa.timestamp("us", "UTC")),
    "product_id": pa.array(["p1", "p1"]),
    "user_id": pa.array(["u1", "u1"]),
    "text": pa.array(["a", "b"]),
    "rating": pa.array([5, None], pa.int64()),
}


@pytest.mark.parametrize(
    "columns",
    [
        pytest.param({}, id="the-contract's-own"),
        *(
            pytest.param(
                {"posted_at": pa.array([_MICROS // _SCALE[unit], None], pa.timestamp(unit, zone))},
                id=f"posted-at-{unit}-{zone}",
            )
            for unit, zone in (("s", "UTC"), ("ms", "Europe/Berlin"), ("us", "+09:00"), ("us", "Asia/Tokyo"))
        ),
        pytest.param(
            {"posted_at": pa.array([_MICROS * 1000 + 999, None], pa.timestamp("ns", "UTC"))}, id="nanoseconds"
        ),
        *(
            pytest.param({"rating": pa.array([5, None], dtype)}, id=f"rating-{dtype}")
            for dtype in (pa.int8(), pa.uint8(), pa.int16(), pa.uint64(), pa.float32(), pa.float64())
        ),
        pytest.param({"text": pa.array(["a", "b"]).dictionary_encode()}, id="categorical-text"),
        pytest.param({"product_id": pa.array(["p1", "p1"]).dictionary_encode()}, id="categorical-product"),
        pytest.param({"text": pa.array(["a", "b"], pa.large_string())}, id="large-text"),
        pytest.param({"text": pa.array(["a", "b"], pa.string_view())}, id="text-view"),
        pytest.param({"extra": pa.array([1, 2])}, id="extra-column"),
        pytest.param(
            {name: pa.array(["x", "y"]) for name in ("source_row", "source_object", "reason", "record_id", "language")},
            id="extra-columns-named-like-ours",
        ),
    ],
)
def test_every_legal_type_is_read_as_the_contract(columns: dict[str, Any], tmp_path: Path) -> None:
    """Any integer width, time unit, zone and string encoding gives the same rows; extra columns are ignored."""
    path = tmp_path / "input.parquet"
    pq.write_table(pa.table(INPUT | columns), path)
    actual = read_comments(path, InputObject(uri=S, etag="e1", size_bytes=1, row_count=2)).collect()
    expected = factories.read_rows(
        {"text": "a", "rating": 5.0}, {"text": "b", "rating": None, "posted_at": None}
    ).collect()
    assert_frame_equal(actual, expected)


def test_a_file_whose_name_looks_like_a_pattern_is_one_file(tmp_path: Path) -> None:
    """Brackets and `=` in a path are characters, not patterns or partitions."""
    path = tmp_path / "date=2020-01-01" / "part[0].parquet"
    path.parent.mkdir()
    pq.write_table(pa.table(INPUT), path)
    actual = read_comments(path, InputObject(uri=S, etag="e1", size_bytes=1, row_count=2)).collect()
    assert actual.columns == [*COMMENTS.names, "source_object", "source_row", "_broken"]


class Night:
    """A day below a local folder, planned."""

    def __init__(self, root: Path, **overrides: Any) -> None:
        self.settings = factories.settings(root, **overrides)
        self.folder = root / "comments" / f"date={factories.RUN_DATE}"
        self.folder.mkdir(parents=True)
        self.paths = RunPaths(self.settings, factories.RUN_DATE, factories.RUN_ID)

    def plan(self, **files: pl.DataFrame) -> Plan:
        for name, frame in files.items():
            frame.write_parquet(self.folder / f"{name}.parquet")
        return ingest.fn(self.settings, factories.RUN_DATE, factories.RUN_ID, factories.NOW)


@pytest.fixture(autouse=True)
def _local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapters, "connect", lambda _: factories.local_adapters())


def test_the_stage_splits_all_objects_of_the_day(tmp_path: Path) -> None:
    """Objects with differing types are one day; a duplicate in another object is found; counts are by reason."""
    night = Night(tmp_path, max_rejected_fraction=1.0)
    plan = night.plan(
        a=factories.comments({"posted_at": LATER}, {"text": " "}),
        b=factories.comments({}).with_columns(pl.col("rating").cast(pl.Float32), pl.col("text").cast(pl.Categorical)),
    )
    actual = validate.fn(night.settings, plan)
    expected = ValidationSummary(ingested_count=3, valid_count=1, rejected_counts={"duplicate_id": 1, "blank_text": 1})
    assert actual == expected
    valid = pl.read_parquet(night.paths.work("valid"))
    assert valid.select("comment_id", "source_object", "source_row", "rating").rows() == [
        ("c1", str(night.folder / "b.parquet"), 0, 5)
    ]
    assert pl.read_parquet(night.paths.work("rejected")).schema == REJECTED.polars_schema


def test_the_same_plan_gives_the_same_frames(tmp_path: Path) -> None:
    """A rerun overwrites its frames with the same bytes' worth of rows."""
    night = Night(tmp_path, max_rejected_fraction=1.0)
    plan = night.plan(a=factories.comments({}, {"text": None}, {"text": "別"}))
    frames = []
    for _ in range(2):
        validate.fn(night.settings, plan)
        frames.append([pl.read_parquet(night.paths.work(name)) for name in ("valid", "rejected")])
    for first, again in zip(*frames, strict=True):
        assert_frame_equal(first, again)


def test_an_empty_day_is_valid(tmp_path: Path) -> None:
    """No rows: nothing valid, nothing rejected, no stop."""
    night = Night(tmp_path)
    actual = validate.fn(night.settings, night.plan(a=factories.comments()))
    assert actual == ValidationSummary(ingested_count=0, valid_count=0, rejected_counts={})


def test_a_night_that_is_stopped_leaves_no_frames(tmp_path: Path) -> None:
    """Too many rejected rows: no stage after this one finds anything to go on with."""
    night = Night(tmp_path)
    plan = night.plan(a=factories.comments({"text": None}))
    with pytest.raises(TooManyRejected):
        validate.fn(night.settings, plan)
    assert not Path(night.paths.work("valid")).exists()


def test_folders_of_another_zone_are_told_by_its_name(tmp_path: Path) -> None:
    """A day of UTC under Tokyo's clock: the line names the setting, and no limit to be raised."""
    night = Night(tmp_path)
    midnight = datetime.combine(factories.RUN_DATE, time(), UTC)
    rows = [{"comment_id": f"c{hour}", "posted_at": midnight + timedelta(hours=hour)} for hour in range(24)]
    plan = night.plan(a=factories.comments(*rows))
    with pytest.raises(WrongTimeZone) as stopped:
        validate.fn(night.settings, plan)
    assert "9 of the 9 outside the day lie in the day by UTC" in str(stopped.value)
    assert "set MODERATION_TIMEZONE to UTC" in str(stopped.value)
    assert "MAX_REJECTED_FRACTION" not in str(stopped.value)
    assert validate.fn(factories.settings(tmp_path, timezone="UTC"), plan).valid_count == 24


def test_an_object_that_was_replaced_since_stops_the_night(tmp_path: Path) -> None:
    """The night judges what was planned: another etag is another input."""
    night = Night(tmp_path)
    plan = night.plan(a=factories.comments({}))
    factories.comments({"text": "replaced"}).write_parquet(night.folder / "a.parquet")
    with pytest.raises(InputChanged, match=r"a\.parquet was replaced or deleted"):
        validate.fn(night.settings, plan)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({}, id="sound"),
        pytest.param({"posted_at": BEFORE}, id="outside-the-day"),
        pytest.param({"text": None}, id="without-text"),
    ],
)
def test_an_erased_comment_keeps_nothing_but_its_place(fault: factories.Row) -> None:
    """Whatever else is wrong with it, its reason is `erased` and only its row key is left; others are not touched."""
    rows = factories.read_rows({"comment_id": "gone"} | fault, {"comment_id": "gone"} | fault, {}, {"comment_id": None})
    erased = {erasure_id(factories.RUN_DATE, "gone"), erasure_id(date(2026, 1, 1), "c3")}
    actual = check_rows(rows, factories.RUN_DATE, TOKYO, MAX_CHARS, erased).collect()
    assert actual["reason"].to_list() == ["erased", "erased", None, "bad_id"]
    kept = actual.head(2).drop("source_object", "source_row", "reason")
    assert set(kept.null_count().row(0)) == {2}
    assert actual["source_row"].to_list() == [0, 1, 2, 3]
    assert_frame_equal(actual[2:3], check_rows(rows, factories.RUN_DATE, TOKYO, MAX_CHARS).collect()[2:3])


def test_erased_comments_do_not_count_against_the_input() -> None:
    """The row breaker looks at rows that broke the contract, not at those that people had erased."""
    check_rejection_rate(ValidationSummary(ingested_count=10, valid_count=5, rejected_counts={"erased": 5}), 0.1)
