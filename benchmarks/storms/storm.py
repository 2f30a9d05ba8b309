"""One seed: a few days of faults, run and run again, then calm runs until each is published."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import ParamSpec, TypeVar

import polars as pl

from benchmarks.storms.comments import draw_comments
from benchmarks.storms.fault_plan import FaultPlan
from benchmarks.storms.faulty_process import FaultyProcess
from benchmarks.storms.invariants import (
    Finding,
    check_calls,
    check_day,
    check_golden,
    check_jobs,
    check_paid_once,
    check_readers,
    check_succession,
    count_golden,
    count_repeated_calls,
)
from benchmarks.storms.kill_points import Killed
from benchmarks.storms.simulated_clock import DyingWorkers, simulated
from benchmarks.storms.site import LIGHT_MODEL, SMALL_PACK, Site
from benchmarks.storms.two_runs import CROSSROADS, Crossroad, Stop, TwoRuns
from benchmarks.storms.world import Life, World
from prompts.policies import PLAIN
from tasks.adapters import Adapters
from tasks.base.errors import (
    DayInUse,
    DeadlinePassed,
    InputChanged,
    JobFailed,
    LeaseLost,
    ModerationError,
    TooFewJudged,
    Transient,
)
from tasks.base.steps import PlainSteps, working_with

P = ParamSpec("P")
R = TypeVar("R")

_FIRST_DAY = date(2026, 11, 17)
_BEGIN = datetime(2026, 11, 20, 2, tzinfo=UTC)
#: Ends that a storm may well bring about; any other error is a defect.
_EXPECTED = (DayInUse, DeadlinePassed, InputChanged, JobFailed, LeaseLost, TooFewJudged, Transient)
#: Rules whose break is a loss.
_LOSSES = ("lost", "answer lost", "orphaned", "not published")
_RETRY_S = (5.0, 30.0, 120.0)
#: Runs whose parts are done by workers.
_SHARED = 0.3
_MOST_CALM_RUNS = 12
_CALM_GAP_S = 600.0


@dataclass(frozen=True)
class StormReport:
    """What a storm did, and what it left."""

    seed: int
    nights: int = 0
    comments: int = 0
    runs: int = 0
    kills: int = 0
    pauses: int = 0
    encounters: int = 0
    workers: int = 0
    takeovers: int = 0
    cancels: int = 0
    faults: int = 0
    jobs: int = 0
    paid_records: int = 0
    calls: int = 0
    golden_records: int = 0
    lost: int = 0
    paid_twice: int = 0
    repeated_calls: int = 0
    #: of the slowest day: calm runs, and simulated seconds from the first one's begin, until it was published
    recovery_runs: int = 0
    recovery_s: float = 0.0
    findings: tuple[Finding, ...] = ()
    #: how each run ended
    ends: tuple[str, ...] = ()


class RetryingSteps(PlainSteps):
    """Stages that are retried after a transient error, as Prefect's task retries would."""

    def __init__(self, world: World) -> None:
        super().__init__(world.monotonic, lambda *_: None)
        self._world = world

    def __call__(self, stage: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """See Steps."""
        for delay_s in _RETRY_S:
            with suppress(Transient):
                return super().__call__(stage, *args, **kwargs)
            self._world.sleep(delay_s)
        return super().__call__(stage, *args, **kwargs)


class Storm:
    """One storm over one site."""

    def __init__(self, seed: int, root: Path, golden_pack: str = SMALL_PACK, policy: str = PLAIN) -> None:
        self.plan, self.world = FaultPlan(seed), World(_BEGIN)
        self.draw = draw = random.Random(f"storm {seed}")
        self.ends: list[str] = []
        self.findings: list[Finding] = []
        self.encounters = 0
        self.workers = 0
        #: of each day, how many calm runs it took until it was published, and how many seconds
        self.recoveries: list[tuple[int, float]] = []
        min_records = draw.choice((3, 8))
        behaviour = self.plan.behaviour(draw.choice((1, 2, 100)), min_records)
        self.site = Site(
            root,
            self.world,
            behaviour,
            min_job_records=min_records,
            max_shard_records=draw.choice((2 * min_records, 1000)),
            max_jobs_in_flight=draw.choice((1, 2, 100)),
            max_attempts=draw.choice((1, 2, 3)),
            min_judged_fraction=draw.choice((0.0, 0.5, 0.9)),
            deduplicate=draw.random() < 0.8,
            deadline_h=draw.choice((0.5, 2, 24)),
            on_demand_concurrency=draw.choice((1, 1, 3)),
            lease_wait_s=draw.choice((0, 120)),
            at_deadline=draw.choice(("publish", "stop")),
            stop_wait_s=draw.choice((0, 600)),
            preflight_canary=draw.random() < 0.5,
            golden_pack=golden_pack,
            policy=policy,
            light_model_id=LIGHT_MODEL,
        )
        self.days = [_FIRST_DAY + timedelta(days=number) for number in range(draw.choice((1, 1, 2)))]

    def play(self) -> None:
        """The storm, then calm runs until all days are published."""
        for day in self.days:
            self.begin(day)
            for number in range(self.draw.choice((3, 4))):
                if number == 0 or self.draw.random() < 0.25:
                    # One after the other, so that a few seeds have them all.
                    self.play_two_runs(
                        day, number, CROSSROADS[(self.plan.seed + 4 * self.encounters) % len(CROSSROADS)]
                    )
                else:
                    self._disturbed_runs(day, number)
                if self.draw.random() < 0.25:
                    self._change_input(day, number)
                self.world.sleep(self.draw.choice((1, 30, 600, 20_000)))
        self.recover()

    def begin(self, day: date) -> None:
        """Give a day its input."""
        self.site.put(day, "part-0", draw_comments(self.draw, day, 0, self.draw.choice((1, 5, 15, 30, 40))))

    def play_two_runs(self, day: date, number: int, crossroad: Crossroad) -> None:
        """A run that is stopped at a crossroad, and its successor, which mostly finds another input."""
        danger, changes = self.draw.choice((0.0, 0.0, 0.1, 0.5)), self.draw.random() < 0.8

        def succeed(stop: Stop, delay_s: float) -> Life:
            if changes:
                self._change_input(day, number)
            return self._start(day, f"{day}-{number}-successor", delay_s, stop, danger)

        self.encounters += 1
        both = TwoRuns(self.world, self.draw, crossroad, succeed)
        self._start(day, f"{day}-{number}-sleeper", 0, both.first, danger)
        self.world.run()
        self._look(day)

    def recover(self) -> None:
        """Calm runs until all days are published."""
        self.plan.is_calm = True
        # What was refused is not asked again: if that is most of a day, somebody must say that it may be published.
        self.site.settings = self.site.settings.model_copy(update={"min_judged_fraction": 0.0})
        self.site.bedrock.relent()
        for day in self.days:
            begun_s = self.world.now_s
            self.recoveries.append((self._recover(day), self.world.now_s - begun_s))

    def check(self) -> None:
        """Hold everything against the rules."""
        for day in self.days:
            self.findings += check_day(self.site, day)
            self.findings += check_golden(self.site, day)
        self.findings += check_jobs(self.site, self.days)
        self.findings += check_paid_once(self.site, self.days)
        repeated = count_repeated_calls(self.site, self.days)
        if repeated > self.plan.tally.cut_calls:
            self.findings.append(Finding("calls repeated", repeated, f"{self.plan.tally.cut_calls} were cut"))
        self.findings += check_calls(self.site, self.days)

    def _disturbed_runs(self, day: date, number: int) -> None:
        """One run, or two at once."""
        for twin in range(2 if self.draw.random() < 0.4 else 1):
            self._start(day, f"{day}-{number}-{twin}", self.draw.choice((0, 0, 3, 300)) if twin else 0)
        self.world.run()
        self._look(day)

    def _recover(self, day: date) -> int:
        """Undisturbed runs of a day until it is published; how many."""
        for number in range(1, _MOST_CALM_RUNS + 1):
            run_id = f"{day}-calm-{number}"
            self._start(day, run_id)
            self.world.run()
            self._look(day)
            if self.ends[-1] == "published":
                return number
            self.world.sleep(_CALM_GAP_S)
        self.findings.append(Finding("not published", 1, f"{day} after {_MOST_CALM_RUNS} calm runs: {self.ends[-1]}"))
        return _MOST_CALM_RUNS

    def _start(self, day: date, run_id: str, delay_s: float = 0, stop: Stop | None = None, danger: float = 1.0) -> Life:
        process = FaultyProcess(self.world, self.plan, run_id, self.site.root, stop, danger)
        process.life = self.world.start(lambda: self._run(day, run_id, process), delay_s)
        return process.life

    def _look(self, day: date) -> None:
        """Hold a day against the rules that hold at any time."""
        self.findings += check_readers(self.site, day)
        self.findings += check_succession(self.site, day)

    def _crew_of(self, run_id: str, process: FaultyProcess) -> AbstractContextManager[None]:
        """Workers of its own for some of the runs; they share the run's life, so that only their ports are apart."""
        if not self.plan.strikes(_SHARED, "workers", run_id):
            return nullcontext()
        hired = count(1)

        def hire() -> tuple[FaultyProcess, Adapters]:
            name = f"{run_id}-worker-{next(hired)}"
            worker = FaultyProcess(self.world, self.plan, name, self.site.root)
            worker.life = process.life
            self.workers += 1
            return worker, self.site.ports(name, worker)

        return working_with(DyingWorkers(hire))

    def _run(self, day: date, run_id: str, process: FaultyProcess) -> None:
        try:
            with self._crew_of(run_id, process):
                self.site.play(day, run_id, process, RetryingSteps(self.world))
            end = "published"
        except Killed:
            end = "killed"
        except KeyboardInterrupt:
            end = "cancelled"
        except _EXPECTED as error:
            end = f"{type(error).__name__}: {error}"
        except ModerationError as error:
            end = f"{type(error).__name__}: {error}"
            self.findings.append(Finding("unexpected end", 1, f"{run_id}: {end}"))
        self.ends.append(end)

    def _change_input(self, day: date, number: int) -> None:
        """A late file, or an object that upstream corrects."""
        if self.draw.random() < 0.5:
            late = draw_comments(self.draw, day, 1000 * (number + 1), self.draw.choice((1, 10)))
            self.site.put(day, f"part-{number + 1}", late)
        else:
            changed = draw_comments(self.draw, day, 0, self.draw.choice((3, 12)))
            text = pl.col("text").str.replace("No.", f"Now No.9{number}", literal=True)
            self.site.put(day, "part-0", changed.with_columns(text))


def play_storm(seed: int, root: Path, golden_pack: str = SMALL_PACK, policy: str = PLAIN) -> StormReport:
    """Play one storm in an empty folder and hold what it left against the rules."""
    storm = Storm(seed, root, golden_pack, policy)
    with simulated(seed):
        storm.play()
        storm.check()
    # What is broken for good is found at each look.
    tally, findings = storm.plan.tally, tuple(dict.fromkeys(storm.findings))
    return StormReport(
        seed=seed,
        nights=len(storm.days),
        comments=sum(len(storm.site.valid_ids(day)) for day in storm.days),
        runs=len(storm.ends),
        kills=tally.kills,
        pauses=tally.pauses,
        encounters=tally.encounters,
        workers=storm.workers,
        takeovers=sum(taking.from_run_id is not None for takings in storm.site.takings.values() for taking in takings),
        cancels=tally.cancels,
        faults=tally.faults,
        lost=sum(item.record_count for item in findings if item.rule in _LOSSES),
        paid_twice=sum(item.record_count for item in findings if "paid" in item.rule),
        repeated_calls=count_repeated_calls(storm.site, storm.days),
        recovery_runs=max(runs for runs, _ in storm.recoveries),
        recovery_s=max(took_s for _, took_s in storm.recoveries),
        findings=findings,
        ends=tuple(storm.ends),
        jobs=len(storm.site.bedrock.jobs),
        paid_records=sum(len(said) for said in storm.site.bedrock.said.values()),
        calls=sum(storm.site.bedrock.calls.values()),
        golden_records=sum(count_golden(storm.site, day) for day in storm.days),
    )
