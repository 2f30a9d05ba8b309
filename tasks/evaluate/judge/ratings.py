"""People's ratings of explanations: a sheet that goes out, and files that come back."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from tasks.base.errors import BadRows, WrongUsage
from tasks.base.safe_text import brief
from tasks.evaluate.judge.criteria import CRITERIA, Explained

#: Columns of the sheet; a rater fills in the name and the criteria, true or false.
COLUMNS = ("comment_id", "text", "category", "explanation", "rater", *CRITERIA)
_NEEDED = ("comment_id", "rater", *CRITERIA)
RATINGS = pl.Schema({"comment_id": pl.String, "rater": pl.String, **dict.fromkeys(CRITERIA, pl.Boolean)})


def write_sheet(path: Path, sample: Sequence[Explained]) -> None:
    """A CSV for a rater, UTF-8 with a byte-order mark: the judge's reply is not in it. It holds customers' texts.

    Raises:
        WrongUsage: if the file is there already, or cannot be written.
    """
    target = io.StringIO(newline="")
    writer = csv.writer(target)
    writer.writerow(COLUMNS)
    for one in sample:
        writer.writerow((one.comment_id, one.text, one.category, one.explanation, "", *("" for _ in CRITERIA)))
    try:
        with path.open("xb") as file:
            file.write(target.getvalue().encode("utf-8-sig"))
    except OSError as error:
        raise WrongUsage(f"{path}: {error.strerror}") from None


def read_ratings(files: Sequence[Path]) -> pl.DataFrame:
    """The ratings of all files, with the columns of RATINGS; rows without any criterion are not rated yet.

    Raises:
        BadRows: naming file and line of each row that cannot be taken: nothing is.
        WrongUsage: if a file cannot be read.
    """
    rows, faults = dict[tuple[str, str], dict[str, object]](), list[str]()
    for path in files:
        for line, values in _lines(path):
            if not any((values.get(name) or "").strip() for name in CRITERIA):
                continue
            try:
                row = _rating(values)
            except ValueError as error:
                faults.append(f"{path} line {line}: {error}")
                continue
            if (key := (str(row["comment_id"]), str(row["rater"]))) in rows:
                faults.append(f"{path} line {line}: {key[1]} rated {key[0]} already")
            rows[key] = row
    if faults:
        raise BadRows(faults)
    return pl.DataFrame(list(rows.values()), schema=RATINGS)


def _lines(path: Path) -> list[tuple[int, Mapping[str, str | None]]]:
    try:
        reader = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline=""))
        lacking = [name for name in _NEEDED if name not in (reader.fieldnames or ())]
        if lacking:
            raise BadRows([f"{path} line 1: there is no column {lacking[0]}"])
        return [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise WrongUsage(f"{path}: {error}") from None


def _rating(values: Mapping[str, str | None]) -> dict[str, object]:
    """Raises ValueError with what is wrong with a row."""
    row: dict[str, object] = {}
    for name in ("comment_id", "rater"):
        row[name] = (values.get(name) or "").strip()
        if not row[name]:
            raise ValueError(f"{name} is empty")
    for name in CRITERIA:
        word = (values.get(name) or "").strip().lower()
        if word not in ("true", "false"):
            raise ValueError(f"{name} is {brief(word, 40) or 'empty'}: write true or false")
        row[name] = word == "true"
    return row
