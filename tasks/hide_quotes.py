"""What is kept of a job's answers holds no comment's text: it meets the requests once more before it is stored.

The answers outlive the batch files, and nothing but `rejected` may hold what a customer wrote.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import orjson
import polars as pl

from data_contracts.ledger import LedgerEntry
from data_contracts.verdicts import Status
from tasks.adapters.storage import Storage
from tasks.errors import InputChanged
from tasks.find_quotes import REMOVED, REMOVED_DETAIL, quotes
from tasks.render_request import RequestTemplate


def read_comments(lines: Iterable[bytes], template: RequestTemplate) -> Iterator[tuple[str, str]]:
    """The record id and the comment of each request line, in their order."""
    for line in lines:
        record: str = orjson.loads(line)["recordId"]
        yield record, template.comment_of(record, line)


def hide_quotes(answers: pl.DataFrame, comments: Iterable[tuple[str, str]]) -> pl.DataFrame:
    """The answers, an explanation or an error that quotes its comment replaced; so is one whose comment is not there.

    Columns: record_id, status, status_detail, explanation -> the same columns and rows. Null and empty stay.
    """
    told = answers.filter((pl.col("explanation").fill_null("") != "") | (pl.col("status") == Status.ERROR))
    said = {record: tuple(words) for record, *words in told.select("record_id", "explanation", "status_detail").rows()}
    changed: dict[str, tuple[str | None, str | None]] = {}
    for record, comment in comments:
        if record in said:
            explanation, detail = said.pop(record)
            if explanation and quotes(explanation, comment):
                explanation = REMOVED
            if detail and quotes(detail, comment):
                detail = REMOVED_DETAIL
            changed[record] = (explanation, detail)
    for record, (explanation, detail) in said.items():
        changed[record] = (explanation and REMOVED, detail and REMOVED_DETAIL)
    schema = {"record_id": pl.String, "_explanation": pl.String, "_detail": pl.String}
    shown = pl.DataFrame([(record, *words) for record, words in changed.items()], schema=schema, orient="row")
    was_told = pl.col("_told").fill_null(False)
    return (
        answers.join(shown.with_columns(_told=True), on="record_id", how="left", validate="1:1", maintain_order="left")
        .with_columns(
            explanation=pl.when(was_told).then("_explanation").otherwise("explanation"),
            status_detail=pl.when(was_told).then("_detail").otherwise("status_detail"),
        )
        .select(answers.columns)
    )


def hide_quotes_of(
    storage: Storage, entry: LedgerEntry, answers: pl.DataFrame, template: RequestTemplate, folder: Path
) -> pl.DataFrame:
    """`hide_quotes` with the comments of an entry's own input file, if it is still there."""
    path = folder / "input.jsonl"
    try:
        storage.fetch(entry.input_uri, path)
    except InputChanged:
        return hide_quotes(answers, ())
    with path.open("rb") as lines:
        return hide_quotes(answers, read_comments(lines, template))
