"""Local Parquet files as they are, wherever they lie."""

from __future__ import annotations

import ast
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tasks.base.frames import scan_file

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


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_scan_says_what_folders_mean(source: Path) -> None:
    """Left to itself polars decides by the path whether `key=value` folders are columns."""
    calls = (node for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))
    for call in calls:
        if isinstance(call.func, ast.Attribute) and call.func.attr in ("scan_parquet", "read_parquet"):
            assert "hive_partitioning" in {keyword.arg for keyword in call.keywords}, f"line {call.lineno}"
