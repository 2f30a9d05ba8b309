"""First stage: the day's input, object by object, as the plan that every later stage keeps to."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from typing import BinaryIO

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts.comments import COMMENTS, EXPECTED_TYPE, is_legal_dtype
from data_contracts.documents.plan import InputObject, Plan
from tasks import adapters
from tasks.adapters.lake import reading_lake
from tasks.adapters.storage import StoredObject
from tasks.check_prompt import check_prompt
from tasks.errors import InputAbsent, SchemaDrift, is_transient
from tasks.families import pick_family
from tasks.paths import RunPaths
from tasks.prompt import load_prompt
from tasks.settings import Settings

#: Footers are small and far away: their latency is hidden by asking for several at once.
_FOOTER_READERS = 8


def check_schema(schema: pa.Schema, uri: str) -> None:
    """Nothing, if the file has every column of the contract, once, with a type that can stand for it.

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


@task(retries=3, retry_delay_seconds=[5, 30, 120], retry_condition_fn=is_transient, cache_policy=NO_CACHE)
@reading_lake()
def ingest(settings: Settings, run_date: date, run_id: str, now: datetime, epoch: int = 0) -> Plan:
    """Pin the day's objects in the run's plan; a rerun of the same run writes the same plan again."""
    outside, paths = adapters.connect(settings), RunPaths(settings, run_date, run_id)
    storage, prompt = outside.storage, load_prompt(settings)
    family = pick_family(settings.model_id, prompt, settings.invocation_type)
    listed = [item for item in storage.list(paths.comments) if is_input(item, paths.comments)]
    if not listed:
        raise InputAbsent(f"no input: {paths.comments}/ has no *.parquet object")

    def pin(item: StoredObject) -> InputObject:
        with storage.open(item.uri) as file:
            rows = count_rows(file, item.uri)
        return InputObject(uri=item.uri, etag=item.etag, size_bytes=item.size_bytes, row_count=rows)

    with ThreadPoolExecutor(_FOOTER_READERS) as readers:
        inputs = tuple(readers.map(pin, listed))
    plan = Plan(
        run_date=run_date,
        run_id=run_id,
        planned_at=now,
        inputs=inputs,
        model_id=settings.model_id,
        invocation_type=family.invocation_type,
        prompt_name=prompt.id,
        prompt_version=prompt.version,
        prompt_sha256=prompt.sha256,
        epoch=epoch,
        settings=settings.public(),
    )
    check_prompt(outside, paths, f"{prompt.id}/{prompt.version}", prompt.sha256)
    storage.put(paths.file("plan.json"), plan.model_dump_json(indent=1).encode())
    return plan
