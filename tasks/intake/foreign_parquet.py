"""Parquet files that others write, read as the columns of a contract and as nothing else.

pyarrow reads them and polars never does: polars loads the types of every column, asked for or not, and panics at a time
zone that it does not know, an interval, or a time out of its range. What comes out is of plain types: strings that are
UTF-8, times in UTC to the microsecond, floats, and a mark on each row that had a string of other bytes.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data_contracts.tables.stored_types import can_stand_for, is_text
from data_contracts.tables.table import Column, Table
from tasks.base.errors import SchemaDrift

#: The column that marks rows with a string that is no UTF-8; U+FFFD stands for its broken bytes.
BROKEN = "_broken"

_BATCH_ROWS = 50_000
_BLOCK_BYTES = 1 << 20
_MAGIC = b"PAR1"
#: The footer's length and the magic, at a file's end.
_TAIL_BYTES = 8
#: The key under which Arrow leaves its types, and one of the same length.
_ARROWS_NOTE, _NOBODYS_NOTE = b"ARROW:schema", b"arrow:ignore"
_INT96 = pa.timestamp("us", "UTC")
#: Years 1 to 9999, in seconds since 1970: what Python, pandas and every reader of ours can hold.
_FIRST_S, _LAST_S = -62_135_596_800, 253_402_300_799
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
#: A number of 64 bits is large enough for these years in every unit but the last.
_MAX_INT64 = 2**63 - 1

#: What pyarrow raises where a file is not as its footer says, or of a kind that it does not know.
UNREADABLE = (pa.ArrowException, OSError, ValueError, LookupError)


def open_parquet(source: Path | BinaryIO) -> pq.ParquetFile:
    """A file with its footer read; INT96 times (Spark, Hive, Impala) to the microsecond, as nanoseconds end in 2262.

    A local file is read in blocks: else a row group's columns are held whole. From afar every block would be a call.

    Writers that use Arrow (polars, pandas) leave its types in the footer beside Parquet's own. pyarrow refuses a file
    for one of them that it does not know (Int128), be it of a column that nobody reads: then Parquet's own count.
    """
    try:
        return _open(source)
    except pa.ArrowException:
        footer = _footer_without_arrow(source)
        if footer is None:
            raise
        return _open(source, metadata=footer)


def _open(source: Path | BinaryIO, **how: Any) -> pq.ParquetFile:
    blocks = {"buffer_size": _BLOCK_BYTES, "pre_buffer": False} if isinstance(source, Path) else {}
    return pq.ParquetFile(source, coerce_int96_timestamp_unit="us", **blocks, **how)


def _footer_without_arrow(source: Path | BinaryIO) -> pq.FileMetaData | None:
    """The footer, its note of Arrow's types under a name that nobody asks for; None if it has none, or is not readable.

    Source: Parquet format, "File Format": footer, its length in four bytes, "PAR1".
    """
    with source.open("rb") if isinstance(source, Path) else nullcontext(source) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - _TAIL_BYTES, 0))
        tail = file.read(_TAIL_BYTES)
        start = size - _TAIL_BYTES - int.from_bytes(tail[:4], "little")
        if tail[4:] != _MAGIC or start < len(_MAGIC):
            return None
        file.seek(start)
        footer = file.read(size - _TAIL_BYTES - start)
    if _ARROWS_NOTE not in footer:
        return None
    with suppress(*UNREADABLE):
        return pq.read_metadata(io.BytesIO(_MAGIC + footer.replace(_ARROWS_NOTE, _NOBODYS_NOTE) + tail))
    return None


def stored_schema(file: pq.ParquetFile, table: Table) -> pa.Schema:
    """The types of the file's columns, as far as they are types to a table's reader.

    An INT96 time is an instant in UTC, which is what its writers mean and cannot say. A column of another type than the
    table's that holds no value has none: pandas calls its nulls double, object or nothing by how they came to be.
    """
    leaves = (file.schema.column(number) for number in range(len(file.schema.names)))
    stored = {leaf.path: _INT96 for leaf in leaves if leaf.physical_type == "INT96"}
    schema = pa.schema(pa.field(one.name, stored.get(one.name, one.type)) for one in file.schema_arrow)
    for column in table:
        place = schema.get_field_index(column.name)  # none, too, where the name stands there twice
        if place >= 0 and not can_stand_for(schema.field(place).type, column.dtype) and _is_void(file, column.name):
            schema = schema.set(place, pa.field(column.name, pa.null()))
    return schema


def _is_void(file: pq.ParquetFile, name: str) -> bool:
    """Whether a column holds no value: read, as pyarrow ends the process at a footer's counts of an encrypted one."""
    return all(
        batch.column(name).null_count == batch.num_rows for batch in file.iter_batches(_BATCH_ROWS, columns=[name])
    )


class SchemaFault(NamedTuple):
    """A column that keeps a file from being read.

    Attributes:
        column: as the contract has it.
        found: the type of each column of that name in the file: none, several, or one that cannot stand for it.
    """

    column: Column
    found: tuple[pa.DataType, ...]


def schema_fault(schema: pa.Schema, table: Table) -> SchemaFault | None:
    """What keeps a file from being read as rows of a table, or None.

    Columns that the table does not have are nobody's concern, whatever they hold and however often they are there.
    """
    for column in table:
        types = tuple(field.type for field in schema if field.name == column.name)
        if len(types) != 1 or not can_stand_for(types[0], column.dtype):
            return SchemaFault(column, types)
    return None


def read_batches(file: pq.ParquetFile, table: Table) -> Iterator[pa.RecordBatch]:
    """A file's rows in order.

    Columns: those of the table, strings and times in its types, numbers as floats, so that one that is not whole can be
    seen; and BROKEN. A time outside the years 1 to 9999 is null.

    Raises:
        UNREADABLE: if the file is not what its footer says.
    """
    schema = plain_schema(table)
    if not file.metadata.num_rows:  # then it need not have the columns
        return
    for batch in file.iter_batches(_BATCH_ROWS, columns=table.names):
        broken = pa.repeat(pa.scalar(False), batch.num_rows)
        columns = []
        for column in table:
            values, is_mended = _plain(batch.column(column.name), column)
            columns.append(values)
            broken = broken if is_mended is None else pc.or_(broken, is_mended)
        yield pa.RecordBatch.from_arrays([*columns, broken], schema=schema)


def plain_schema(table: Table) -> pa.Schema:
    """The types that `read_batches` gives."""
    return pa.schema([*((column.name, _PLAIN[type(column.dtype)]) for column in table), (BROKEN, pa.bool_())])


def copy_plain(path: Path, copy: Path, table: Table, uri: str) -> None:
    """Write a local file's rows, as `read_batches` gives them, to another.

    Args:
        uri: what the file is a copy of, for an error.

    Raises:
        SchemaDrift: if it cannot be read, naming the column.
    """
    # Strings are most of it: a dictionary of them costs more than it saves in a file that is read once.
    form = {"compression": "lz4", "use_dictionary": False, "write_statistics": False}
    try:
        with open_parquet(path) as file, pq.ParquetWriter(copy, plain_schema(table), **form) as writer:
            for batch in read_batches(file, table):
                writer.write_batch(batch)
    except UNREADABLE as error:
        name = _unreadable_column(path, table)
        if name is None:  # it was not the file: a full disk is an OSError too
            raise
        raise SchemaDrift(f"{uri}: column {name} cannot be read ({first_line(error)})") from None


def mended_strings(column: pa.Array) -> list[str | None]:
    """The values as text, every broken byte of a string as U+FFFD; a number as it is written."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    has_bytes = is_text(column.type) or pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type)
    stored = column.cast(pa.large_binary() if has_bytes else pa.large_string()).to_pylist()
    return [value.decode(errors="replace") if isinstance(value, bytes) else value for value in stored]


def first_line(error: Exception) -> str:
    """What a library says, without the lines that say where in its own code."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


_PLAIN: dict[type[Any], pa.DataType] = {
    pl.String: pa.large_string(),
    pl.Datetime: pa.timestamp("us", "UTC"),
    pl.Boolean: pa.bool_(),
    pl.Int64: pa.float64(),
    pl.Float64: pa.float64(),
}


def _plain(values: pa.Array, column: Column) -> tuple[pa.Array, pa.Array | None]:
    """A column in its plain type, and which of its rows were mended; None for none."""
    plain = _PLAIN[type(column.dtype)]
    if values.null_count == len(values):
        return pa.nulls(len(values), plain), None
    if pa.types.is_timestamp(plain) and pa.types.is_timestamp(values.type):
        return instants(values), None
    if not can_stand_for(values.type, column.dtype):
        raise pa.ArrowTypeError(f"there are values of type {values.type}")
    if not pa.types.is_large_string(plain):
        return values.cast(plain, safe=False), None  # a number too long for a float loses its last digits
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    texts = values.cast(plain, safe=False)
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid:
        return _mended(texts)
    return texts, None


def _mended(texts: pa.Array) -> tuple[pa.Array, pa.Array]:
    stored = texts.cast(pa.large_binary()).to_pylist()
    mended = [None if value is None else value.decode(errors="replace") for value in stored]
    is_changed = [text is not None and text.encode() != value for text, value in zip(mended, stored, strict=True)]
    return pa.array(mended, pa.large_string()), pa.array(is_changed, pa.bool_())


def instants(times: pa.Array) -> pa.Array:
    """Times as instants in UTC to the microsecond, whatever zone and unit they are written in; null where out of range.

    An instant is the same number in every zone, so the zone's name is never looked at: it need not be one of IANA's.
    """
    per_second = _PER_SECOND[times.type.unit]
    numbers = times.cast(pa.int64())
    low, high = _FIRST_S * per_second, (_LAST_S + 1) * per_second - 1
    if high < _MAX_INT64:
        inside = pc.and_(pc.greater_equal(numbers, low), pc.less_equal(numbers, high))
        numbers = pc.if_else(inside, numbers, pa.scalar(None, pa.int64()))
    # Never checked: finer times are cut to the microsecond, and what could run over is null by now.
    return numbers.cast(pa.timestamp(times.type.unit, "UTC")).cast(_PLAIN[pl.Datetime], safe=False)


def _unreadable_column(path: Path, table: Table) -> str | None:
    """The first column that cannot be read by itself."""
    for column in table:
        try:
            with open_parquet(path) as file:
                for batch in file.iter_batches(_BATCH_ROWS, columns=[column.name]):
                    _plain(batch.column(column.name), column)
        except UNREADABLE:
            return column.name
    return None
