"""Writes what a rater has still to label into a file, texts and all, and nothing that would tell him what to think."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

from tasks import adapters
from tasks.adapters import Adapters
from tasks.adapters.lake import reading_lake
from tasks.base.errors import WrongUsage
from tasks.base.paths import DayPaths
from tasks.base.settings import Settings
from tasks.labels.comment_texts import read_texts
from tasks.labels.exchange.answer_files import read_answers
from tasks.labels.exchange.answers import Rules
from tasks.labels.exchange.csv_form import write_csv
from tasks.labels.exchange.forms import FORMS, Task
from tasks.labels.exchange.label_studio import write_label_studio
from tasks.labels.exchange.row_forms import write_jsonl, write_parquet
from tasks.labels.requests import open_requests, read_day_labels, read_requests, request_states
from tasks.ledger.champion import serving
from tasks.llm.prompt import load_prompt

WRITERS: dict[str, Callable[[Sequence[Task]], bytes]] = {
    "csv": write_csv,
    "jsonl": write_jsonl,
    "parquet": write_parquet,
    "label-studio": write_label_studio,
}


class Exported(NamedTuple):
    """What was written.

    Attributes:
        task_count: comments in the file.
        lost_count: open requests without a text: erased, or the input no longer holds what was judged.
        request_count: requests of the day, open or not.
    """

    output: Path
    task_count: int
    lost_count: int
    request_count: int


@reading_lake()
def export_labels(settings: Settings, run_date: date, rater: str | None, form: str, output: Path) -> Exported:
    """Write the day's open requests that a rater has not answered, in an order of the rater's own; reserve nothing.

    Without a rater, all requests with a free slot. The file is for its owner's eyes alone (mode 600): it has texts.

    Raises:
        WrongUsage: if the form is none, the name says another, or the file holds answers that were never imported.
    """
    if form not in WRITERS:
        raise WrongUsage(f"format {form!r} is none of {', '.join(WRITERS)}")
    if not output.name.lower().endswith(FORMS[form]):
        raise WrongUsage(f"{output}: the name of a {form} file ends in {' or '.join(FORMS[form])}: import goes by it")
    outside, paths = adapters.connect(settings), DayPaths(settings, run_date)
    requests, labels = read_requests(outside.lake, paths), read_day_labels(outside, paths)
    _check_nothing_is_lost(
        settings, output, {(run_date, *row) for row in labels.select("comment_id", "labeler").rows()}
    )
    wanted = open_requests(request_states(requests, labels), rater)
    tasks = _tasks(outside, paths, rater, wanted.select("comment_id", "product_id", "language").rows())
    _write(output, WRITERS[form](tasks))
    return Exported(output, len(tasks), len(wanted) - len(tasks), len(requests))


def _tasks(outside: Adapters, paths: DayPaths, rater: str | None, wanted: Sequence[tuple[str, str, str]]) -> list[Task]:
    texts = read_texts(outside, paths, [name for name, _, _ in wanted]) if wanted else {}
    return [
        Task(paths.run_date, name, product, language, texts[name], rater)
        for name, product, language in wanted
        if name in texts
    ]


def _check_nothing_is_lost(settings: Settings, output: Path, imported: set[tuple[date, str, str]]) -> None:
    """Raises WrongUsage if the file is there already and has answers that are nowhere else."""
    if not output.exists():
        return
    named = serving(settings)
    categories = load_prompt(named.prompt, named.prompt_version).categories
    found = read_answers(output, Rules(categories, settings.zone, datetime.max.replace(tzinfo=UTC, year=9000)))
    rows = (row.answer for row in found.rows)
    lost = [one for one in rows if (one.run_date, one.comment_id, one.labeler) not in imported]
    if lost or found.faults:
        told = f"{len(lost):,} answers that were never imported" if lost else "rows that cannot be imported"
        raise WrongUsage(f"{output} holds {told}: choose another name, or import it first")


def _write(output: Path, body: bytes) -> None:
    """The whole file or none, for its owner alone."""
    partial = output.with_name(f".{output.name}.partial")
    try:
        partial.unlink(missing_ok=True)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(body)
        partial.replace(output)
    except OSError as error:
        raise WrongUsage(f"{output}: {error.strerror}") from None


def describe_export(exported: Exported, run_date: date, rater: str | None) -> list[str]:
    """What is in the file, and what becomes of it."""
    if not exported.request_count:
        return [f"no labels were asked for of {run_date}: {exported.output} has no comments"]
    whose = f" for {rater}" if rater else ""
    lines = [
        f"{exported.output}: {exported.task_count:,} comments of {run_date}{whose} ({exported.request_count:,} asked)"
    ]
    if exported.lost_count:
        lines.append(f"  {exported.lost_count:,} more are open, and the input no longer holds the text that was judged")
    lines.append(
        "It holds customers' texts: delete it once its answers are imported (python -m flows labels import FILE)"
    )
    return lines
