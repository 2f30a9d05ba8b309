"""Brings a published day back as an earlier version had it: a new commit, on record, with the plain objects rewritten.

Not Delta's RESTORE, which takes the whole table back and every other day with it. The `nights` row comes last, as in a
night; a restore that died in between is completed by running it again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts.documents.ledger import erasure_id
from data_contracts.documents.restore import Restore
from data_contracts.tables.comments import REJECTED
from data_contracts.tables.flips import FLIPS
from data_contracts.tables.review import REVIEW
from data_contracts.tables.table import Table
from data_contracts.tables.verdicts import NIGHTS, VERDICTS
from tasks import adapters
from tasks.adapters import Adapters
from tasks.adapters.lake import reading_lake
from tasks.base.errors import NotRestorable, WrongUsage
from tasks.base.frames import record_batches, scan_file, scratch
from tasks.base.paths import RunPaths
from tasks.base.settings import Settings
from tasks.labels.day_accuracy import measure_day
from tasks.labels.sample.day_requests import publish_requests
from tasks.ledger.lease import check_held, held
from tasks.past_days.day_versions import (
    DayVersion,
    commits_of_day,
    day_versions,
    describe_versions,
    is_there,
    last_of_run,
)
from tasks.verdicts.day_flips import published_verdicts, write_flips
from tasks.verdicts.plain_objects import send_plain
from tasks.verdicts.review_list import review_list

#: The day's tables that have a past of their own; `review`, `flips` and `label_requests` follow from the verdicts.
TABLES: tuple[Table, ...] = (VERDICTS, REJECTED)

_BATCH_ROWS = 50_000


class VersionSource(NamedTuple):
    """Where a table's day comes from: a version of that table."""

    table: Table
    version: int


@reading_lake()
def list_versions(settings: Settings, run_date: date) -> list[str]:
    """The day's versions in lines, the newest first."""
    paths = RunPaths(settings, run_date, "")
    return describe_versions(run_date, day_versions(adapters.connect(settings), paths), settings.zone)


def pick_version(versions: Sequence[DayVersion], wanted: int, run_date: date) -> DayVersion:
    """The wanted version, if it can be brought back.

    Raises:
        WrongUsage: if the day has no such version, or has it now.
        NotRestorable: if the version was never finished or its files are gone.
    """
    numbers = ", ".join(str(item.commit.version) for item in versions) or "none: it was never published"
    chosen = next((item for item in versions if item.commit.version == wanted), None)
    if chosen is None:
        raise WrongUsage(f"{run_date} has no version {wanted}; it has {numbers}")
    if chosen.is_current:
        raise WrongUsage(f"{run_date} is at version {wanted} already")
    if not chosen.is_there:
        raise NotRestorable(f"version {wanted} of {run_date} is gone: an erasure has ended the day's history before it")
    if chosen.night is None:
        raise NotRestorable(f"version {wanted} of {run_date} was never finished: run {chosen.commit.run_id} stopped")
    return chosen


def without_erased(source: Path, target: Path, run_date: date, erased: Collection[str]) -> int:
    """Copy a day without the comments that were erased since, by their hashes; how many rows were left out."""
    left_out = 0
    with pq.ParquetFile(source) as file, pq.ParquetWriter(target, file.schema_arrow, compression="zstd") as writer:
        for batch in file.iter_batches(batch_size=_BATCH_ROWS):
            ids = batch.column("comment_id").to_pylist()
            stays = [name is None or erasure_id(run_date, name) not in erased for name in ids]
            writer.write_batch(batch.filter(pl.Series(stays, dtype=pl.Boolean).to_arrow()))
            left_out += stays.count(False)
    return left_out


@reading_lake()
def restore_day(settings: Settings, run_date: date, version: int, reason: str, run_id: str, now: datetime) -> Restore:
    """Make an earlier version the day again.

    Raises:
        WrongUsage: if the day has no such version, or the reason is empty.
        NotRestorable: if the version cannot be brought back whole.
        DayInUse: if another run works on the day.
    """
    if not reason.strip():
        raise WrongUsage("reason is empty: say why, it stays on record with the day")
    outside, paths = adapters.connect(settings), RunPaths(settings, run_date, run_id)
    with held(settings, run_date, run_id):
        versions = day_versions(outside, paths)
        wanted = pick_version(versions, version, run_date)
        sources = [_source(outside, paths, table, wanted) for table in TABLES]
        return _bring_back(outside, paths, wanted, sources, " ".join(reason.split()), now)


def _source(outside: Adapters, paths: RunPaths, table: Table, wanted: DayVersion) -> VersionSource:
    if table is VERDICTS:
        return VersionSource(table, wanted.commit.version)
    commits = commits_of_day(outside.lake.commits(paths.lake(table.name)), paths.run_date)
    commit = last_of_run(commits, wanted.commit.run_id)
    if commit is None or not is_there(outside, paths, table, commit.version):
        raise NotRestorable(f"{table.name} of {paths.run_date} has nothing left of run {wanted.commit.run_id}")
    return VersionSource(table, commit.version)


class _Publication:
    """The tables of a day that is brought back, each in one commit, as long as the day is ours."""

    def __init__(
        self, outside: Adapters, paths: RunPaths, note: dict[str, str], restored_run_id: str, now: datetime
    ) -> None:
        self._outside, self._paths, self._note = outside, paths, note
        self._restored_run_id, self._now = restored_run_id, now
        self._still_ours = partial(check_held, outside.storage, paths, paths.run_id)
        self._erased = {Path(item.uri).stem for item in outside.storage.list(paths.erasures)}
        self.counts: dict[str, int] = {}
        self.erased_count = 0

    def bring_back(self, source: VersionSource) -> None:
        """Publish a table as it was, without the comments that were erased since."""
        lake, paths, run_date = self._outside.lake, self._paths, self._paths.run_date
        with scratch() as folder:
            path = Path(folder) / "day.parquet"
            whole = lake.scan_at(paths.lake(source.table.name), source.table, source.version)
            whole.filter(pl.col("date") == run_date).sink_parquet(path)
            if self._erased:
                kept = Path(folder) / "kept.parquet"
                self.erased_count += without_erased(path, kept, run_date, self._erased)
                path = kept
            self.counts[source.table.name] = pq.ParquetFile(path).metadata.num_rows
            if source.table is not VERDICTS:
                self._publish(path, source.table)
                return
            # Review list, flips and label requests follow from the verdicts, of days too that are older than these.
            replaced, review, flips = (Path(folder) / f"{name}.parquet" for name in ("replaced", "review", "flips"))
            published_verdicts(self._outside, paths).sink_parquet(replaced)
            self._publish(path, VERDICTS)
            review_list(scan_file(path)).sink_parquet(review)
            self._publish(review, REVIEW)
            most = max(pq.ParquetFile(file).metadata.num_rows for file in (replaced, path))
            self.counts[FLIPS.name] = write_flips(scan_file(replaced), scan_file(path), most, run_date, flips)
            self._publish(flips, FLIPS)
            publish_requests(self._outside, paths, path, self._note, self._now, self._still_ours, self._restored_run_id)

    def close(self, row: dict[str, Any]) -> None:
        """Commit the day's row of NIGHTS: from then on the day is what it was."""
        night = pl.DataFrame([row], schema=NIGHTS.polars_schema).to_arrow().cast(NIGHTS.arrow_schema)
        self._replace(NIGHTS, night.to_batches())

    def _publish(self, path: Path, table: Table) -> None:
        self._replace(table, record_batches(path, table))
        send_plain(self._outside.storage, path, self._paths.plain(table.name), self._still_ours)

    def _replace(self, table: Table, batches: Iterable[pa.RecordBatch]) -> None:
        paths = self._paths
        self._outside.lake.replace_day(
            paths.lake(table.name), table, paths.run_date, batches, self._note, self._still_ours
        )


def _bring_back(
    outside: Adapters, paths: RunPaths, wanted: DayVersion, sources: Sequence[VersionSource], reason: str, now: datetime
) -> Restore:
    row = (wanted.night or {}) | {"published_at": now}
    nights = outside.lake.scan(paths.lake(NIGHTS.name), NIGHTS).filter(pl.col("date") == paths.run_date).collect()
    before = nights.row(0, named=True) if nights.height else {}
    note = {"run_id": paths.run_id, "run_date": str(paths.run_date), "plan_sha256": row["plan_sha256"]}
    note |= {"reason": "restore", "restored_version": str(wanted.commit.version), "why": reason}
    publication = _Publication(outside, paths, note, row["run_id"], now)
    for source in sources:
        publication.bring_back(source)
    row |= {"flip_count": publication.counts[FLIPS.name]}
    restore = Restore(
        run_id=paths.run_id,
        version=wanted.commit.version,
        reason=reason,
        restored_at=now,
        restored_run_id=row["run_id"],
        restored_plan_sha256=row["plan_sha256"],
        replaced_run_id=before.get("run_id"),
        replaced_plan_sha256=before.get("plan_sha256"),
        verdict_count=publication.counts[VERDICTS.name],
        rejected_count=publication.counts[REJECTED.name],
        erased_count=publication.erased_count,
    )
    body = restore.model_dump_json(indent=1).encode()
    outside.storage.put(paths.file("restore.json"), body)
    outside.storage.put(paths.restore(), body)
    measure_day(outside, paths, row["run_id"], now)
    publication.close(row)
    return restore


def describe_restore(run_date: date, restore: Restore) -> str:
    """What was done, and what a later run of the day will do."""
    lines = [
        f"{run_date} is again what run {restore.restored_run_id} published (version {restore.version})",
        f"{restore.verdict_count:,} verdicts, {restore.rejected_count:,} rejected",
        f"on record: runs/{run_date}/{restore.run_id}/restore.json, state/restores/{run_date}.json, the commits' notes",
    ]
    if restore.erased_count:
        lines.append(f"left out: {restore.erased_count:,} rows of comments that were erased since")
    lines.append(
        "A run with the input, prompt and model of this version, or of the one that was replaced, leaves the day as it "
        "is now; new input, another prompt or model judge it anew, and so do a backfill's modes stale_prompt and all."
    )
    return "\n".join(lines)
