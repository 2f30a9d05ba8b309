"""The Delta tables: a day is replaced whole or not at all, in S3 as on a disk."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pyarrow as pa
import pytest
from deltalake import DeltaTable
from polars.testing import assert_frame_equal

from data_contracts.tables.metrics import METRICS
from data_contracts.tables.table import Column, Table
from data_contracts.tables.verdicts import NIGHTS, VERDICTS
from sandbox.serve import Sandbox
from tasks.adapters import lake, lake_snapshots
from tasks.adapters.aws import AwsEnvironment, shared
from tasks.adapters.lake import Lake, reading_lake
from tasks.adapters.storage import Storage
from tasks.base.errors import StorageUnavailable, Unbalanced
from tests.factories import verdicts
from tests.small_lake import DAY, NEXT_DAY, NOTE, THINGS, batches, things
from tests.wire import OneTry


class Shore:
    """A lake, and the one table that a test writes."""

    def __init__(self, root: str) -> None:
        aws = shared(AwsEnvironment())
        self.lake, self.storage = Lake(aws), Storage(aws)
        self.uri = f"{root}/things"

    def replace(self, day: date, *ids: str, note: dict[str, str] = NOTE) -> int:
        """Replace a day by things with these ids."""
        return self.lake.replace_day(self.uri, THINGS, day, batches(things(day, *ids)), note)

    def append(self, day: date, *ids: str, note: dict[str, str] = NOTE) -> None:
        self.lake.append(self.uri, THINGS, things(day, *ids), note)

    def rows(self) -> dict[date, list[str]]:
        """The ids of each day, as a reader sees them."""
        found: dict[date, list[str]] = {}
        for day, name in self.lake.scan(self.uri, THINGS).sort("id").select("date", "id").collect().iter_rows():
            found.setdefault(day, []).append(name)
        return found

    def commits(self) -> list[dict[str, Any]]:
        """The commitInfo of every commit, oldest first; read as files, since DeltaTable.history stops this process's
        own S3 while it waits for it."""
        found = []
        for item in self.storage.list(f"{self.uri}/_delta_log"):
            if item.uri.endswith(".json"):
                actions = [orjson.loads(line) for line in (self.storage.get(item.uri) or b"").splitlines()]
                found += [action["commitInfo"] for action in actions if "commitInfo" in action]
        return found


@pytest.fixture(params=["files", "s3", "s3-below-key=value"])
def shore(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shore:
    if request.param == "files":
        monkeypatch.setenv("AWS_REGION", "ap-northeast-1")
        return Shore(str(tmp_path / "lake"))
    sandbox: Sandbox = request.getfixturevalue("sandbox")
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    return Shore("s3://moderation-output/lake" if request.param == "s3" else "s3://moderation-output/env=prod/lake")


def test_scan_of_an_absent_table(shore: Shore) -> None:
    """A table that nobody has written has its columns and no row."""
    actual = shore.lake.scan(shore.uri, THINGS).collect()
    assert_frame_equal(actual, THINGS.empty())


def test_first_write_creates_the_table(shore: Shore) -> None:
    """The first day makes the table, by name, with its meaning, partitioned by date."""
    shore.replace(DAY, "a")
    delta = DeltaTable(shore.uri, storage_options=shore.lake._options(shore.uri))
    found = delta.metadata()
    assert (found.name, found.description, found.partition_columns) == ("things", "Things that happened.", ["date"])
    assert shore.rows() == {DAY: ["a"]}


def test_replace_day_replaces_its_day_alone(shore: Shore) -> None:
    """The old rows of the day are gone, those of other days stay."""
    shore.replace(DAY, "a", "b")
    shore.replace(NEXT_DAY, "c")
    shore.replace(DAY, "d")
    assert shore.rows() == {DAY: ["d"], NEXT_DAY: ["c"]}


def test_replace_day_is_one_commit(shore: Shore) -> None:
    """A day is replaced by one commit, whose version is told."""
    first = shore.replace(DAY, "a")
    before = len(shore.commits())
    assert shore.replace(DAY, "b", "c") == first + 1
    assert len(shore.commits()) == before + 1


def test_a_commit_carries_its_note(shore: Shore) -> None:
    """The history says which run made each commit."""
    shore.replace(DAY, "a", note={"run_id": "run-7", "run_date": "2026-11-19"})
    shore.append(DAY, "b", note={"run_id": "run-8"})
    replaced, appended = shore.commits()[-2:]
    assert (replaced["run_id"], replaced["run_date"], appended["run_id"]) == ("run-7", "2026-11-19", "run-8")


def test_no_batch_empties_the_day(shore: Shore) -> None:
    """An empty day is a published day: its old rows are gone, and it is on record."""
    shore.replace(DAY, "a")
    shore.replace(NEXT_DAY, "b")
    before = len(shore.commits())
    shore.replace(DAY)
    assert shore.rows() == {NEXT_DAY: ["b"]}
    assert len(shore.commits()) == before + 1


def test_an_empty_day_may_come_first(shore: Shore) -> None:
    """A table can begin with a day without rows."""
    assert shore.lake.replace_day(shore.uri, THINGS, DAY, [], NOTE) >= 0
    assert shore.rows() == {}


@pytest.mark.parametrize("good_batches", [0, 1])
def test_a_source_that_raises_leaves_the_day(shore: Shore, good_batches: int) -> None:
    """No commit is made of half a source, and its own error comes out: only the lake's own are worth another try."""

    def broken() -> Iterator[pa.RecordBatch]:
        yield from batches(things(DAY, "half"))[:good_batches]
        raise Unbalanced("3 verdicts for 4 valid comments")

    shore.replace(DAY, "a")
    before = len(shore.commits())
    with pytest.raises(Unbalanced, match="3 verdicts for 4"):
        shore.lake.replace_day(shore.uri, THINGS, DAY, broken(), NOTE)
    assert shore.rows() == {DAY: ["a"]}
    assert len(shore.commits()) == before


def test_rows_of_another_day_are_no_part_of_the_day(shore: Shore) -> None:
    """A row of another day among the day's refuses the whole commit."""
    shore.replace(DAY, "a")
    before = len(shore.commits())
    with pytest.raises(StorageUnavailable):
        shore.lake.replace_day(shore.uri, THINGS, DAY, batches(things(NEXT_DAY, "stray")), NOTE)
    assert shore.rows() == {DAY: ["a"]}
    assert len(shore.commits()) == before


def test_append_adds(shore: Shore) -> None:
    """Appended rows stand beside those of the same day, in one commit each time."""
    shore.append(DAY, "a")
    before = len(shore.commits())
    shore.append(DAY, "a", "b")
    assert shore.rows() == {DAY: ["a", "a", "b"]}
    assert len(shore.commits()) == before + 1


def test_append_keeps_the_columns_of_the_table(shore: Shore) -> None:
    """Columns come in any order, and those that are not the table's are left out."""
    frame = things(DAY, "a").select(pl.lit(1).alias("more"), *reversed(THINGS.names))
    shore.lake.append(shore.uri, THINGS, frame, NOTE)
    assert_frame_equal(shore.lake.scan(shore.uri, THINGS).collect(), things(DAY, "a"))


def test_values_come_back_as_they_were(shore: Shore) -> None:
    """Microseconds, integer widths and nulls survive."""
    rows = [{"attempt": 1, "score": None}, {"attempt": 2**31 - 1, "score": 0.1}]
    values = pl.DataFrame(rows, schema_overrides={"attempt": pl.Int32})
    frame = things(DAY, "a", "b").drop(values.columns).hstack(values)
    shore.lake.replace_day(shore.uri, THINGS, DAY, batches(frame), NOTE)
    assert_frame_equal(shore.lake.scan(shore.uri, THINGS).sort("id").collect(), frame)


@pytest.mark.parametrize("table", [VERDICTS, METRICS, NIGHTS], ids=lambda table: table.name)
def test_a_stored_table_has_the_contracts_types(shore: Shore, table: Table) -> None:
    """Each column has the contract's type and nullability, and none is a dictionary or unsigned."""
    uri = f"{shore.uri}-{table.name}"
    shore.lake.replace_day(uri, table, DAY, [], NOTE)
    stored = pa.schema(DeltaTable(uri, storage_options=shore.lake._options(uri)).schema().to_arrow())
    for column, field in zip(table, stored, strict=True):
        assert (field.name, field.nullable) == (column.name, column.nullable)
        assert pl.DataFrame(pa.schema([field]).empty_table()).schema == {column.name: column.dtype}
        assert not pa.types.is_dictionary(field.type)
        assert not pa.types.is_unsigned_integer(field.type)
        if pa.types.is_timestamp(field.type):
            assert (field.type.unit, field.type.tz) == ("us", "UTC")


WIDER = dataclasses.replace(
    THINGS, columns=(*THINGS.columns, Column("weight", pl.Float64(), "How heavy; null before it was.", nullable=True))
)


@pytest.mark.parametrize("verb", ["replace_day", "append"])
def test_a_table_from_before_a_column_takes_it(verb: str, shore: Shore) -> None:
    """A nullable column that is new in the contract comes in with its first day; earlier rows are null there."""
    shore.replace(DAY, "old")
    before = shore.lake.scan(shore.uri, WIDER).collect()
    assert_frame_equal(before, things(DAY, "old").with_columns(weight=pl.lit(None, pl.Float64)))
    wider = things(NEXT_DAY, "new").with_columns(weight=pl.lit(2.5))
    if verb == "append":
        shore.lake.append(shore.uri, WIDER, wider, NOTE)
    else:
        shore.lake.replace_day(shore.uri, WIDER, NEXT_DAY, batches(wider, WIDER), NOTE)
    after = shore.lake.scan(shore.uri, WIDER).sort("id").collect()
    assert_frame_equal(after, pl.concat([wider, before]))
    assert shore.rows() == {DAY: ["old"], NEXT_DAY: ["new"]}, "the table reads as before by its old contract too"
    shore.lake.replace_day(shore.uri, WIDER, DAY, batches(wider.with_columns(date=pl.lit(DAY)), WIDER), NOTE)
    assert shore.rows() == {DAY: ["new"], NEXT_DAY: ["new"]}


def test_a_required_column_that_a_table_lacks_is_no_null(shore: Shore) -> None:
    """Only nullable columns may be lacking: a required one is an error, never made up."""
    shore.replace(DAY, "old")
    required = dataclasses.replace(WIDER, columns=(*THINGS.columns, Column("weight", pl.Float64(), "How heavy.")))
    with pytest.raises(pl.exceptions.ColumnNotFoundError, match="weight"):
        shore.lake.scan(shore.uri, required).collect()


def test_verdicts_come_back_as_they_were(shore: Shore) -> None:
    """A whole row of verdicts, nulls included, is read as it was published."""
    frame = verdicts({}, {"status": "missing", "violation": None, "category": None, "confidence": None})
    shore.lake.replace_day(shore.uri, VERDICTS, DAY, batches(frame, VERDICTS), NOTE)
    assert_frame_equal(shore.lake.scan(shore.uri, VERDICTS).sort("comment_id").collect(), frame)


def test_a_reader_keeps_its_version(shore: Shore) -> None:
    """A scan made before a commit shows the old day, one made after it the new."""
    shore.replace(DAY, "old")
    before = shore.lake.scan(shore.uri, THINGS).select("id")
    shore.replace(DAY, "new")
    assert before.collect()["id"].to_list() == ["old"]
    assert shore.rows() == {DAY: ["new"]}


def test_of_two_writers_of_a_day_one_wins(shore: Shore) -> None:
    """A day that somebody else replaced in the meantime is not replaced again: the later commit is refused."""
    shore.replace(DAY, "old")

    def slow() -> Iterator[pa.RecordBatch]:
        with ThreadPoolExecutor(1) as other:
            other.submit(shore.replace, DAY, "theirs").result()
        yield from batches(things(DAY, "ours-1", "ours-2"))

    with pytest.raises(StorageUnavailable, match="things: "):
        shore.lake.replace_day(shore.uri, THINGS, DAY, slow(), NOTE)
    assert shore.rows() == {DAY: ["theirs"]}


def test_two_writers_of_two_days_both_land(shore: Shore) -> None:
    """Commits of different days do not disturb each other; each is told the version of its own."""
    first = shore.replace(DAY, "old")
    versions = []

    def slow() -> Iterator[pa.RecordBatch]:
        with ThreadPoolExecutor(1) as other:
            versions.append(other.submit(shore.replace, NEXT_DAY, "theirs").result())
        yield from batches(things(DAY, "ours"))

    versions.append(shore.lake.replace_day(shore.uri, THINGS, DAY, slow(), NOTE))
    assert shore.rows() == {DAY: ["ours"], NEXT_DAY: ["theirs"]}
    assert versions == [first + 1, first + 2]


def test_racing_writers_never_mix(shore: Shore) -> None:
    """Of writers that start together, each lands whole or not at all, and the day is one writer's."""
    shore.replace(DAY, "old")
    ready = threading.Barrier(3)

    def write(writer: str) -> bool:
        ready.wait()
        try:
            shore.replace(DAY, f"{writer}1", f"{writer}2")
        except StorageUnavailable:
            return False
        return True

    with ThreadPoolExecutor(3) as writers:
        landed = list(writers.map(write, "xyz"))
    (found,) = shore.rows().values()
    assert any(landed)
    winners = [writer for writer, has_landed in zip("xyz", landed, strict=True) if has_landed]
    assert found in [[f"{writer}1", f"{writer}2"] for writer in winners]


@pytest.mark.parametrize("shore", ["s3"], indirect=True)
def test_a_file_that_goes_while_it_is_read(shore: Shore) -> None:
    """A scan that the store fails in its middle is worth another try: the stage is told so, in one line."""
    shore.replace(DAY, "a")
    scan = shore.lake.scan(shore.uri, THINGS)
    shore.storage.delete(item.uri for item in shore.storage.list(shore.uri) if item.uri.endswith(".parquet"))
    with pytest.raises(StorageUnavailable) as caught, reading_lake():
        scan.collect()
    assert "not found" in str(caught.value).lower()
    assert "\n" not in str(caught.value)


def test_a_refused_read_repeats_no_token() -> None:
    """S3's answer to an expired session may repeat the token: of a read that it refuses only the first line is told."""
    answer = "object-store error: refused\n<?xml version='1.0'?><Error><Code>ExpiredToken</Code><Token-0>SECRET"
    with pytest.raises(StorageUnavailable) as caught, reading_lake():
        raise OSError(answer)
    assert "SECRET" not in f"{caught.value!s} {caught.value.__cause__!r}"
    assert caught.value.__suppress_context__
    with pytest.raises(FileNotFoundError), reading_lake():
        raise FileNotFoundError("a file of our own")


def test_a_store_that_is_down(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """An S3 that does not answer is never an absent table: the stage is tried again."""
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    lake, uri = Lake(OneTry()), "s3://moderation-output/lake/things"
    with pytest.raises(StorageUnavailable, match=r"things: .*Connection refused") as caught:
        lake.scan(uri, THINGS)
    assert "\n" not in str(caught.value)


def test_a_bucket_that_is_not_there(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """No such bucket is not an absent table either."""
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StorageUnavailable, match="NoSuchBucket"):
        Shore("s3://nowhere/lake").rows()


@pytest.fixture
def openings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tables whose log this process reads, one entry for each time."""
    found: list[str] = []

    def opened(uri: str, **options: Any) -> DeltaTable:
        found.append(uri)
        return DeltaTable(uri, **options)

    monkeypatch.setattr(lake_snapshots, "DeltaTable", opened)
    return found


@pytest.mark.parametrize("shore", ["s3"], indirect=True)
def test_a_table_that_has_not_changed_is_opened_once(shore: Shore, openings: list[str]) -> None:
    """Neither a second look nor the look at what this process has just written reads the log again."""
    shore.replace(DAY, "a")
    assert (shore.rows(), shore.lake.days(shore.uri)) == ({DAY: ["a"]}, [DAY])
    shore.append(DAY, "b")
    assert shore.rows() == {DAY: ["a", "b"]}
    assert openings == []


def test_a_small_table_is_read_whole_and_as_it_is(shore: Shore) -> None:
    """Rows that are read into memory stay, and the next read shows what was committed since, by whomever."""
    assert_frame_equal(shore.lake.read(shore.uri, THINGS).collect(), THINGS.empty())
    shore.replace(DAY, "a")
    before = shore.lake.read(shore.uri, THINGS)
    assert_frame_equal(before.collect(), shore.lake.scan(shore.uri, THINGS).collect())
    shore.append(DAY, "b")
    assert shore.lake.read(shore.uri, THINGS).collect()["id"].sort().to_list() == ["a", "b"]
    DeltaTable(shore.uri, storage_options=shore.lake._options(shore.uri)).delete("id = 'a'")
    assert shore.lake.read(shore.uri, THINGS).collect()["id"].to_list() == ["b"]
    assert before.collect()["id"].to_list() == ["a"]


@pytest.mark.parametrize("shore", ["s3"], indirect=True)
def test_a_small_table_that_stays_is_read_once(shore: Shore) -> None:
    """Its files are not asked for again."""
    shore.replace(DAY, "a")
    shore.lake.read(shore.uri, THINGS)
    shore.storage.delete(item.uri for item in shore.storage.list(f"{shore.uri}/date={DAY}"))
    assert shore.lake.read(shore.uri, THINGS).collect()["id"].to_list() == ["a"]


@pytest.mark.parametrize("shore", ["s3"], indirect=True)
def test_a_table_is_not_opened_to_be_written_again(
    shore: Shore, openings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Commits of one process follow each other on the table that it knows, unless somebody is still to read it."""
    shore.replace(DAY, "a")
    monkeypatch.setattr(lake, "DeltaTable", vars(lake_snapshots)["DeltaTable"])
    shore.append(DAY, "b")
    shore.replace(NEXT_DAY, "c")
    assert openings == []
    before = shore.lake.scan(shore.uri, THINGS).filter(pl.col("date") == NEXT_DAY)
    shore.replace(NEXT_DAY, "d")
    assert openings == [shore.uri]
    assert before.collect()["id"].to_list() == ["c"]
    assert shore.rows() == {DAY: ["a", "b"], NEXT_DAY: ["d"]}


@pytest.mark.parametrize("shore", ["s3"], indirect=True)
def test_what_somebody_else_commits_is_seen_at_once(shore: Shore, openings: list[str]) -> None:
    """A commit of another process, or another table in the same place, is what the next look shows."""
    shore.replace(DAY, "a")
    frame = shore.lake.scan(shore.uri, THINGS)
    DeltaTable(shore.uri, storage_options=shore.lake._options(shore.uri)).delete("id = 'a'")
    assert shore.rows() == {}
    assert frame.collect()["id"].to_list() == ["a"]  # of the version that it was made of
    shore.storage.delete(item.uri for item in shore.storage.list(shore.uri))
    assert shore.rows() == {}
    assert shore.lake.days(shore.uri) == []
    shore.replace(DAY, "b")
    shore.replace(DAY, "c")
    assert shore.rows() == {DAY: ["c"]}
    assert len(openings) > 0
