"""Athena and Glue: one statement a file for each table and view, and the same tables as Glue's CreateTable input.

Athena reads a Delta table's columns from its log, so that its statement has a place and a type and nothing else.
Source: https://docs.aws.amazon.com/athena/latest/ug/delta-lake-tables-getting-started.html for the statement,
https://docs.aws.amazon.com/athena/latest/ug/delta-lake-tables-syncing-metadata.html for Glue's input (and that views
and Lake Formation want its columns to be the log's), and
https://docs.aws.amazon.com/athena/latest/ug/partition-projection-supported-types.html for the plain objects.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from typing import Any, NamedTuple

from data_contracts.tables.table import Column, Table
from tasks.reports.catalog.publications import INPUTS, PARTITION, PUBLISHED, delta_columns, sql_type
from tasks.reports.catalog.views import PORTABLE

#: Longest comment of a column in Glue, in characters. Source: the Glue API reference, Column.
MAX_COMMENT_CHARS = 255

#: Where Athena looks for days from, unless somebody says otherwise.
FIRST_DAY = date(2026, 1, 1)

_PARQUET = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
}
_PARQUET_SERDE = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"


class Roots(NamedTuple):
    """Where the tables lie, and what they are called in the catalog.

    Attributes:
        output: the output root.
        comments: the comments' root.
        labels: the labels' root.
        database: Glue's database.
        first_day: the first day that a projected partition is looked for.
    """

    output: str
    comments: str
    labels: str
    database: str
    first_day: date

    def of_input(self, table: Table) -> str:
        """Root of an input table."""
        return {"comments": self.comments, "labels": self.labels}[table.name]


def athena_files(roots: Roots) -> dict[str, str]:
    """Every file of the registration by its name: NAME.sql for Athena, glue/NAME.json for Glue."""
    files = {"_database.sql": f"CREATE DATABASE IF NOT EXISTS `{roots.database}`\n"}
    for publication in PUBLISHED:
        table = publication.table
        location = f"{roots.output}/lake/{table.name}/"
        files[f"{table.name}.sql"] = delta_statement(roots.database, table.name, location)
        files[f"glue/{table.name}.json"] = _json(delta_input(roots.database, table, location))
    for name, table, root in _plain_tables(roots):
        files[f"{name}.sql"] = plain_statement(roots, name, table, root)
        files[f"glue/{name}.json"] = _json(plain_input(roots, name, table, root))
    for view in PORTABLE:
        files[f"{view.name}.sql"] = f'CREATE OR REPLACE VIEW "{view.name}" AS\n{view.sql}\n'
    return files


def delta_statement(database: str, name: str, location: str) -> str:
    """Athena's statement for a Delta table; more than place and type it does not allow."""
    return (
        f"CREATE EXTERNAL TABLE `{database}`.`{name}`\nLOCATION '{location}'\nTBLPROPERTIES ('table_type' = 'DELTA')\n"
    )


def plain_statement(roots: Roots, name: str, table: Table, root: str) -> str:
    """Athena's statement for one Parquet object a day, whose partitions it works out and never lists."""
    columns = ",\n".join(f"  {_column(column)}" for column in delta_columns(table))
    properties = ",\n".join(f"  '{key}' = '{value}'" for key, value in _projection(roots, root).items())
    return f"""CREATE EXTERNAL TABLE IF NOT EXISTS `{roots.database}`.`{name}` (
{columns}
)
COMMENT '{_comment(table.meaning)}'
PARTITIONED BY (`{PARTITION.name}` string COMMENT '{_comment(PARTITION.meaning)}')
STORED AS PARQUET
LOCATION '{root}/'
TBLPROPERTIES (
{properties}
)
"""


def delta_input(database: str, table: Table, location: str) -> dict[str, Any]:
    """The parameters of Glue's CreateTable for a Delta table, columns and their meanings included."""
    partition = next(column for column in table if column.name == PARTITION.name)
    return {
        "DatabaseName": database,
        "TableInput": {
            "Name": table.name,
            "Description": table.meaning,
            "TableType": "EXTERNAL_TABLE",
            "PartitionKeys": [_glue_column(partition)],
            "Parameters": {
                "EXTERNAL": "TRUE",
                "classification": "delta",
                "table_type": "delta",
                "spark.sql.sources.provider": "delta",
            },
            "StorageDescriptor": {
                "Columns": [_glue_column(column) for column in delta_columns(table)],
                "Location": location,
                "SerdeInfo": {"Parameters": {"serialization.format": "1", "path": location}},
            },
        },
    }


def plain_input(roots: Roots, name: str, table: Table, root: str) -> dict[str, Any]:
    """The parameters of Glue's CreateTable for one Parquet object a day."""
    return {
        "DatabaseName": roots.database,
        "TableInput": {
            "Name": name,
            "Description": table.meaning,
            "TableType": "EXTERNAL_TABLE",
            "PartitionKeys": [{**_glue_column(PARTITION), "Type": "string"}],
            "Parameters": {"EXTERNAL": "TRUE", "classification": "parquet", **_projection(roots, root)},
            "StorageDescriptor": {
                "Columns": [_glue_column(column) for column in delta_columns(table)],
                "Location": f"{root}/",
                **_PARQUET,
                "SerdeInfo": {"SerializationLibrary": _PARQUET_SERDE, "Parameters": {"serialization.format": "1"}},
            },
        },
    }


def _plain_tables(roots: Roots) -> Iterator[tuple[str, Table, str]]:
    for publication in PUBLISHED:
        if publication.has_plain:
            table = publication.table
            yield f"{table.name}_plain", table, f"{roots.output}/{table.name}"
    for table in INPUTS:
        yield table.name, table, roots.of_input(table)


def _projection(roots: Roots, root: str) -> dict[str, str]:
    """Partition projection. NOW is in UTC, and the site's day may be ahead of it."""
    name = PARTITION.name
    return {
        "projection.enabled": "true",
        f"projection.{name}.type": "date",
        f"projection.{name}.format": "yyyy-MM-dd",
        f"projection.{name}.range": f"{roots.first_day},NOW+1DAYS",
        f"projection.{name}.interval": "1",
        f"projection.{name}.interval.unit": "DAYS",
        "storage.location.template": f"{root}/{name}=${{{name}}}/",
    }


def _column(column: Column) -> str:
    return f"`{column.name}` {sql_type(column.dtype)} COMMENT '{_comment(told(column))}'"


def _glue_column(column: Column) -> dict[str, str]:
    return {"Name": column.name, "Type": sql_type(column.dtype), "Comment": _cut(told(column))}


def told(column: Column) -> str:
    """Meaning, unit and nulls of a column in one line."""
    unit = f" Unit: {column.unit}." if column.unit else ""
    null = f" Null when {column.null_when}." if column.null_when else ""
    return f"{column.meaning}{unit}{null}"


def _comment(text: str) -> str:
    """A text that needs no escape in Athena's DDL, whichever way it would be escaped."""
    return _cut(text).replace("'", "’").replace(";", ",").replace("`", "")


def _cut(text: str) -> str:
    return text if len(text) <= MAX_COMMENT_CHARS else text[: MAX_COMMENT_CHARS - 4].rsplit(" ", 1)[0] + " ..."


def _json(parameters: dict[str, Any]) -> str:
    return json.dumps(parameters, indent=2, ensure_ascii=False) + "\n"
