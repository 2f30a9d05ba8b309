"""The texts of a few comments, read from the day's input: they are kept nowhere else.

A text is shown only if it is the one that was judged: upstream may have replaced it since.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from pathlib import Path

import polars as pl

from data_contracts.tables.comments import COMMENTS
from data_contracts.tables.table import Table
from data_contracts.tables.verdicts import VERDICTS
from tasks.adapters import Adapters
from tasks.base.frames import scratch
from tasks.base.paths import DayPaths
from tasks.intake.foreign_parquet import UNREADABLE, open_parquet, read_batches, schema_fault, stored_schema
from tasks.intake.input_files import find_inputs
from tasks.intake.row_rules import normalise

_TEXTS = Table("texts", COMMENTS.meaning, tuple(one for one in COMMENTS if one.name in ("comment_id", "text")))


def read_texts(outside: Adapters, paths: DayPaths, comment_ids: Collection[str]) -> dict[str, str]:
    """The texts of comments of a published day, as they were judged.

    Those are left out that have no verdict (erased), or whose text the input does not hold any more. The day's files
    are read one after another, some rows at a time.

    Raises:
        InputChanged: if a file is replaced meanwhile.
    """
    hashes = _judged_hashes(outside, paths, comment_ids)
    found: dict[str, str] = {}
    with scratch() as folder:
        copy = Path(folder) / "comments.parquet"
        for item in find_inputs(outside.storage, paths.comments, paths.settings.input_marker).read:
            if len(found) == len(hashes):
                break
            outside.storage.fetch(item.uri, copy, item.etag)
            for rows in _rows(copy):
                found |= judged_texts(rows, hashes)
    return found


def judged_texts(rows: pl.DataFrame, hashes: dict[str, str]) -> dict[str, str]:
    """The texts of those rows that were judged.

    Columns: comment_id and text of `rows` are read.

    Args:
        rows: any comments of the day, repeated ids included.
        hashes: `text_sha256` of the wanted comments, by id.
    """
    mine = rows.filter(pl.col("comment_id").is_in(list(hashes)), pl.col("text").is_not_null())
    normal = mine.select("comment_id", "text", normal=normalise(pl.col("text")))
    return {
        name: text
        for name, text, words in normal.iter_rows()
        if hashlib.sha256(words.encode()).hexdigest() == hashes[name]
    }


def _judged_hashes(outside: Adapters, paths: DayPaths, comment_ids: Collection[str]) -> dict[str, str]:
    wanted = pl.LazyFrame({"comment_id": list(comment_ids)}, schema={"comment_id": pl.String})
    verdicts = outside.lake.scan(paths.lake(VERDICTS.name), VERDICTS).filter(pl.col("date") == paths.run_date)
    found = verdicts.select("comment_id", "text_sha256").join(wanted, on="comment_id", how="semi")
    return dict(found.collect(engine="streaming").iter_rows())


def _rows(path: Path) -> Iterator[pl.DataFrame]:
    """A file's rows; none of one that broke the contract since the night, as no row of it was judged."""
    try:
        with open_parquet(path) as file:
            if file.metadata.num_rows and schema_fault(stored_schema(file, _TEXTS), _TEXTS) is None:
                for batch in read_batches(file, _TEXTS):
                    yield pl.DataFrame(batch)
    except UNREADABLE:
        return
