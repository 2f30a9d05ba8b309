"""What analysts are given beside the data is current, complete, and what AWS and DuckDB accept."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from botocore.session import Session
from botocore.validate import ParamValidator

import data_contracts
from data_contracts.tables.table import Column, Table
from tasks.base.errors import WrongUsage
from tasks.reports.catalog.athena import MAX_COMMENT_CHARS, Roots, athena_files
from tasks.reports.catalog.document import COMMAND, tables_document
from tasks.reports.catalog.duckdb_views import delta_source, input_source, script
from tasks.reports.catalog.publications import INPUTS, INTERNAL, PUBLISHED, delta_columns, sql_type
from tasks.reports.catalog.views import PORTABLE, VIEWS
from tasks.reports.catalog.write_catalog import Places, write_athena, write_contract, write_duckdb

DOCS = Path(__file__).parents[2] / "docs"
ROOTS = Roots("s3://moderation", "s3://site/comments", "s3://site/labels", "moderation", date(2026, 1, 1))
ATHENA = (
    "python -m flows catalog --athena docs/athena "
    "--from s3://moderation --comments s3://site/comments --labels s3://site/labels"
)
FILES = athena_files(ROOTS)
GLUE = sorted(name for name in FILES if name.endswith(".json"))
DELTA = [item.table.name for item in PUBLISHED]
PLAIN = [*(f"{item.table.name}_plain" for item in PUBLISHED if item.has_plain), *(table.name for table in INPUTS)]
PROMISED = [*(item.table for item in PUBLISHED), *INPUTS]
COLUMNS = [pytest.param(column, id=f"{table.name}.{column.name}") for table in PROMISED for column in table]


def tables_of_the_contracts() -> Iterator[Table]:
    """Every table that a module of data_contracts defines."""
    for module in pkgutil.iter_modules(data_contracts.__path__):
        found = vars(importlib.import_module(f"data_contracts.{module.name}")).values()
        yield from (value for value in found if isinstance(value, Table))


def test_tables_md_is_current() -> None:
    """docs/tables.md says what the contracts say."""
    written = (DOCS / "tables.md").read_text(encoding="utf-8")
    assert written == tables_document(), f"docs/tables.md is not current: run {COMMAND}"


def test_athena_files_are_current() -> None:
    """docs/athena has the files that the contracts give, and no other."""
    folder = DOCS / "athena"
    written = {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8")
        for path in folder.rglob("*")
        if path.suffix in (".sql", ".json")
    }
    assert written == FILES, f"docs/athena is not current: empty it of .sql and .json and run {ATHENA}"


def test_every_table_is_in_the_catalog() -> None:
    """A table that the contracts define is published, comes in, or is the pipeline's own: somebody decided which."""
    known = {table.name for table in (*PROMISED, *INTERNAL)}
    unknown = {table.name for table in tables_of_the_contracts()} - known
    assert not unknown, "add it to PUBLISHED, INPUTS or INTERNAL in tasks/reports/catalog/publications.py"


@pytest.mark.parametrize("column", COLUMNS)
def test_every_column_is_explained(column: Column) -> None:
    """A column has a meaning in whole words, and says when it is null exactly if it may be."""
    assert column.meaning.endswith((".", "`."))
    assert bool(column.null_when) == column.nullable, "give it null_when=..., what follows 'null when'"
    assert re.fullmatch(r"\d+\.\d+\.\d+", column.since)
    assert sql_type(column.dtype)


@pytest.mark.parametrize("column", COLUMNS)
def test_numbers_have_units_in_their_names_or_columns(column: Column) -> None:
    """Whoever reads a count, tokens or dollars is told the unit."""
    if column.name.endswith(("_tokens", "_usd", "_count")):
        assert column.unit


def test_a_type_that_athena_lacks_is_refused() -> None:
    """An unsigned or nested column would be published under no name that Athena knows."""
    with pytest.raises(ValueError, match="no SQL type"):
        sql_type(pl.UInt32())


@pytest.mark.parametrize("name", DELTA)
def test_a_delta_statement_has_place_and_type_alone(name: str) -> None:
    """Athena takes a Delta table's columns from its log and refuses a statement that says more."""
    assert FILES[f"{name}.sql"] == (
        f"CREATE EXTERNAL TABLE `moderation`.`{name}`\n"
        f"LOCATION 's3://moderation/lake/{name}/'\n"
        "TBLPROPERTIES ('table_type' = 'DELTA')\n"
    )


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_statement_is_well_formed(name: str) -> None:
    """Columns with types and comments, the partition apart from them, and every property of a projected date."""
    text = FILES[f"{name}.sql"]
    table = next(table for table in PROMISED if table.name == name.removesuffix("_plain"))
    head, _, tail = text.partition("\n)\nCOMMENT ")
    declared = [re.fullmatch(r"  `(\w+)` (\w+) COMMENT '([^']*)',?", line) for line in head.splitlines()[1:]]
    assert [(found[1], found[2]) for found in declared if found] == [
        (column.name, sql_type(column.dtype)) for column in delta_columns(table)
    ]
    assert all(declared)
    assert re.match(r"'[^']*'\nPARTITIONED BY \(`date` string COMMENT '[^']*'\)\nSTORED AS PARQUET\nLOCATION ", tail)
    properties = dict(re.findall(r"^  '([\w.]+)' = '([^']*)'", tail, re.MULTILINE))
    root = properties.pop("storage.location.template").removesuffix("/date=${date}/")
    assert f"LOCATION '{root}/'" in tail
    assert properties == {
        "projection.enabled": "true",
        "projection.date.type": "date",
        "projection.date.format": "yyyy-MM-dd",
        "projection.date.range": "2026-01-01,NOW+1DAYS",
        "projection.date.interval": "1",
        "projection.date.interval.unit": "DAYS",
    }
    assert text.count("'") % 2 == 0
    assert ";" not in text, "Athena takes it for the end of the statement"


@pytest.mark.parametrize("name", GLUE)
def test_glue_takes_the_input(name: str) -> None:
    """Each file is what botocore's model of Glue's CreateTable wants, within Glue's limits."""
    parameters = json.loads(FILES[name])
    shape = Session().get_service_model("glue").operation_model("CreateTable").input_shape
    assert ParamValidator().validate(parameters, shape).generate_report() == ""
    entry = parameters["TableInput"]
    columns = [*entry["StorageDescriptor"]["Columns"], *entry["PartitionKeys"]]
    table = next(table for table in PROMISED if table.name == entry["Name"].removesuffix("_plain"))
    assert {column["Name"] for column in columns} == {*table.names, "date"}
    assert len(columns) == len({column["Name"] for column in columns}), "a partition is no column"
    assert max(len(column["Comment"]) for column in columns) <= MAX_COMMENT_CHARS


def test_live_views_are_sql() -> None:
    """The statements for tables in S3 run as they are written, with a stand-in for DuckDB's Delta extension."""
    sources = [delta_source(item.table, f"s3://moderation/lake/{item.table.name}") for item in PUBLISHED]
    text = script([*sources, input_source(INPUTS[0], "s3://site/comments")])
    installed, _, made = text.partition("CREATE OR REPLACE SECRET")
    assert installed.splitlines() == [
        *(f"INSTALL {name};" for name in ("delta", "httpfs", "aws")),
        *(f"LOAD {name};" for name in ("delta", "httpfs", "aws")),
    ]
    # One relation with the columns of all tables is enough to bind each view's own.
    columns = {column.name: column for item in PUBLISHED for column in item.table}
    nulls = ", ".join(f"CAST(NULL AS {_duckdb_type(column)}) AS {column.name}" for column in columns.values())
    with duckdb.connect(config={"autoinstall_known_extensions": "false"}) as connection:
        connection.execute(f"CREATE MACRO delta_scan(uri) AS TABLE SELECT {nulls}")
        for statement in made.partition(";\n")[2].split(";\n"):
            if "read_parquet" not in statement and "comments" not in statement:
                connection.execute(statement or "SELECT 1")
        found = connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
    assert {name for (name,) in found} == {*DELTA, *(view.name for view in PORTABLE)}


def _duckdb_type(column: Column) -> str:
    types = {"string": "VARCHAR", "timestamp": "TIMESTAMPTZ"}
    return types.get(sql_type(column.dtype), sql_type(column.dtype))


def test_views_say_what_they_read() -> None:
    """A view's `needs` are the tables in its query: that is how one is left out whose table cannot be read."""
    for view in VIEWS:
        read = {table.name for table in PROMISED if re.search(rf"\b(FROM|JOIN) {table.name}\b", view.sql)}
        assert read == set(view.needs)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        pytest.param(
            lambda folder: write_duckdb(folder / "x.duckdb", Places.of("s3://moderation", None, None), copy=False),
            "INSTALL delta; INSTALL httpfs; INSTALL aws",
            id="no-extension",
        ),
        pytest.param(
            lambda folder: write_duckdb(folder / "x.duckdb", Places.of("s3://moderation", None, None), copy=True),
            "leave --from away",
            id="copy-of-a-foreign-root",
        ),
        pytest.param(
            lambda folder: write_duckdb(folder / "x.duckdb", Places.of(str(folder), None, None), copy=False),
            "has no folder lake",
            id="no-lake",
        ),
        pytest.param(
            lambda folder: write_athena(folder, Places.of(str(folder), None, None), "moderation", None),
            "needs roots in S3",
            id="athena-over-files",
        ),
        pytest.param(lambda folder: write_contract(folder / "next.json"), "v1.2.3.json", id="contract-without-version"),
    ],
)
def test_wrong_usage_is_told(call: Any, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be made is refused with what to do instead, and leaves no file behind."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))  # where DuckDB's extensions would be
    with pytest.raises(WrongUsage, match=re.escape(told)):
        call(tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.name != "home"] == []
