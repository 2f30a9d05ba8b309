"""The DuckDB file: a view for each table, with its meaning and those of its columns, and the views over them.

Three kinds of source. Tables in S3 are read by DuckDB's own Delta extension, so a view always shows the present. A
local copy is read as the Parquet files that the table's version names, which takes no extension; the view keeps showing
that version. And `copy` stores the rows in the file itself, read by this program, which works wherever it works.
Source: https://duckdb.org/docs/current/core_extensions/delta.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from data_contracts.tables.table import Column, Table
from tasks.base.errors import WrongUsage
from tasks.reports.catalog.athena import told
from tasks.reports.catalog.publications import PARTITION, sql_type
from tasks.reports.catalog.views import VIEWS

if TYPE_CHECKING:
    import duckdb

_TYPES = {"string": "VARCHAR", "int": "INTEGER", "timestamp": "TIMESTAMP WITH TIME ZONE"}

#: What a session needs before it can read tables in S3; the database file does not keep it.
EXTENSIONS = ("delta", "httpfs", "aws")
SESSION = (*(f"LOAD {name}" for name in EXTENSIONS), "CREATE OR REPLACE SECRET (TYPE s3, PROVIDER credential_chain)")


class Source(NamedTuple):
    """A table as DuckDB is to read it.

    Attributes:
        table: its columns.
        relation: what stands after FROM; None if there is nothing yet.
        present: the columns that are there; those of a later version are null.
        is_input: whether somebody else writes it, and it may be absent.
    """

    table: Table
    relation: str | None
    present: frozenset[str]
    is_input: bool = False


def delta_source(table: Table, uri: str) -> Source:
    """A Delta table in S3, as it is whenever somebody asks."""
    return Source(table, f"delta_scan({quoted(uri)})", frozenset(table.names))


def files_source(table: Table, files: Sequence[str], present: frozenset[str]) -> Source:
    """A Delta table's version as the files that it reads."""
    if not files:
        return Source(table, None, frozenset())
    return Source(table, f"read_parquet([{', '.join(map(quoted, sorted(files)))}], {_HIVE})", present)


def input_source(table: Table, root: str) -> Source:
    """What came in, whatever files there are when somebody asks: those that a night reads, but without a suffix none.

    The day is cut out of the name, not taken for a partition: DuckDB refuses files of which some lie in further
    subfolders `key=value`, and would take such a key for the column of its name. It still opens the asked days alone.
    """
    pattern = quoted(f"{root}/date=*/**/*.[pP][aA][rR][qQ][uU][eE][tT]")
    how = "filename = 'source_object', file_row_number = true, hive_partitioning = false, union_by_name = true"
    relation = (
        f"(SELECT *, file_row_number AS source_row, TRY_CAST(regexp_extract(source_object, {quoted(_READ)}, 1) AS DATE)"
        f" AS date\nFROM read_parquet({pattern}, {how}))\nWHERE date IS NOT NULL"
    )
    read = _as_read(table)
    return Source(read, relation, frozenset(read.names), is_input=True)


_BATCH_ROWS = 100_000
#: A file that a night reads, and its day; see `tasks/intake/input_files.py`, which has the rule.
_READ = r"/date=([0-9]{4}-[0-9]{2}-[0-9]{2})/(?:[^/_.=][^/=]*=[^/]*/)*[^/_.][^/]*\.(?i:parquet)$"
_HIVE = "hive_partitioning = true, hive_types = {'date': DATE}, union_by_name = true"


def source_statements(source: Source) -> Iterator[str]:
    """What makes a view of a source."""
    yield f"CREATE OR REPLACE VIEW {source.table.name} AS\n{_select(source)}"
    yield from _comments("VIEW", source.table)


def view_statements(names: set[str]) -> Iterator[str]:
    """The views whose tables are among `names`."""
    for view in VIEWS:
        if names.issuperset(view.needs):
            yield f"CREATE OR REPLACE VIEW {view.name} AS\n{view.sql}"
            yield f"COMMENT ON VIEW {view.name} IS {quoted(view.meaning)}"


def table_statements(table: Table) -> Iterator[str]:
    """What makes a table of its own, empty."""
    columns = ", ".join(f"{column.name} {_type(column)}" for column in table)
    yield f"CREATE TABLE {table.name} ({columns})"
    yield from _comments("TABLE", table)


def script(sources: Sequence[Source]) -> str:
    """All of it as one SQL file, for a DuckDB that has its extensions."""
    made = [statement for source in sources for statement in source_statements(source)]
    made += view_statements({source.table.name for source in sources})
    installed = [f"INSTALL {name}" for name in EXTENSIONS]
    return "".join(f"{statement};\n" for statement in (*installed, *SESSION, *made))


class Written(NamedTuple):
    """What became of a database file: the names in it, and what could not be read, each with why."""

    names: list[str]
    left_out: list[str]


def write_views(path: Path, sources: Sequence[Source]) -> Written:
    """Write the database file; an input that cannot be read is left out, a published table has to be there.

    Raises:
        WrongUsage: if DuckDB cannot read a published table, with what it says.
    """
    import duckdb

    made, left_out = set(), []
    with _new_database(path) as connection:
        if any(source.relation and source.relation.startswith("delta_scan") for source in sources):
            _open_s3(connection)
        for source in sources:
            try:
                for statement in source_statements(source):
                    connection.execute(statement)
            except duckdb.Error as error:
                reason = str(error).splitlines()[0]
                if not source.is_input:
                    raise WrongUsage(f"DuckDB cannot read {source.table.name}: {reason}") from None
                left_out.append(f"{source.table.name}: {reason}")
                continue
            made.add(source.table.name)
        for statement in view_statements(made):
            connection.execute(statement)
        return Written(_names(connection), left_out)


def write_copy(path: Path, frames: Sequence[tuple[Table, pl.LazyFrame]]) -> Written:
    """Write the database file with the rows in it, batch by batch."""
    with _new_database(path) as connection:
        for table, frame in frames:
            for statement in table_statements(table):
                connection.execute(statement)
            for batch in frame.select(table.names).collect_batches(chunk_size=_BATCH_ROWS):
                connection.register("batch", batch.to_arrow())
                connection.execute(f"INSERT INTO {table.name} SELECT * FROM batch")
                connection.unregister("batch")
        for statement in view_statements({table.name for table, _ in frames}):
            connection.execute(statement)
        return Written(_names(connection), [])


def quoted(text: str) -> str:
    """A text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def _select(source: Source) -> str:
    if source.relation is None:
        nulls = ", ".join(f"CAST(NULL AS {_type(column)}) AS {column.name}" for column in source.table)
        return f"SELECT {nulls} WHERE false"
    columns = ", ".join(
        column.name if column.name in source.present else f"CAST(NULL AS {_type(column)}) AS {column.name}"
        for column in source.table
    )
    return f"SELECT {columns}\nFROM {source.relation}"


def _comments(kind: str, table: Table) -> Iterator[str]:
    yield f"COMMENT ON {kind} {table.name} IS {quoted(table.meaning)}"
    for column in table:
        yield f"COMMENT ON COLUMN {table.name}.{column.name} IS {quoted(told(column))}"


def _as_read(table: Table) -> Table:
    """An input table with where each row came from: what `rejected` is told apart by."""
    origin = (
        PARTITION,
        Column("source_object", pl.String(), "The file that the row is in."),
        Column("source_row", pl.Int64(), "Row number within the file, from 0."),
    )
    return Table(table.name, table.meaning, (*table.columns, *origin), table.key)


def _type(column: Column) -> str:
    name = sql_type(column.dtype)
    return _TYPES.get(name, name.upper())


@contextmanager
def _new_database(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A new database file, which takes the place of an older one when all is well."""
    import duckdb  # only this command takes it

    unfinished = path.with_name(f"{path.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    try:
        # Nothing is fetched behind anybody's back: an extension is there, or the reader is told that it is not.
        with duckdb.connect(str(unfinished), config={"autoinstall_known_extensions": "false"}) as connection:
            yield connection
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _open_s3(connection: duckdb.DuckDBPyConnection) -> None:
    import duckdb

    try:
        for statement in SESSION:
            connection.execute(statement)
    except duckdb.Error as error:
        installs = "; ".join(f"INSTALL {name}" for name in EXTENSIONS)
        raise WrongUsage(
            f"DuckDB reads S3 with extensions that are not here ({str(error).splitlines()[0]}): run `{installs}` once "
            "where it may fetch them; or take --duckdb FILE.sql for the statements, --copy for the rows, "
            "--from FOLDER for a copy of the output root"
        ) from None


def _names(connection: duckdb.DuckDBPyConnection) -> list[str]:
    rows = connection.execute("SELECT table_name FROM information_schema.tables ORDER BY table_name").fetchall()
    return [name for (name,) in rows]
