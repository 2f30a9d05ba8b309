"""A day's past in a Delta table can be let go, and the log tells no id and no text."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from deltalake import DeltaTable

from data_contracts.tables.comments import REJECTED
from tasks.adapters.aws import AwsEnvironment, shared
from tasks.adapters.lake import Lake
from tasks.adapters.lake_history import Forgotten, forget_history
from tasks.adapters.storage import Storage

DAY, NEXT_DAY = date(2026, 11, 19), date(2026, 11, 20)
NOON = datetime(2026, 11, 19, 3, tzinfo=UTC)


class Shore:
    """A rejected table on disk."""

    def __init__(self, root: Path) -> None:
        aws = shared(AwsEnvironment())
        self.lake, self.storage, self.uri = Lake(aws), Storage(aws), str(root / "rejected")

    def create_as_before(self) -> None:
        """The table as a deltalake that knows no better makes it: the log keeps the bounds of every column."""
        DeltaTable.create(self.uri, REJECTED.arrow_schema, partition_by=["date"])

    def replace(self, day: date, *ids: str) -> None:
        rows = [
            {
                **dict.fromkeys(REJECTED.names),
                "date": day,
                "comment_id": name,
                "text": f"text of {name}",
                "posted_at": NOON,
                "source_object": "o",
                "source_row": row,
                "reason": "too_long",
                "run_id": "r",
            }
            for row, name in enumerate(ids)
        ]
        frame = pl.DataFrame(rows, schema=REJECTED.polars_schema)
        batches: list[pa.RecordBatch] = frame.to_arrow().cast(REJECTED.arrow_schema).to_batches()
        self.lake.replace_day(self.uri, REJECTED, day, batches, {})

    def ids(self, version: int | None = None, day: date = DAY) -> list[str]:
        frame = pl.scan_delta(DeltaTable(self.uri, version=version)).filter(pl.col("date") == day)
        return frame.select("comment_id").collect().to_series().sort().to_list()

    def forget(self) -> Forgotten:
        return forget_history(self.lake, self.storage, self.uri, REJECTED, DAY)

    def log_says(self, word: str) -> list[str]:
        """Log files with a word, checkpoints decoded."""
        found = []
        for path in sorted(Path(self.uri, "_delta_log").iterdir()):
            said = path.read_bytes()
            if path.suffix == ".parquet":
                said += str(pl.read_parquet(path).to_dicts()).encode()
            if word.encode() in said:
                found.append(path.name)
        return found


@pytest.fixture
def shore(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shore:
    monkeypatch.setenv("AWS_REGION", "ap-northeast-1")
    return Shore(tmp_path)


def test_the_log_of_our_tables_tells_no_strings(shore: Shore) -> None:
    """Neither a commit nor a checkpoint holds the smallest or largest id, text or user."""
    for number in range(12):
        shore.replace(DAY, f"first-{number}", f"last-{number}")
    assert any(path.name.endswith(".checkpoint.parquet") for path in Path(shore.uri, "_delta_log").iterdir())
    assert shore.log_says("first-") == shore.log_says("last-") == shore.log_says("text of") == []
    assert shore.log_says("numRecords")


def test_a_forgotten_past_cannot_be_read(shore: Shore) -> None:
    """The day's old files go, its present rows and the other days' past stay."""
    shore.replace(DAY, "gone", "a")
    shore.replace(NEXT_DAY, "x")
    shore.replace(NEXT_DAY, "y")
    shore.replace(DAY, "a")
    assert shore.forget() == Forgotten(file_count=1, log_count=0)
    assert shore.ids() == ["a"]
    assert (shore.ids(2, NEXT_DAY), shore.ids(3, NEXT_DAY)) == (["x"], ["y"])
    with pytest.raises((FileNotFoundError, OSError, pl.exceptions.PolarsError)):
        shore.ids(1)
    assert shore.forget() == Forgotten(0, 0)


@pytest.mark.parametrize("commits", [pytest.param(1, id="commits"), pytest.param(100, id="checkpoint")])
def test_the_log_of_an_older_table_is_cleared(shore: Shore, commits: int) -> None:
    """Bounds of the day's old files are taken out of commits and checkpoints; the table reads as before."""
    shore.create_as_before()
    shore.replace(NEXT_DAY, "x")
    shore.replace(DAY, "gone", "a")
    if commits == 100:
        DeltaTable(shore.uri).create_checkpoint()
    assert shore.log_says("gone")
    shore.replace(DAY, "a")
    assert shore.forget().file_count == 1
    assert shore.log_says("gone") == []
    assert (shore.ids(), shore.ids(day=NEXT_DAY)) == (["a"], ["x"])
    shore.replace(DAY, "b")
    assert shore.ids() == ["b"]
