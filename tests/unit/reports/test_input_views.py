"""What analysts read of what came in is what nights read of it, wherever in a day's folder it lies."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest

from data_contracts.tables.comments import COMMENTS
from docs.queries import Tables
from tasks.adapters.storage import FileStore
from tasks.intake.input_files import name_in, sort_out
from tasks.reports.catalog.duckdb_views import input_source, source_statements
from tasks.reports.catalog.views import VERDICT_TEXTS
from tests import factories

DAY = factories.RUN_DATE
NAMES = [
    "part-0.parquet", "B.PARQUET", "C.Parquet", "hour=05/part-0.parquet", "hour=05/minute=3/part-0.PARQUET",
    "product_id=p9/part-0.parquet", "date=2026-01-01/part-0.parquet", "hour=/sp ace%20日本.parquet",
    "_tmp-0.parquet", ".part-0.parquet", "_temporary/k=1/part-0.parquet", "_k=1/part-0.parquet", "sub/part-0.parquet",
    "x.parquet/part-0.parquet", "a=1/sub/part-0.parquet",
]  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A day with a comment in each file, whose text is the file's name, and a later day."""
    root = tmp_path / "in=1/date=2020-01-01/comments"
    for day, names in ((DAY, NAMES), (date(2026, 12, 1), ["later.parquet"])):
        for name in names:
            path = root / f"date={day}/{name}"
            path.parent.mkdir(parents=True, exist_ok=True)
            hour = {"hour": [1]} if name == "part-0.parquet" else {}
            rows = factories.comments({"comment_id": name, "text": name})
            rows.with_columns(pl.Series(key, value) for key, value in hour.items()).write_parquet(path)
    (root / f"date={DAY}/_SUCCESS").touch()
    (root / f"date={DAY}/notes.csv").write_text("no part of the day")
    return root


def read_by_nights(root: Path) -> list[str]:
    folder = f"{root}/date={DAY}"
    files = sort_out(FileStore().list(folder), folder, lambda _: False)
    return sorted(name_in(item.uri, folder) for item in files.read)


def test_the_view_reads_what_nights_read(root: Path) -> None:
    """Any case, further subfolders in some places only, keys that are called as columns; nothing that is hidden."""
    with duckdb.connect() as connection:
        for statement in source_statements(input_source(COMMENTS, str(root))):
            connection.execute(statement)
        found = connection.execute(
            "SELECT text, comment_id, product_id, source_row FROM comments WHERE date = ? ORDER BY text", [DAY]
        ).fetchall()
        days = connection.execute("SELECT date, count(*) FROM comments GROUP BY 1 ORDER BY 1").fetchall()
    names = read_by_nights(root)
    assert len(names) == 8
    assert found == [(name, name, "p1", 0) for name in names]
    assert days == [(DAY, 8), (date(2026, 12, 1), 1)]


def test_a_rejected_row_hides_no_other_files(root: Path, tmp_path: Path) -> None:
    """Two files of one name lie in two subfolders: the row that was rejected is told by both names."""
    with duckdb.connect() as connection:
        for statement in source_statements(input_source(COMMENTS, str(root))):
            connection.execute(statement)
        connection.execute("CREATE TABLE verdicts AS SELECT date, comment_id, product_id, posted_at FROM comments")
        uri = f"s3://elsewhere/comments/date={DAY}/hour=05/part-0.parquet"
        connection.execute(
            f"CREATE TABLE rejected AS SELECT DATE '{DAY}' AS date, '{uri}' AS source_object, 0 AS source_row"
        )
        connection.execute(f"CREATE VIEW {VERDICT_TEXTS.name} AS {VERDICT_TEXTS.sql}")
        found = connection.execute(f"SELECT comment_id FROM {VERDICT_TEXTS.name} WHERE date = ?", [DAY]).fetchall()  # noqa: S608
    names = read_by_nights(root)
    assert sorted(name for (name,) in found) == [name for name in names if name != "hour=05/part-0.parquet"]


def test_the_worked_query_reads_labels_alike(root: Path) -> None:
    """In Polars, of the files that are called so in small letters."""
    labels = Tables("unused", labels_uri=str(root)).labels().collect()
    small = [name for name in read_by_nights(root) if name.endswith(".parquet")]
    assert sorted(labels.filter(pl.col("date") == DAY)["comment_id"]) == small
