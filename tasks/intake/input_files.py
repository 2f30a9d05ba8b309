"""The day's input objects: which are read, what their footers say, and their rows as comments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts.documents.plan import InputObject
from data_contracts.tables.comments import COMMENTS, EXPECTED_TYPE, is_legal_dtype
from tasks.adapters.storage import Storage, StoredObject
from tasks.base.errors import SchemaDrift
from tasks.intake.row_rules import read_comments


def check_schema(schema: pa.Schema, uri: str) -> None:
    """Raises SchemaDrift unless the file has every column of the contract, once, with a type that can stand for it.

    Raises:
        SchemaDrift: naming file, column, what was expected and what was found.
    """
    repeated = [name for name, count in Counter(schema.names).items() if count > 1]
    if repeated:
        raise SchemaDrift(f"{uri}: column {repeated[0]} stands there twice, and which one is meant cannot be told")
    found = pl.DataFrame(schema.empty_table()).schema
    for column in COMMENTS:
        dtype = found.get(column.name)
        if dtype is None:
            raise SchemaDrift(f"{uri}: column {column.name} is missing (expected {EXPECTED_TYPE[column.name]})")
        if not is_legal_dtype(column.name, dtype):
            stored = schema.field(column.name).type
            raise SchemaDrift(
                f"{uri}: column {column.name} is {stored}, expected {EXPECTED_TYPE[column.name]}",
            )


def count_rows(file: BinaryIO, uri: str) -> int:
    """Rows of a Parquet file whose schema keeps the contract, read from its footer.

    Raises:
        SchemaDrift: if it does not, or if the file is not Parquet at all.
    """
    try:
        parquet = pq.ParquetFile(file)
    except (pa.ArrowInvalid, OSError) as error:
        # A garbled footer is an OSError to Arrow, and so is a connection that breaks: only the text tells them apart.
        if not isinstance(error, pa.ArrowInvalid) and "deserialize thrift" not in str(error):
            raise
        raise SchemaDrift(f"{uri}: not a readable Parquet file ({str(error).splitlines()[0]})") from error
    check_schema(parquet.schema_arrow, uri)
    return int(parquet.metadata.num_rows)


def is_input(item: StoredObject, folder: str) -> bool:
    """Whether an object is a comments file: `*.parquet` directly in the day's folder."""
    name = item.uri.removeprefix(folder + "/")
    return "/" not in name and name.endswith(".parquet")


_DOWNLOADS = 4


def fetch_inputs(storage: Storage, inputs: Sequence[InputObject], folder: Path) -> pl.LazyFrame:
    """Download the planned objects, each only if it is still the one that was planned, as one lazy frame.

    Raises:
        InputChanged: if one was replaced or deleted since.
    """
    copies = [folder / f"input-{number:05d}.parquet" for number in range(len(inputs))]
    with ThreadPoolExecutor(_DOWNLOADS) as downloads:
        list(
            downloads.map(
                lambda pair: storage.fetch(pair[0].uri, pair[1], pair[0].etag), zip(inputs, copies, strict=True)
            )
        )
    return pl.concat([read_comments(copy, source) for source, copy in zip(inputs, copies, strict=True)])
