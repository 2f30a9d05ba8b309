"""Seeded nights in which everything goes wrong together, in simulated time; more of them: `benchmarks/storm.py`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from deltalake import CommitProperties

from benchmarks.storms.bedrock_behaviour import Behaviour
from benchmarks.storms.comments import draw_comments
from benchmarks.storms.fault_plan import FaultPlan
from benchmarks.storms.invariants import check_day, check_jobs, check_paid_once, check_readers
from benchmarks.storms.kill_points import Process
from benchmarks.storms.simulated_clock import simulated
from benchmarks.storms.site import Site
from benchmarks.storms.storm import Storm, StormReport, play_storm
from benchmarks.storms.two_runs import (
    BEFORE_INTENT,
    BEFORE_LEASE,
    BEFORE_NIGHTS,
    BEFORE_PLAIN,
    BEFORE_VERDICTS,
    IN_REJECTED,
    IN_VERDICTS,
    Crossroad,
)
from benchmarks.storms.world import World
from data_contracts.tables.verdicts import VERDICTS
from tasks.adapters import lake_snapshots
from tasks.adapters.lake import Lake
from tasks.adapters.storage import FileStore
from tasks.base.paths import DayPaths
from tasks.jobs import poll_batch, submit_batch
from tasks.ledger import entries as ledger
from tasks.ledger.run import Run
from tasks.reports import close_night
from tasks.verdicts import publish

DAY = date(2026, 11, 19)
BEGIN = datetime(2026, 11, 20, 2, tzinfo=UTC)
#: And one in which a single call is lost by a run that is cancelled then, so that nobody makes it again.
SEEDS = (*range(30), 509)
MOST_ENCOUNTERS = 30
POLICY_STORMS = 6

_played: list[StormReport] = []


@pytest.mark.parametrize("seed", SEEDS)
def test_a_storm_loses_nothing_and_pays_nothing_twice(seed: int, tmp_path: Path) -> None:
    """Killed, stopped, cancelled, starved of S3 and Bedrock, and answered badly: afterwards calm runs publish each day,
    and every rule of `benchmarks/storms/invariants.py` holds."""
    report = play_storm(seed, tmp_path)
    _played.append(report)
    assert not report.findings, f"replay: python -m benchmarks.storm --first {seed} --seeds 1 --each"


@pytest.mark.parametrize("seed", range(1000, 1000 + POLICY_STORMS))
def test_a_storm_over_two_waves_loses_nothing_either(seed: int, tmp_path: Path) -> None:
    """The same with a light model first."""
    report = play_storm(seed, tmp_path, policy="light_first")
    replay = f"python -m benchmarks.storm --policy light_first --first {seed} --seeds 1 --each"
    assert not report.findings, f"replay: {replay}"


@pytest.mark.parametrize("seed", range(2000, 2000 + POLICY_STORMS))
def test_a_storm_over_packs_loses_nothing_either(seed: int, tmp_path: Path) -> None:
    """The same with several comments in a request."""
    report = play_storm(seed, tmp_path, policy="packed")
    replay = f"python -m benchmarks.storm --policy packed --first {seed} --seeds 1 --each"
    assert not report.findings, f"replay: {replay}"


def test_the_storms_were_storms() -> None:
    """What went well went well in spite of the faults: the seeds above do kill, stop, cancel and fail."""
    if len(_played) < len(SEEDS):
        pytest.skip("not all of the storms above were played")
    for what in ("kills", "pauses", "encounters", "workers", "takeovers", "cancels", "faults"):
        assert sum(getattr(report, what) for report in _played) > 5, what


def test_a_process_of_a_storm_begins_without_what_another_one_read(tmp_path: Path) -> None:
    """As after a kill: a storage remembers what it read, each process has its own, and no table is kept open."""
    world = World(BEGIN)
    with simulated():
        site = Site(tmp_path, world, Behaviour(min_records=10), min_job_records=10)
        site.put(DAY, "part-0", draw_comments(FaultPlan(0).random("comments"), DAY, 0, 20))
        site.play(DAY, "only", Process(clock=world.monotonic))
        first, second = (site.ports(name, Process(clock=world.monotonic)).storage for name in ("first", "second"))
    (listed,) = first.list(f"{site.settings.output_uri}/metrics")
    (body,) = first.read_listed([listed])
    Path(listed.uri).write_bytes(b"another")
    assert first.read_listed([listed]) == (body,)
    assert second.read_listed([listed]) == (b"another",)
    assert not [uri for uri in lake_snapshots._KNOWN if uri.startswith(str(tmp_path))]


class CarelessRun(Run):
    """A run that does not look whether another has taken the day."""

    def still_ours(self) -> None:
        """See Run."""


def forget_the_lease_when_publishing(patch: pytest.MonkeyPatch) -> None:
    """Whoever wakes up publishes."""
    for stage in (publish, close_night):
        patch.setattr(stage, "Run", CarelessRun)


def forget_the_lease_when_submitting(patch: pytest.MonkeyPatch) -> None:
    """Whoever wakes up asks."""
    for stage in (submit_batch, poll_batch):
        patch.setattr(stage, "Run", CarelessRun)
    patch.setattr(submit_batch, "read_term", lambda *_: 0)


def keep_strays(patch: pytest.MonkeyPatch) -> None:
    """An intent counts, whoever put it when."""
    patch.setattr(ledger, "without_strays", list)


def take_without_condition(patch: pytest.MonkeyPatch) -> None:
    """The lease is whoever's that wrote it last."""

    def put_if_match(self: FileStore, uri: str, body: bytes, etag: str) -> bool:
        self.put(uri, body)
        return True

    def put_if_absent(self: FileStore, uri: str, body: bytes) -> bool:
        return put_if_match(self, uri, body, "") if "/state/lease/" in uri else create(self, uri, body)

    create = FileStore.put_if_absent
    patch.setattr(FileStore, "put_if_absent", put_if_absent)
    patch.setattr(FileStore, "put_if_match", put_if_match)


def commit_to_any_version(patch: pytest.MonkeyPatch) -> None:
    """A commit starts from the version that is the last when it is made."""
    replace_day = Lake.replace_day

    def guard_first(self: Lake, *args: Any) -> int:
        *rest, guard = args
        guard()
        return replace_day(self, *rest)

    patch.setattr(Lake, "replace_day", guard_first)


def commit_without_the_days_name(patch: pytest.MonkeyPatch) -> None:
    """Commits that touch no common file do not disturb each other."""

    def without_transactions(custom_metadata: dict[str, str], **_: object) -> CommitProperties:
        return CommitProperties(custom_metadata=custom_metadata)

    patch.setattr("tasks.adapters.lake.CommitProperties", without_transactions)


def send_without_condition(patch: pytest.MonkeyPatch) -> None:
    """The plain object is whoever's that wrote it last."""

    def send_if_match(self: FileStore, path: Path, uri: str, etag: str | None) -> bool:
        self.send(path, uri)
        return True

    patch.setattr(FileStore, "send_if_match", send_if_match)


OVER = "published over a successor"


@pytest.mark.parametrize(
    ("remove", "crossroad", "rule"),
    [
        pytest.param(forget_the_lease_when_publishing, BEFORE_VERDICTS, OVER, id="lease-before-the-verdicts"),
        pytest.param(forget_the_lease_when_publishing, BEFORE_NIGHTS, OVER, id="lease-before-the-night"),
        pytest.param(forget_the_lease_when_submitting, BEFORE_INTENT, "an attempt paid twice", id="lease-when-asking"),
        pytest.param(keep_strays, BEFORE_INTENT, "an attempt paid twice", id="strays"),
        pytest.param(take_without_condition, BEFORE_LEASE, "two at once", id="conditional-lease"),
        pytest.param(commit_to_any_version, IN_VERDICTS, OVER, id="delta-version"),
        pytest.param(commit_without_the_days_name, IN_REJECTED, OVER, id="delta-transaction"),
        pytest.param(send_without_condition, BEFORE_PLAIN, "plain object differs", id="conditional-plain-object"),
    ],
)
def test_a_missing_fence_is_noticed(
    remove: Callable[[pytest.MonkeyPatch], None],
    crossroad: Crossroad,
    rule: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without any of the fences between a run that slept and its successor, a few encounters break a rule."""
    remove(monkeypatch)
    found: set[str] = set()
    for seed in range(MOST_ENCOUNTERS):
        storm = Storm(seed, tmp_path / str(seed))
        storm.plan.is_calm, storm.days = True, [DAY]
        with simulated(seed):
            storm.begin(DAY)
            storm.play_two_runs(DAY, 0, crossroad)
            storm.recover()
            storm.check()
        found |= {finding.rule for finding in storm.findings}
        if rule in found:
            return
    raise AssertionError(f"no encounter of {MOST_ENCOUNTERS} broke it; what they broke: {found}")


def test_a_seed_is_a_storm() -> None:
    """The same seed draws the same faults, another one others."""
    assert FaultPlan(7) == FaultPlan(7)
    draws = {FaultPlan(7).random("kind", "text", number).random() for number in range(3)}
    assert draws == {FaultPlan(7).random("kind", "text", number).random() for number in range(3)}
    assert draws.isdisjoint({FaultPlan(8).random("kind", "text", number).random() for number in range(3)})


def lose_a_verdict(site: Site) -> None:
    """A row goes, in the lake."""
    _publish(site, site.verdicts(DAY).height - 1)


def publish_half(site: Site) -> None:
    """Half of the rows go, in the lake."""
    _publish(site, site.verdicts(DAY).height // 2)


def _publish(site: Site, count: int) -> None:
    rows = site.verdicts(DAY).head(count).to_arrow().cast(VERDICTS.arrow_schema).to_batches()
    site.lake.replace_day(DayPaths(site.settings, DAY).lake("verdicts"), VERDICTS, DAY, rows, {})


def forget_a_job(site: Site) -> None:
    """An entry of the ledger goes."""
    entry = next(entry for entry in site.ledger(DAY) if entry.job_arn)
    site.storage.delete([DayPaths(site.settings, DAY).entry(entry.key)])


def answer_twice(site: Site) -> None:
    """Bedrock answers a record again."""
    answers = next(iter(site.bedrock.said.values()))
    answers.append(answers[0])


def charge_more(site: Site) -> None:
    """Bedrock counts more tokens than were booked."""
    arn, (read, written) = next(iter(site.bedrock.spent.items()))
    site.bedrock.spent[arn] = (read + 1, written)


#: What is said of a day that lacks verdicts: people were asked for labels of comments that have none now, too.
GONE = {
    "lost",
    "half a day",
    "plain object differs",
    "a sample of other comments",
    "asked for no verdict's label",
}


@pytest.mark.parametrize(
    ("harm", "rules"),
    [
        pytest.param(lambda site: None, set(), id="none"),
        pytest.param(lose_a_verdict, GONE, id="lost"),
        pytest.param(publish_half, GONE, id="half-a-day"),
        pytest.param(forget_a_job, {"orphaned", "unbalanced"}, id="orphaned"),
        pytest.param(answer_twice, {"an attempt paid twice", "paid after a good answer"}, id="paid-twice"),
        pytest.param(charge_more, {"booked wrongly"}, id="booked-wrongly"),
    ],
)
def test_the_rules_see_what_is_broken(harm: Callable[[Site], None], rules: set[str], tmp_path: Path) -> None:
    """Each harm that is done to a good night is found, by name."""
    world = World(BEGIN)
    with simulated():
        site = Site(tmp_path, world, Behaviour(min_records=10), min_job_records=10)
        site.put(DAY, "part-0", draw_comments(FaultPlan(0).random("comments"), DAY, 0, 20))
        site.play(DAY, "only", Process(clock=world.monotonic))
        harm(site)
        found = {
            finding.rule
            for check in (check_day(site, DAY), check_jobs(site, [DAY]), check_paid_once(site, [DAY]))
            for finding in check
        } | {finding.rule for finding in check_readers(site, DAY)}
    assert found == rules
