"""Local Parquet files as they are, wherever they lie."""

from __future__ import annotations

import ast
import hashlib
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tasks.base import frames
from tasks.base.frames import buckets, lay_by_range, scan_file

ROOT = Path(__file__).parents[3]
SOURCES = sorted((ROOT / "tasks").rglob("*.py"))


@pytest.mark.parametrize("folder", ["env=prod", "a=1/a=2", "[x]", "*", "?", "a b", "日本"])
def test_a_folders_name_is_nobodys_column(folder: str, tmp_path: Path) -> None:
    """A temporary folder may be called anything: its `key=value` is no column, its pattern no other file."""
    frame = pl.DataFrame({"a": [7], "env": ["own"]})
    path = tmp_path / folder / "rows.parquet"
    path.parent.mkdir(parents=True)
    frame.write_parquet(path)
    assert_frame_equal(scan_file(path).collect(), frame)


@pytest.mark.parametrize("row_count", [0, 1, 999])
def test_a_range_lies_together_and_nothing_is_lost(
    row_count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ranges follow one another, the rows of each in the order that they had, and all rows are there."""
    monkeypatch.setattr(frames, "ROWS", 100)
    monkeypatch.setattr(frames, "_DEALT_ROWS", 70)
    ids = [hashlib.sha256(str(number).encode()).hexdigest()[:32] for number in range(row_count)]
    rows = pl.DataFrame({"record_id": ids, "row": range(row_count)}, schema={"record_id": pl.String, "row": pl.Int64})
    source, target = tmp_path / "source.parquet", tmp_path / "target.parquet"
    rows.write_parquet(source)
    lay_by_range(source, target, row_count, tmp_path)
    ranges = [rows.filter(bucket.holds(pl.col("record_id"))) for bucket in buckets(row_count)]
    assert_frame_equal(pl.read_parquet(target, hive_partitioning=False), pl.concat(ranges))
    assert pl.concat(ranges).height == row_count
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("range-")] == []


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_scan_says_what_folders_mean(source: Path) -> None:
    """Left to itself polars decides by the path whether `key=value` folders are columns."""
    calls = (node for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))
    for call in calls:
        if isinstance(call.func, ast.Attribute) and call.func.attr in ("scan_parquet", "read_parquet"):
            assert "hive_partitioning" in {keyword.arg for keyword in call.keywords}, f"line {call.lineno}"
