"""A deployment's alerts for tests: a store in a folder, channels that keep their messages, and looks as a process
takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from data_contracts.documents.alerts import AlertGroup, GroupName, Move
from data_contracts.tables.metrics import MetricRow
from tasks.adapters import Adapters
from tasks.alerts.groups.machine import Look, Step
from tasks.alerts.groups.record import GroupRecord
from tasks.alerts.message import Scene, compose
from tasks.alerts.send_alerts import stop_problem
from tasks.alerts.standing import metric_cause
from tasks.alerts.tell import Telling, tell
from tasks.base.paths import RunPaths
from tasks.base.ports import AlertMessage, Severity
from tasks.base.settings import Settings
from tasks.measure.detect.rules import rule_of
from tests.factories import local_adapters
from tests.fakes import FakeAlerts, FakeClock

NOW = datetime(2026, 11, 20, 4, tzinfo=UTC)


class Place:
    """A store with channels."""

    def __init__(self, settings: Settings, *channels: FakeAlerts) -> None:
        self.settings, self.channels, self.clock = settings, list(channels), FakeClock()
        self.storage: Any = local_adapters().storage

    def outside(self, storage: Any = None) -> Adapters:
        """What a process connects to."""
        store = storage or self.storage
        return replace(local_adapters(), storage=store, alerts=tuple(self.channels), clock=self.clock)

    def look(
        self, group: GroupName, look: Look, *, at: datetime = NOW, sender: str = "", storage: Any = None
    ) -> Telling:
        """Take a look to a group's record, as one process."""
        scene = Scene(settings=self.settings, now=at, night=look.night, run_id=look.run_id)
        return tell(self.outside(storage), {group: look}, scene, sender or f"process {at.isoformat()}")

    def record(self, group: GroupName) -> AlertGroup:
        """What is on record."""
        return GroupRecord(self.storage, self.settings, group).read().group


def channel(name: str = "a", undelivered: int = 0, wants: frozenset[Severity] | None = None) -> FakeAlerts:
    """A channel of this name."""
    made = FakeAlerts(undelivered)
    made.name, made.severities = name, frozenset(Severity) if wants is None else wants
    return made


def stopped_message(error_name: str, reason: str, paths: RunPaths) -> AlertMessage:
    """What is told of a night that stopped before it published."""
    cause = stop_problem(paths, error_name, reason, NOW, is_published=False).as_cause(NOW)
    before = AlertGroup(group="pipeline")
    after = before.model_copy(update={"causes": (cause,), "peak": "page", "opened_at": NOW})
    scene = Scene(settings=paths.settings, now=NOW, night=paths.run_date, run_id=paths.run_id)
    return compose(Step(before, after, Move.OPENED, news=(cause,)), scene)


def degraded_message(rows: Sequence[MetricRow], paths: RunPaths) -> AlertMessage:
    """What is told of degraded metrics of one group."""
    causes = tuple(
        metric_cause(name, [row for row in rows if row.metric == name], NOW)
        for name in sorted({row.metric for row in rows})
    )
    before = AlertGroup.model_validate({"group": rule_of(rows[0].metric).group})
    after = before.model_copy(update={"causes": causes, "peak": "page", "opened_at": NOW})
    scene = Scene(settings=paths.settings, now=NOW, night=paths.run_date, run_id=paths.run_id)
    return compose(Step(before, after, Move.OPENED, news=causes), scene)
