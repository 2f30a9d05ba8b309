"""What the footers of the day's input say, and their rows as comments."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import polars as pl
import pyarrow as pa

from data_contracts.documents.plan import InputObject
from data_contracts.tables.comments import COMMENTS
from data_contracts.tables.stored_types import expected
from tasks.adapters.storage import Storage
from tasks.base.errors import SchemaDrift
from tasks.intake.foreign_parquet import UNREADABLE, SchemaFault, first_line, open_parquet, schema_fault, stored_schema
from tasks.intake.row_rules import read_comments


def check_schema(schema: pa.Schema, uri: str) -> None:
    """Raises SchemaDrift unless the file has every column of the contract, once, with a type that can stand for it.

    Raises:
        SchemaDrift: naming file, column, what was expected and what was found.
    """
    match schema_fault(schema, COMMENTS):
        case None:
            return
        case SchemaFault(column, ()):
            fault = f"is missing (expected {expected(column.dtype)})"
        case SchemaFault(column, (stored,)):
            fault = f"is {stored}, expected {expected(column.dtype)}"
        case SchemaFault(column, _):
            fault = "stands there twice, and which one is meant cannot be told"
    raise SchemaDrift(f"{uri}: column {column.name} {fault}")


def count_rows(file: BinaryIO, uri: str) -> int:
    """Rows of a Parquet file whose schema keeps the contract, read from its footer; no rows keep any contract.

    Raises:
        SchemaDrift: if it does not, or if the file is not Parquet at all.
    """
    try:
        parquet = open_parquet(file)
        schema = stored_schema(parquet, COMMENTS)
    except UNREADABLE as error:
        if not _is_arrows(error):
            raise
        raise SchemaDrift(f"{uri}: not a readable Parquet file ({first_line(error)})") from error
    if parquet.metadata.num_rows:
        check_schema(schema, uri)
    return int(parquet.metadata.num_rows)


def _is_arrows(error: Exception) -> bool:
    """Whether the file is at fault: a garbled footer is an OSError to Arrow, as is a read that fails underneath it."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback is not None and "pyarrow" in traceback.tb_frame.f_code.co_filename


_DOWNLOADS = 4


def fetch_inputs(storage: Storage, inputs: Sequence[InputObject], folder: Path) -> pl.LazyFrame:
    """Download the planned objects, each only if it is still the one that was planned, as one lazy frame.

    Raises:
        InputChanged: if one was replaced or deleted since.
        SchemaDrift: if one cannot be read.
    """
    copies = [folder / f"input-{number:05d}.parquet" for number in range(len(inputs))]
    with ThreadPoolExecutor(_DOWNLOADS) as downloads:
        list(
            downloads.map(
                lambda pair: storage.fetch(pair[0].uri, pair[1], pair[0].etag), zip(inputs, copies, strict=True)
            )
        )
    frames = []
    for source, copy in zip(inputs, copies, strict=True):
        frames.append(read_comments(copy, source))
        copy.unlink()  # its rows were copied: the night's input is not kept twice
    return pl.concat(frames)
