"""The answers of a file, whatever its form, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import NamedTuple

from tasks.base.errors import WrongUsage
from tasks.labels.exchange.answers import Answer, Rules, read_answer
from tasks.labels.exchange.csv_form import read_csv
from tasks.labels.exchange.forms import BadPlace, Contents, form_of
from tasks.labels.exchange.label_studio import read_label_studio
from tasks.labels.exchange.row_forms import read_jsonl, read_parquet

READERS = {"csv": read_csv, "jsonl": read_jsonl, "parquet": read_parquet, "label-studio": read_label_studio}


class Row(NamedTuple):
    """An answer, and where it stands."""

    file: Path
    place: str
    answer: Answer


class FileAnswers(NamedTuple):
    """What a file says.

    Attributes:
        rows: its answers.
        faults: a line for each row that cannot be taken.
        open_count: rows that their rater has left open.
        contents: as it was read.
    """

    rows: tuple[Row, ...]
    faults: tuple[str, ...]
    open_count: int
    contents: Contents


def read_answers(path: Path, rules: Rules) -> FileAnswers:
    """The answers of a file, and what is wrong with it.

    Raises:
        WrongUsage: if there is no such file, or its name says no form.
    """
    reader = READERS[form_of(path)]
    try:
        contents = reader(path.read_bytes())
    except OSError as error:
        raise WrongUsage(f"{path}: {error.strerror}") from None
    except BadPlace as error:
        return FileAnswers((), (f"{path} {error}",), 0, Contents(()))
    rows, faults, open_count = list[Row](), list[str](), 0
    for place, values in contents.rows:
        try:
            answer = read_answer(values, rules)
        except ValueError as error:
            faults.append(f"{path} {place}: {error}")
            continue
        if answer is None:
            open_count += 1
        else:
            rows.append(Row(path, place, answer))
    return FileAnswers(tuple(rows), tuple(faults), open_count, contents)


def contradictions(rows: Iterable[Row]) -> list[str]:
    """A line for each answer that says something else than another one of the same rater on the same comment.

    Two files that were answered at different times, and say so, are a correction.
    """
    known: dict[tuple[date, str, str], Row] = {}
    faults = []
    for row in rows:
        answer = row.answer
        other = known.setdefault((answer.run_date, answer.comment_id, answer.labeler), row)
        says, said = ((each.violation, each.category, each.source) for each in (answer, other.answer))
        is_correction = row.file != other.file and answer.labeled_at != other.answer.labeled_at
        if says != said and not is_correction:
            faults.append(f"{row.file} {row.place}: {other.file} {other.place} says something else of the same comment")
    return faults
