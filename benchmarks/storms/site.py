"""A site in a folder: its days, its Bedrock, and the runs that work on it, whatever becomes of them."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.storms.bedrock_behaviour import Behaviour
from benchmarks.storms.kill_points import Killed, Process
from benchmarks.storms.lease_log import LeaseLog, Taking
from benchmarks.storms.memory_bedrock import MemoryBedrock
from benchmarks.storms.simulated_clock import all_as_expected, use
from benchmarks.storms.world import World
from data_contracts.documents.ledger import LedgerEntry
from data_contracts.documents.summary import Night
from data_contracts.tables.table import Table
from data_contracts.tables.verdicts import NIGHTS, VERDICTS
from sandbox.play import play_night
from tasks.adapters import Adapters
from tasks.adapters.aws import AwsEnvironment, shared
from tasks.adapters.lake import Lake
from tasks.adapters.storage import Storage
from tasks.adapters.stores.remembered import Remembered
from tasks.base.paths import DayPaths, leases
from tasks.base.ports import AlertChannel
from tasks.base.settings import NO_PACK, Settings
from tasks.base.steps import Steps
from tasks.ledger.entries import read_ledger

#: A pack of a few items whose right verdicts stand in their texts, see `answers.truth`.
SMALL_PACK = str(Path(__file__).with_name("golden.jsonl"))

#: A light model that answers in the form of the other one: all that this Bedrock can word.
LIGHT_MODEL = "jp.anthropic.claude-haiku-4-5-20251001-v1:0"


class _SiteSettings(Settings):
    """Of a site whose folder is called otherwise each time; its keys, and so the storm, must not be."""

    @property
    def deployment(self) -> str:
        """See Settings."""
        return "s3://storm"


class Site:
    """Files, a lake and a Bedrock that outlive the runs that use them."""

    def __init__(self, root: Path, world: World, behaviour: Behaviour, **settings: Any) -> None:
        self.root, self.world = root, world
        self.settings: Settings = _SiteSettings(
            golden_pack=settings.pop("golden_pack", NO_PACK),
            comments_uri=f"{root}/comments",
            labels_uri=f"{root}/labels",
            output_uri=f"{root}/output",
            batch_uri=f"{root}/batch",
            role_arn="arn:aws:iam::123456789012:role/AmazonBedrockStorm",
            max_rejected_fraction=0.5,
            on_demand_per_s=10_000,
            **settings,
        )
        self._aws = aws = shared(AwsEnvironment(aws_region="ap-northeast-1"))
        self.storage, self.lake = Storage(aws), Lake(aws)
        self.bedrock = MemoryBedrock(self.storage, world, behaviour)
        #: where alerts go
        self.alerts: tuple[AlertChannel, ...] = ()
        self.processes: dict[str, Process] = {}
        #: who took each day, in order, by the URI of its lease
        self.takings: dict[str, list[Taking]] = {}
        #: the valid ids that each day's input has had
        self.past_ids: dict[date, list[set[str]]] = {}

    def put(self, run_date: date, name: str, comments: pl.DataFrame) -> None:
        """Create or replace one object of a day's input."""
        path = Path(DayPaths(self.settings, run_date).comments) / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        comments.write_parquet(path)
        self.past_ids.setdefault(run_date, []).append(self.valid_ids(run_date))

    def input(self, run_date: date) -> pl.DataFrame:
        """Every row of a day's input as it is now."""
        return pl.concat(pl.read_parquet(path) for path in Path(DayPaths(self.settings, run_date).comments).iterdir())

    def valid_ids(self, run_date: date) -> set[str]:
        """The ids that the day's verdicts must have: those of its rows with an id and a text."""
        is_valid = (pl.col("comment_id") != "") & (pl.col("text").str.strip_chars() != "")
        return set(self.input(run_date).filter(is_valid)["comment_id"])

    def ports(self, run_id: str, process: Process) -> Adapters:
        """What a run in this process connects to.

        A process begins without anything that another one read before: small objects are remembered in its own storage,
        and of tables in a folder no snapshot is kept, see `tasks.adapters.lake_snapshots`.
        """
        self.processes[run_id] = process
        folder, clock = leases(self.settings), self.world.monotonic
        storage = Storage(self._aws, remembered=Remembered())
        log = LeaseLog(storage, run_id, folder, self.processes, clock, self._note_taking)
        return Adapters(
            storage=process.watch(log),
            lake=process.watch(self.lake),
            bedrock=process.watch(self.bedrock),
            alerts=tuple(process.watch(channel) for channel in self.alerts),
            clock=self.world,
            run_suite=all_as_expected,
        )

    def _note_taking(self, lease_uri: str, taking: Taking) -> None:
        self.takings.setdefault(lease_uri, []).append(taking)

    def play(self, run_date: date, run_id: str, process: Process, step: Steps | None = None) -> Night | None:
        """Run a day's night; None if it was published already. Raises what the stages raise, or Killed."""
        use(self.ports(run_id, process))
        try:
            return play_night(self.settings, run_date, run_id, self.world.now, step=step)
        finally:
            process.silent_since_s = self.world.now_s if process.silent_since_s is None else process.silent_since_s

    def survives(self, run_date: date, run_id: str, process: Process) -> bool:
        """Run a day's night, and say whether the process lived to its end."""
        try:
            self.play(run_date, run_id, process)
        except Killed:
            return False
        return True

    def ledger(self, run_date: date) -> list[LedgerEntry]:
        """The day's entries."""
        return read_ledger(self.storage, DayPaths(self.settings, run_date))

    def rows(self, table: Table, run_date: date) -> pl.DataFrame:
        """The day in a table of the lake, in order of its key."""
        lake = self.lake.scan(DayPaths(self.settings, run_date).lake(table.name), table)
        return lake.filter(pl.col("date") == run_date).collect().sort(table.key)

    def verdicts(self, run_date: date) -> pl.DataFrame:
        """The day's verdicts in the lake, in order of id."""
        return self.rows(VERDICTS, run_date)

    def night(self, run_date: date) -> dict[str, Any] | None:
        """The day's row of NIGHTS, if it is published."""
        rows = self.rows(NIGHTS, run_date)
        return rows.row(0, named=True) if rows.height else None
