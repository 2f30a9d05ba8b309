"""Stage: nothing is published that does not balance; then a commit for each table, then the plain objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from data_contracts.documents.balance import Balance
from data_contracts.documents.plan import InputObject, Plan
from data_contracts.tables.comments import REJECTED
from data_contracts.tables.flips import FLIPS
from data_contracts.tables.review import REVIEW
from data_contracts.tables.routes import AUDITS, ROUTES
from data_contracts.tables.verdicts import VERDICTS, Status
from tasks.base.errors import Unbalanced
from tasks.base.frames import _BATCH_ROWS, read_batches, record_batches, scan_file, scratch
from tasks.base.settings import Settings
from tasks.base.stage import stage
from tasks.ledger.closing import close_ledger
from tasks.ledger.run import Run
from tasks.verdicts.balance import balance
from tasks.verdicts.plain_objects import send_plain
from tasks.verdicts.review_list import review_list

#: What makes a row of the input itself.
ROW_KEY = ("source_object", "source_row")


def check_row_keys(inputs: Sequence[InputObject], pieces: Iterable[pl.DataFrame]) -> None:
    """Raises Unbalanced unless every ingested (object, row) is there exactly once.

    One byte a row is held, whatever the size of the night.

    Args:
        inputs: what was ingested.
        pieces: source_object and source_row of the rows of valid and rejected together, some at a time.

    Raises:
        Unbalanced: naming the object and the first row that is lost or there twice.
    """
    seen = {item.uri: np.zeros(item.row_count, dtype=np.uint8) for item in inputs}
    for piece in pieces:
        for (uri,), rows in piece.group_by("source_object"):
            numbers = rows["source_row"].to_numpy()
            if uri not in seen or (numbers.size and numbers.max() >= seen[uri].size):
                raise Unbalanced(f"rows of {uri} that the plan does not know")
            np.add.at(seen[uri], numbers, 1)
    for uri, counts in seen.items():
        wrong = np.flatnonzero(counts != 1)
        if wrong.size:
            times = "lost" if counts[wrong[0]] == 0 else "there twice"
            raise Unbalanced(
                f"{uri}: {wrong.size} rows are not accounted for once, the first is row {wrong[0]}: {times}"
            )


class _Ids(NamedTuple):
    """What the comment ids of a frame come to: equal for the same ids, each as often, in whatever order."""

    row_count: int
    first_sum: int
    second_sum: int


class _BothIds(NamedTuple):
    """The ids that should be there, and those that are."""

    expected: _Ids
    found: _Ids


def check_verdict_ids(valid: pl.LazyFrame, verdicts: pl.LazyFrame) -> None:
    """Raises Unbalanced unless the verdicts' comment ids are the valid ids, each once.

    Raises:
        Unbalanced: with the counts on both sides.
    """
    expected, found = _both_ids(valid, verdicts)
    if expected != found:
        raise Unbalanced(
            f"{found.row_count} verdicts for {expected.row_count} valid comments, or not for the same ones"
        )


def count_review_rows(verdicts: pl.LazyFrame, review: pl.LazyFrame) -> int:
    """Count the rows of the review list, once its ids are found to be those of the verdicts that are not judged.

    Raises:
        Unbalanced: with the counts on both sides, if they are not, each once.
    """
    expected, found = _both_ids(verdicts.filter(pl.col("status") != Status.JUDGED), review)
    if expected != found:
        raise Unbalanced(
            f"{found.row_count} rows to review for {expected.row_count} comments without a verdict, or not the same"
        )
    return found.row_count


def _both_ids(expected: pl.LazyFrame, found: pl.LazyFrame) -> _BothIds:
    # Sums of 64-bit hashes wrap alike on both sides: equal multisets give equal sums, and unequal ones do so with a
    # probability of 2^-64 for each of the two seeds, without holding the ids.
    sums = [
        frame.select(
            pl.len(),
            *(
                pl.col("comment_id").hash(seed=seed).reinterpret(signed=True).cast(pl.Int128).sum().alias(f"_{seed}")
                for seed in (1, 2)
            ),
        )
        for frame in (expected, found)
    ]
    return _BothIds(*(_Ids(*frame.row(0)) for frame in pl.collect_all(sums, engine="streaming")))


def _publish_routes(run: Run, folder: Path, note: dict[str, str]) -> None:
    """Replace what the steps of the day's policy decided; a plain night has nothing to say, and leaves nothing old."""
    for table in (AUDITS, ROUTES):
        uri, path = run.paths.lake(table.name), folder / f"{table.name}.parquet"
        if run.plan.is_plain and run.plan.run_date not in run.lake.days(uri):
            continue
        run.storage.fetch(run.paths.work(table.name), path)
        batches = record_batches(path, table)
        run.lake.replace_day(uri, table, run.plan.run_date, batches, note, run.still_ours)


@stage
def publish(settings: Settings, plan: Plan) -> Balance:
    """Replace the day in the lake and in the plain objects; the same frames again leave the same day.

    Reads: work/valid, work/rejected, work/verdicts, work/flips, work/routes, work/audits, ledger, lease.
    Writes: ledger: canaries without an answer; lake/verdicts, lake/rejected, lake/review, lake/flips, one commit each;
        their plain objects; lake/routes, lake/audits, unless the policy is plain; balance.json.
    Stops when: rows or tokens do not add up (Unbalanced), another run has the day (LeaseLost).
    """
    run = Run.of(settings, plan)
    with scratch() as temporary:
        files = {name: Path(temporary) / f"{name}.parquet" for name in ("valid", "rejected", "verdicts", "flips")}
        run.storage.fetch_all([(run.paths.work(name), path) for name, path in files.items()])
        rows = (read_batches(files[name], ROW_KEY, _BATCH_ROWS * 4) for name in ("valid", "rejected"))
        check_row_keys(plan.inputs, chain.from_iterable(rows))
        valid, verdicts = (scan_file(files[name]) for name in ("valid", "verdicts"))
        check_verdict_ids(valid, verdicts)
        files["review"] = Path(temporary) / "review.parquet"
        review_list(verdicts).sink_parquet(files["review"])
        review_count = count_review_rows(verdicts, scan_file(files["review"]))
        books = balance(plan, close_ledger(run), verdicts, valid.select(pl.len()).collect().item(), review_count)
        books = books.model_copy(update={"flip_count": pq.ParquetFile(files["flips"]).metadata.num_rows})
        note = {"run_id": plan.run_id, "run_date": plan.run_date.isoformat(), "plan_sha256": plan.sha256}
        _publish_routes(run, Path(temporary), note)
        versions = {}
        for table in (VERDICTS, REJECTED, REVIEW, FLIPS):
            batches = record_batches(files[table.name], table)
            versions[table.name] = run.lake.replace_day(
                run.paths.lake(table.name), table, plan.run_date, batches, note, run.still_ours
            )
            send_plain(run.storage, files[table.name], run.paths.plain(table.name), run.still_ours)
    books = books.model_copy(update={f"{name}_version": version for name, version in versions.items()})
    run.storage.put(run.paths.file("balance.json"), books.model_dump_json(indent=1).encode())
    return books
