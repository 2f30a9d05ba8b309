"""A person's file of labelled comments: three forms say the same, and what is wrong names its line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.base.errors import BadRows, WrongUsage
from tasks.evaluate.sets.set_files import read_items

CATEGORIES = ("spam", "none")
ROWS: list[dict[str, Any]] = [
    {"text": "買え、\n今すぐ", "violation": True, "category": "spam", "weight": 2.0},
    {"text": 'fine, "really"', "violation": False, "category": "none", "weight": None},
]


def write(rows: list[dict[str, Any]], path: Path) -> Path:
    frame = pl.DataFrame(rows)
    if path.suffix == ".csv":
        frame.write_csv(path)
    elif path.suffix == ".parquet":
        frame.write_parquet(path)
    else:
        path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("ends", [".csv", ".jsonl", ".parquet"])
def test_each_form_says_the_same(ends: str, tmp_path: Path) -> None:
    """Text to the letter, labels, and null where nothing is said."""
    items = read_items([write(ROWS, tmp_path / f"set{ends}")], CATEGORIES)
    assert [(item.text, item.violation, item.category, item.weight) for item in items] == [
        (row["text"], row["violation"], row["category"], row["weight"]) for row in ROWS
    ]


@pytest.mark.parametrize(("ends", "place"), [(".csv", "line 4"), (".jsonl", "line 2"), (".parquet", "row 2")])
def test_a_bad_row_names_its_place(ends: str, place: str, tmp_path: Path) -> None:
    """The header and the line breaks within a text are counted, as an editor does."""
    rows = [ROWS[0], ROWS[1] | {"category": "rudeness"}]
    with pytest.raises(BadRows, match=f"set{ends} {place}: category is rudeness"):
        read_items([write(rows, tmp_path / f"set{ends}")], CATEGORIES)


@pytest.mark.parametrize("ends", [".csv", ".jsonl", ".parquet"])
def test_a_missing_column_is_named(ends: str, tmp_path: Path) -> None:
    """A file without a needed column is refused whole."""
    rows = [{name: row[name] for name in ("text", "violation")} for row in ROWS]
    with pytest.raises(BadRows, match="no column category"):
        read_items([write(rows, tmp_path / f"set{ends}")], CATEGORIES)


def test_no_such_file(tmp_path: Path) -> None:
    """A name that says no form, and a file that is not there, are wrong usage."""
    with pytest.raises(WrongUsage, match=r"must end in \.csv"):
        read_items([tmp_path / "set.xlsx"], CATEGORIES)
    with pytest.raises(WrongUsage, match="No such file"):
        read_items([tmp_path / "set.csv"], CATEGORIES)
