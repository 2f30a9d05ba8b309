"""Takes raters' answers from files into the label files of their days: all of them, or none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

from tasks import adapters
from tasks.adapters import Adapters
from tasks.adapters.lake import reading_lake
from tasks.base.errors import BadRows
from tasks.base.paths import DayPaths
from tasks.base.settings import Settings
from tasks.labels.exchange.answer_files import contradictions, read_answers
from tasks.labels.exchange.answers import Rules
from tasks.labels.exchange.asked import Requests, label_of
from tasks.labels.label_objects import Label, PutLabels, labels_frame, put_labels
from tasks.labels.requests import read_day_labels
from tasks.ledger.champion import serving
from tasks.llm.prompt import load_prompt


class ImportedDay(NamedTuple):
    """What came of a file for one day.

    Attributes:
        label_count: labels in the file.
        put: where they are.
        overruled_count: of these, labels that do not count: the same rater has a later word on the comment.
    """

    run_date: date
    label_count: int
    put: PutLabels
    overruled_count: int


class ImportedFile(NamedTuple):
    """What came of a file."""

    file: Path
    days: tuple[ImportedDay, ...]
    open_count: int
    cancelled_count: int
    notices: tuple[str, ...]


@reading_lake()
def import_labels(settings: Settings, files: Sequence[Path], now: datetime) -> list[ImportedFile]:
    """Write the answers of all files; with a single bad row nothing of any file is written.

    Raises:
        BadRows: naming file and line of each row that cannot be taken.
        WrongUsage: if there is no such file, or its name says no form.
        StorageRefused: if the caller may not write below LABELS_URI; what was written before stays, and the same call
            again goes on.
    """
    outside = adapters.connect(settings)
    named = serving(settings)
    categories = load_prompt(named.prompt, named.prompt_version).categories
    read = [read_answers(path, Rules(categories, settings.zone, now)) for path in files]
    faults = [fault for each in read for fault in each.faults]
    faults += contradictions(row for each in read for row in each.rows)
    requests, labels = Requests(outside, settings), list[dict[date, list[Label]]]()
    for each in read:
        by_day = defaultdict[date, list[Label]](list)
        for row in each.rows:
            request = requests.find(row.answer.run_date, row.answer.comment_id)
            try:
                by_day[row.answer.run_date].append(label_of(row.answer, request, now))
            except ValueError as error:
                faults.append(f"{row.file} {row.place}: {error}")
        labels.append(by_day)
    if faults:
        raise BadRows(faults)
    return [
        ImportedFile(
            path,
            tuple(_put_day(outside, DayPaths(settings, day), _once(rows)) for day, rows in sorted(by_day.items())),
            each.open_count,
            each.contents.cancelled_count,
            each.contents.notices,
        )
        for path, each, by_day in zip(files, read, labels, strict=True)
    ]


def _once(labels: Sequence[Label]) -> list[Label]:
    """Of a rater's equal answers to one comment the latest."""
    ordered = sorted(labels, key=lambda label: label.labeled_at)
    return list({(label.comment_id, label.labeler): label for label in ordered}.values())


def _put_day(outside: Adapters, paths: DayPaths, labels: Sequence[Label]) -> ImportedDay:
    put = put_labels(outside.storage, paths, labels)
    answer = ["comment_id", "labeler", "violation", "category", "source"]
    mine, counted = labels_frame(labels).select(answer), read_day_labels(outside, paths).select(answer)
    overruled = mine.join(counted, on=answer, how="anti", nulls_equal=True)
    return ImportedDay(paths.run_date, len(labels), put, len(overruled))


def describe_import(imported: Sequence[ImportedFile]) -> list[str]:
    """What was written, what was not, and when it shows."""
    lines = []
    for file in imported:
        for day in file.days:
            done = day.put.uri if day.put.is_new else f"imported before, nothing changed ({day.put.uri})"
            lines.append(f"{file.file}: {day.label_count:,} labels of {day.run_date}: {done}")
            if day.overruled_count:
                lines.append(
                    f"  {day.overruled_count:,} of them do not count: the same rater has a later word on the comment. "
                    "To go back to one, import a file with these rows alone, labeled_at empty"
                )
        lines += [f"{file.file}: no answers"] if not file.days else []
        lines += [f"  {file.open_count:,} rows without an answer are left out"] if file.open_count else []
        lines += [f"  {file.cancelled_count:,} cancelled annotations are left out"] if file.cancelled_count else []
        lines += [f"  {notice}" for notice in file.notices]
    days = [day.run_date for file in imported for day in file.days if day.put.is_new]
    if days:
        lines.append(
            "The next night measures days of the last two weeks again; of older ones: python -m flows remeasure "
            f"--start-date {min(days)} --end-date {max(days)}"
        )
    return lines
