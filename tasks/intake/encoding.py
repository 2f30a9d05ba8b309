"""Strings that are no UTF-8, which Parquet forbids and some writers write: one of them makes a whole file unreadable.

A file that has some is copied with every broken byte as U+FFFD and its rows marked, so that these rows are rejected by
themselves and all others are judged.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts.tables.comments import COMMENTS
from tasks.base.errors import SchemaDrift

#: The column of a mended copy that marks its broken rows.
BROKEN = "_broken"

_STRINGS = [column.name for column in COMMENTS if column.dtype == pl.String]
_BATCH_ROWS = 50_000


def is_sound(path: Path) -> bool:
    """Whether every string of the comments is UTF-8; pyarrow reads them unseen, polars refuses the file."""
    with pq.ParquetFile(path) as file:
        try:
            for batch in file.iter_batches(_BATCH_ROWS, columns=_STRINGS):
                for column in batch.columns:
                    column.validate(full=True)
        except pa.ArrowInvalid:
            return False
    return True


def mend(path: Path, mended: Path, uri: str) -> None:
    """Copy the columns of COMMENTS row by row, every string as UTF-8, with BROKEN beside them.

    Args:
        uri: what the file is a copy of, for an error.

    Raises:
        SchemaDrift: if the broken strings stand in an Arrow dictionary, which nothing can read.
    """
    try:
        _copy(path, mended)
    except pa.ArrowInvalid as error:
        raise SchemaDrift(f"{uri}: strings that are no UTF-8, and cannot be read row by row ({error})") from None


def mended_strings(column: pa.Array) -> list[str | None]:
    """The values as text, every broken byte of a string as U+FFFD; a number as it is written.

    Raises:
        pa.ArrowInvalid: if broken strings stand in an Arrow dictionary.
    """
    is_text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    stored = column.cast(pa.large_binary() if is_text else pa.large_string()).to_pylist()
    return [value.decode(errors="replace") if isinstance(value, bytes) else value for value in stored]


def _copy(path: Path, mended: Path) -> None:
    with pq.ParquetFile(path) as file:
        fields = [file.schema_arrow.field(name) for name in COMMENTS.names]
        texts = [pa.field(field.name, pa.large_string()) if field.name in _STRINGS else field for field in fields]
        schema = pa.schema([*texts, pa.field(BROKEN, pa.bool_())])
        with pq.ParquetWriter(mended, schema) as writer:
            for batch in file.iter_batches(_BATCH_ROWS, columns=COMMENTS.names):
                writer.write_batch(_mended(batch, schema))


def _mended(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    columns, broken = {name: batch.column(name) for name in COMMENTS.names}, [False] * batch.num_rows
    for name in _STRINGS:
        stored = columns[name].cast(pa.large_binary()).to_pylist()
        texts = [None if value is None else value.decode(errors="replace") for value in stored]
        is_changed = [text is not None and text.encode() != value for text, value in zip(texts, stored, strict=True)]
        broken = [was or now for was, now in zip(broken, is_changed, strict=True)]
        columns[name] = pa.array(texts, pa.large_string())
    return pa.RecordBatch.from_arrays([*columns.values(), pa.array(broken, pa.bool_())], schema=schema)
