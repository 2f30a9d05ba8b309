"""One run of one day, as one value: what each stage of a night begins with."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date

from data_contracts.documents.plan import Plan
from tasks import adapters
from tasks.adapters import Adapters
from tasks.adapters.lake import Lake
from tasks.adapters.storage import Storage, keeping_files
from tasks.base.paths import RunPaths
from tasks.base.settings import Settings
from tasks.ledger.lease import check_held


def frames_kept(settings: Settings, run_date: date, run_id: str) -> AbstractContextManager[None]:
    """While a run goes on in this process: the frames that it has written or read once are not read from S3 again."""
    paths = RunPaths(settings, run_date, run_id)
    return keeping_files([paths.work_folder, paths.requests_folder, paths.answers_folder])


@dataclass(frozen=True)
class Run:
    """A run's settings and plan, the outside that it is connected to, and where its objects lie."""

    settings: Settings
    plan: Plan
    outside: Adapters
    paths: RunPaths

    @classmethod
    def of(cls, settings: Settings, plan: Plan) -> Run:
        """The run that made a plan."""
        return cls(settings, plan, adapters.connect(settings), RunPaths(settings, plan.run_date, plan.run_id))

    @property
    def storage(self) -> Storage:
        """The store of objects."""
        return self.outside.storage

    @property
    def lake(self) -> Lake:
        """The store of tables."""
        return self.outside.lake

    def still_ours(self) -> None:
        """Check, before a write or a paid call, that no other run has taken the day.

        Raises:
            LeaseLost: naming the run that has it.
        """
        check_held(self.storage, self.paths, self.plan.run_id)
