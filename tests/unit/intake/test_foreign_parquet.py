"""Files that others write are read as comments whatever else is in them; what is wrong with a row is its own fault."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.parquet import encryption

from data_contracts.documents.plan import InputObject
from data_contracts.tables.comments import COMMENTS
from tasks.base.errors import SchemaDrift
from tasks.intake.footers import count_rows
from tasks.intake.foreign_parquet import BROKEN, mended_strings, open_parquet
from tasks.intake.row_rules import read_comments
from tests import factories

LONE_SURROGATE, LATIN, OVERLONG = b"bad \xed\xa0\x80 text", b"caf\xe9", b"\xc0\xaf"
SOURCE = InputObject(uri=factories.SOURCE, etag="e1", size_bytes=1, row_count=4)
NOON_US = int(factories.NOON.timestamp()) * 1_000_000
LONG_MAX = 2**63 - 1


def unchecked(values: list[bytes | None]) -> pa.Array:
    """Strings as a careless writer writes them: the bytes as they are."""
    raw = pa.array(values, pa.binary())
    return pa.StringArray.from_buffers(len(raw), *raw.buffers()[1:], raw.buffers()[0])


def four(**columns: pa.Array) -> pa.Table:
    """Four comments, with these columns in the place of their own, or beside them."""
    table = factories.comments({}, {}, {}, {}).to_arrow()
    for name, column in columns.items():
        place = table.schema.get_field_index(name)
        table = table.append_column(name, column) if place < 0 else table.set_column(place, name, column)
    return table


def write(path: Path, **columns: pa.Array) -> Path:
    pq.write_table(four(**columns), path)
    return path


def read(path: Path) -> pl.DataFrame:
    """The file's rows, as a night plans and reads them."""
    with path.open("rb") as file:
        row_count = count_rows(file, factories.SOURCE)
    found = read_comments(path, SOURCE).collect()
    assert found.height == row_count
    return found


def zoned(zone: str | None, unit: str = "us", *values: int | None) -> pa.Array:
    """Four times of noon, or these, in a zone that need not be anybody's."""
    noon = NOON_US // {"s": 10**6, "ms": 1000, "us": 1}[unit]
    return pa.array(values or [noon] * 4, pa.int64()).view(pa.timestamp(unit, zone))


NOONS = [factories.NOON] * 4


@pytest.mark.parametrize(
    "zone",
    [
        "UTC", "Asia/Tokyo", "Europe/Berlin", "+05:30", "-0800", "JST", "GMT+9", "tzlocal()", "Z",
        "dateutil//usr/share/zoneinfo/Asia/Tokyo", "日本標準時",
    ],
)  # fmt: skip
def test_an_instant_is_an_instant_in_any_zone(zone: str, tmp_path: Path) -> None:
    """The zone that a time is written in changes nothing, be it one of IANA's or not; nor does another column's."""
    path = write(tmp_path / "input.parquet", posted_at=zoned(zone), exported_at=zoned(zone))
    assert read(path)["posted_at"].to_list() == NOONS


@pytest.mark.parametrize(
    ("unit", "absurd"),
    [
        pytest.param("ms", LONG_MAX, id="the-largest-long-in-milliseconds"),
        pytest.param("ms", -LONG_MAX, id="the-smallest-long-in-milliseconds"),
        pytest.param("us", LONG_MAX, id="the-largest-long-in-microseconds"),
        pytest.param("ms", 253_402_300_800_000, id="the-year-10000"),
        pytest.param("ms", -62_135_596_800_001, id="before-the-year-1"),
        pytest.param("us", 253_402_300_800_000_000, id="the-year-10000-in-microseconds"),
        pytest.param("ms", None, id="no-time"),
    ],
)
def test_an_absurd_time_is_no_time(unit: str, absurd: int | None, tmp_path: Path) -> None:
    """A time that no reader could hold is null in its own row, and its row alone is rejected for it."""
    noon = NOON_US // {"ms": 1000, "us": 1}[unit]
    times = zoned("UTC", unit, noon, absurd, noon, noon)
    found = read(write(tmp_path / "input.parquet", posted_at=times))["posted_at"]
    assert found.to_list() == [factories.NOON, None, factories.NOON, factories.NOON]


@pytest.mark.parametrize(
    ("unit", "value", "expected"),
    [
        pytest.param("ms", 253_402_300_799_999, datetime(9999, 12, 31, 23, 59, 59, 999000, UTC), id="the-last"),
        pytest.param("us", -62_135_596_800_000_000, datetime(1, 1, 1, tzinfo=UTC), id="the-first"),
    ],
)
def test_the_longest_times_are_kept(unit: str, value: int, expected: datetime, tmp_path: Path) -> None:
    """Whatever Python can say is said."""
    times = zoned("UTC", unit, value, value, value, value)
    assert read(write(tmp_path / "input.parquet", posted_at=times))["posted_at"].to_list() == [expected] * 4


@pytest.mark.parametrize("store_schema", [True, False])
@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", None])
def test_int96_times_are_instants(zone: str | None, store_schema: bool, tmp_path: Path) -> None:
    """Spark, Hive and Glue write INT96, which has no zone and means UTC."""
    path = tmp_path / "input.parquet"
    table = four(posted_at=zoned(zone))
    pq.write_table(table, path, use_deprecated_int96_timestamps=True, store_schema=store_schema)
    assert read(path)["posted_at"].to_list() == NOONS


def test_an_int96_time_past_the_nanoseconds_is_kept(tmp_path: Path) -> None:
    """INT96 reaches further than 64 bits of nanoseconds, which end in the year 2262."""
    path, late = tmp_path / "input.parquet", datetime(9999, 12, 31, tzinfo=UTC)
    table = four(posted_at=pa.array([late] * 4, pa.timestamp("us", "UTC")))
    pq.write_table(table, path, use_deprecated_int96_timestamps=True)
    assert read(path)["posted_at"].to_list() == [late] * 4


@pytest.mark.parametrize(
    "extra",
    [
        "interval 3 day", "42::variant", "{'a': [1, 2]}::variant", "1::hugeint", "'101'::bit", "uuid()", "123::bignum",
        "'10:00:00+05'::timetz", "map {'a': 1}", "union_value(a := 1)", "{'text': 'x', 'b': [1]}", "'{}'::json", "null",
        "timestamp '2026-11-19 00:00:00'", "1.5::decimal(38, 3)",
    ],
)  # fmt: skip
def test_extra_columns_are_never_read(extra: str, tmp_path: Path) -> None:
    """Whatever DuckDB, and with it anybody, may write beside a comment is ignored, also what polars cannot load."""
    path = tmp_path / "input.parquet"
    with duckdb.connect() as connection:
        connection.execute("SET timezone = 'UTC'")
        connection.register("comments", four())
        query = f'SELECT *, {extra} AS extra, {extra} AS "text.raw" FROM comments'  # noqa: S608
        connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
    found = read(path)
    assert found.columns == [*COMMENTS.names, "source_object", "source_row", BROKEN]
    assert found["posted_at"].to_list() == NOONS


@pytest.mark.parametrize("text", [pl.String(), pl.Categorical()], ids=str)
def test_types_that_arrow_does_not_know_keep_nobody_from_the_others(text: pl.DataType, tmp_path: Path) -> None:
    """polars notes a type that pyarrow refuses a whole file for, though it is of a column that is never read."""
    path = tmp_path / "input.parquet"
    comments = factories.comments({}, {}, {}, {}).with_columns(pl.col("text").cast(text))
    comments.with_columns(pl.lit(2**100).cast(pl.Int128).alias("total")).write_parquet(path)
    found = read(path)
    assert found.select(COMMENTS.names).equals(read(write(tmp_path / "plain.parquet")).select(COMMENTS.names))
    assert found["posted_at"].to_list() == NOONS


def test_a_garbled_note_of_arrows_types_is_passed_over(tmp_path: Path) -> None:
    """What the columns are stands in Parquet's own schema; a file whose own schema is garbled is still named."""
    path = write(tmp_path / "input.parquet")
    body = path.read_bytes()
    note = body.rindex(b"ARROW:schema") + 20
    path.write_bytes(body[:note] + b"!" * 40 + body[note + 40 :])
    assert read(path)["posted_at"].to_list() == NOONS
    path.write_bytes(body[: note - 200] + b"!" * 150 + body[note - 50 :])
    with pytest.raises(SchemaDrift, match=r"part-0\.parquet: not a readable Parquet file \([^\n]+\)$"):
        read(path)


@pytest.mark.parametrize("column", ["comment_id", "posted_at", "product_id", "user_id", "text", "rating"])
def test_a_column_without_a_type_is_nulls(column: str, tmp_path: Path) -> None:
    """pandas gives a column that holds nothing but nulls no type: each row is judged by itself."""
    found = read(write(tmp_path / "input.parquet", **{column: pa.nulls(4)}))
    assert found[column].null_count() == 4
    assert found.schema == read(write(tmp_path / "other.parquet")).schema


@pytest.mark.parametrize(
    "stored", [pa.float64(), pa.int32(), pa.timestamp("us"), pa.bool_(), pa.binary(), pa.decimal128(5, 2)], ids=str
)
def test_a_column_without_a_value_is_nulls(stored: pa.DataType, tmp_path: Path) -> None:
    """pandas writes NaN as doubles that are null: what is not there has no type."""
    nulls = pa.array([None] * 4, stored)
    found = read(write(tmp_path / "input.parquet", user_id=nulls, posted_at=nulls, text=nulls))
    assert found.select("user_id", "posted_at", "text").null_count().row(0) == (4, 4, 4)


def test_a_value_of_another_type_is_drift(tmp_path: Path) -> None:
    """One value is enough, in any row group, and where the footer does not count the nulls."""
    path, ids = tmp_path / "input.parquet", pa.array([None, None, None, 1.5])
    for how in ({"row_group_size": 2}, {"write_statistics": False}):
        pq.write_table(four(user_id=ids), path, **how)
        with pytest.raises(SchemaDrift, match=r"part-0\.parquet: column user_id is double, expected string$"):
            read(path)
        with pytest.raises(SchemaDrift, match=r"part-0\.parquet: column user_id cannot be read"):
            read_comments(path, SOURCE)


@pytest.mark.parametrize(
    "columns",
    [
        pytest.param({"dtype": "object"}, id="objects"),
        pytest.param({"dtype": "float64"}, id="doubles"),
        pytest.param({}, id="as-pandas-likes"),
        pytest.param({"columns": []}, id="no-columns"),
    ],
)
def test_an_empty_pandas_frame_is_no_rows(columns: dict[str, Any], tmp_path: Path) -> None:
    """No column of it has a type that anybody chose, and there is nothing that could be misread."""
    import pandas as pd  # type: ignore[import-untyped]  # takes seconds, for this test alone

    path = tmp_path / "input.parquet"
    pd.DataFrame({name: [] for name in COMMENTS.names}, **columns).to_parquet(path)
    assert read(path).height == 0


def test_a_file_without_row_groups_is_no_rows(tmp_path: Path) -> None:
    """A writer that was closed before it wrote has a schema and nothing else."""
    path = tmp_path / "input.parquet"
    pq.ParquetWriter(path, four().schema).close()
    assert read(path).height == 0


@pytest.mark.parametrize(
    "stored",
    [
        pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string()),
        pa.dictionary(pa.int32(), pa.large_string()),
    ],
    ids=str,
)  # fmt: skip
def test_text_is_text_in_any_layout(stored: pa.DataType, tmp_path: Path) -> None:
    """Dictionaries, long strings and views hold the same words."""
    values = pa.array(["a", None, "あ", "a"])
    encoded = values.dictionary_encode().cast(stored) if pa.types.is_dictionary(stored) else values.cast(stored)
    columns = {"text": encoded, "product_id": encoded}
    found = read(write(tmp_path / "input.parquet", **columns))
    assert found["text"].to_list() == found["product_id"].to_list() == ["a", None, "あ", "a"]
    assert mended_strings(encoded) == ["a", None, "あ", "a"]


def test_two_columns_that_differ_in_case_are_two(tmp_path: Path) -> None:
    """Only the one of the contract's own name is read."""
    found = read(write(tmp_path / "input.parquet", COMMENT_ID=pa.array(["x"] * 4), Text=pa.array([1] * 4)))
    assert found["comment_id"].to_list() == ["c1", "c2", "c3", "c4"]


def test_a_sound_file_is_read_as_it_is(tmp_path: Path) -> None:
    """No row of a file in order is marked, whatever its other columns hold."""
    path = write(tmp_path / "input.parquet", extra=unchecked([LATIN] * 4))
    assert read(path)[BROKEN].to_list() == [False] * 4


@pytest.mark.parametrize("column", ["text", "comment_id", "product_id", "user_id"])
def test_broken_rows_are_marked(column: str, tmp_path: Path) -> None:
    """Lone surrogates, Latin-1 and overlong forms mark their rows; the file's other rows come as they are."""
    values = unchecked([b"fine \xef\xbf\xbd", LONE_SURROGATE, LATIN if column != "text" else None, OVERLONG])
    found = read(write(tmp_path / "input.parquet", **{column: values}))
    assert found[BROKEN].to_list() == [False, True, column != "text", True]
    assert found[column].to_list()[:2] == ["fine \ufffd", "bad \ufffd\ufffd\ufffd text"]
    assert found["source_row"].to_list() == [0, 1, 2, 3]
    assert found["posted_at"].to_list() == NOONS


def test_broken_rows_of_a_dictionary_are_marked(tmp_path: Path) -> None:
    """A dictionary that holds a broken string marks the rows that use it, unless pyarrow itself refuses to read it."""
    broken = unchecked([b"fine", LATIN])
    ids = pa.DictionaryArray.from_arrays(pa.array([0, 1, 0, None], pa.int32()), broken)
    found = read(write(tmp_path / "input.parquet", comment_id=ids))
    assert found[BROKEN].to_list() == [False, True, False, False]
    assert found["comment_id"].to_list() == ["fine", "caf\ufffd", "fine", None]
    ids = pa.DictionaryArray.from_arrays(pa.array([0, 1, 0, None], pa.int64()), broken)
    with pytest.raises(SchemaDrift, match=r"part-0\.parquet: column comment_id cannot be read \(Invalid UTF8"):
        read(write(tmp_path / "input.parquet", comment_id=ids))


def test_a_column_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """Bytes that were lost on the way stop the night with file and column."""
    path = write(tmp_path / "input.parquet", text=pa.array(["x" * 200 + str(n) for n in range(4)]))
    chunk = pq.read_metadata(path).row_group(0).column(COMMENTS.names.index("text"))
    body = bytearray(path.read_bytes())
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    body[start + 30 : start + chunk.total_compressed_size] = b"\xff" * (chunk.total_compressed_size - 30)
    path.write_bytes(body)
    with pytest.raises(SchemaDrift, match=r"part-0\.parquet: column text cannot be read \([^\n]+\)$"):
        read(path)


class _Keys(encryption.KmsClient):  # type: ignore[misc]
    """Keys that wrap nothing."""

    def __init__(self, _: Any) -> None:
        super().__init__()

    def wrap_key(self, key: bytes, _: str) -> bytes:
        return base64.b64encode(key)

    def unwrap_key(self, wrapped: bytes, _: str) -> bytes:
        return base64.b64decode(wrapped)


@pytest.mark.parametrize(
    ("plaintext_footer", "told"),
    [
        pytest.param(False, r"part-0\.parquet: not a readable Parquet file \(Could not read encrypted", id="footer"),
        pytest.param(True, r"part-0\.parquet: column text cannot be read \(Cannot decrypt", id="column"),
    ],
)
def test_an_encrypted_file_is_named(plaintext_footer: bool, told: str, tmp_path: Path) -> None:
    """Parquet's own encryption is a line with the file, and the column where only that is encrypted."""
    config = encryption.EncryptionConfiguration(
        footer_key="footer", column_keys={"column": ["text"]}, plaintext_footer=plaintext_footer
    )
    keys = encryption.CryptoFactory(_Keys).file_encryption_properties(encryption.KmsConnectionConfig(), config)
    path = tmp_path / "input.parquet"
    pq.write_table(four(), path, encryption_properties=keys)
    with pytest.raises(SchemaDrift, match=told):
        read(path)


def test_a_disk_that_is_full_is_no_fault_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes wrong with our own copy is not blamed on the input."""
    path = write(tmp_path / "input.parquet")

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_batch", fail)
    with pytest.raises(OSError, match="No space left"):
        read_comments(path, SOURCE)


def test_long_numbers_are_ratings(tmp_path: Path) -> None:
    """A number that a float cannot hold to its last digit stops nothing."""
    path = write(tmp_path / "input.parquet", rating=pa.array([2**53 + 1, 5, None, -(2**62)]))
    assert read(path)["rating"].to_list() == [float(2**53), 5.0, None, -float(2**62)]


def test_a_footer_is_read_without_the_rows(tmp_path: Path) -> None:
    """The row count is the footer's own."""
    with open_parquet(write(tmp_path / "input.parquet")) as file:
        assert file.metadata.num_rows == 4
