"""The label requests of a night's disagreements, added to what the day asks for already."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import polars as pl

from data_contracts.tables.label_requests import LABEL_REQUESTS
from tasks.adapters import Adapters
from tasks.base.frames import record_batches, scratch
from tasks.base.paths import DayPaths
from tasks.evaluate.nights.pairs import NightDraw, new_requests
from tasks.labels.requests import read_requests
from tasks.ledger.lease import check_held, held
from tasks.verdicts.plain_objects import send_plain


def add_requests(outside: Adapters, paths: DayPaths, drawn: NightDraw, run_id: str, now: datetime) -> int:
    """Ask for the labels that were not asked for yet, in one commit and then the plain object; how many are new.

    The day is held meanwhile, since a night that draws its own sample keeps what others have asked for.

    Raises:
        DayInUse: if another run holds the day.
    """

    def still_ours() -> None:
        check_held(outside.storage, paths, run_id)

    with held(paths.settings, paths.run_date, run_id):
        before = read_requests(outside.lake, paths)
        fresh = new_requests(drawn, before, date=paths.run_date, requested_at=now, run_id=run_id)
        if fresh.is_empty():
            return 0
        with scratch() as folder:
            file = Path(folder) / "requests.parquet"
            pl.concat([before, fresh]).write_parquet(file)
            uri, note = paths.lake(LABEL_REQUESTS.name), {"run_date": str(paths.run_date), "run_id": run_id}
            batches = record_batches(file, LABEL_REQUESTS)
            outside.lake.replace_day(uri, LABEL_REQUESTS, paths.run_date, batches, note, still_ours)
            send_plain(outside.storage, file, paths.plain(LABEL_REQUESTS.name), still_ours)
        return fresh.height
