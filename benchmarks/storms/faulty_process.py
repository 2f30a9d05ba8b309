"""A process in a storm: what the plan of faults does to each of its calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from benchmarks.storms.fault_plan import FaultPlan
from benchmarks.storms.kill_points import WRITES, Process
from benchmarks.storms.two_runs import Stop
from benchmarks.storms.world import Life, World
from tasks.base.errors import BedrockUnavailable, StorageUnavailable
from tasks.base.ports import JobRequest, RecordFailed
from tasks.ledger.lease import FREE_AFTER_S

#: Simulated seconds that a call takes.
_LATENCY_S = 0.1
#: So many times as likely is harm where it does most: what Bedrock takes, and what readers see.
_CROSSROADS = 5
#: Share of the calls that fail in an outage.
_OUTAGE_FAILS = 0.8


class FaultyProcess(Process):
    """A process in a storm: any call may fail before or after it is made, stop the process for a while, or kill it."""

    def __init__(
        self,
        world: World,
        plan: FaultPlan,
        run_id: str,
        root: Path,
        stop: Stop | None = None,
        danger: float = 1.0,
    ) -> None:
        """`stop` is made for certain; the plan's harm is this likely of what it would be, by `danger`."""
        super().__init__(clock=world.monotonic)
        self.life: Life | None = None
        self._stop, self._danger = stop, danger
        self._root = f"{root}/"
        self._world, self._plan, self._run_id = world, plan, run_id
        self._counts: Counter[tuple[str, str]] = Counter()
        #: single calls that were answered and are not stored yet; and canaries, which the process itself asks
        self._unstored = self._untold = 0
        #: single calls that are on record as begun, and whose answers are not stored
        self._begun = 0
        self._is_cancelled = False

    def call(self, port: Any, name: str, function: Any, *args: Any, **kwargs: Any) -> Any:
        """See Process; a commit may also be held up between its guard and its writing."""
        if name == "replace_day" and len(args) > _GUARD:
            guard = args[_GUARD]

            def held_up() -> None:
                guard()
                self._meet("within", name, _target(args, self._root))
                self._stop_for_a_while("guarded", _target(args, self._root))

            args = (*args[:_GUARD], held_up, *args[_GUARD + 1 :])
        try:
            return super().call(port, name, function, *args, **kwargs)
        except RecordFailed:  # an answer like any other, but to a canary it is none
            self._unstored += not self._is_itself()
            self._plan.tally.cut_calls += self._is_itself()
            raise

    def before(self, port: Any, name: str, args: tuple[Any, ...]) -> None:
        """See Process."""
        target = _target(args, self._root)
        self._counts[name, target] += 1
        self._world.pause(self.life, _LATENCY_S)
        self._meet("before", name, target)
        self._kill_or_fail("before", name, target)
        self._stop_for_a_while(name, target)
        self._cancel(name, target)

    def after(self, port: Any, name: str, args: tuple[Any, ...]) -> None:
        """See Process."""
        target = _target(args, self._root)
        if name == "invoke" and self._is_itself():
            self._untold = 1
        elif name == "put" and self._is_itself() and target.startswith("output/ledger/"):
            self._untold = 0
        else:
            self._unstored += (name == "invoke") - _is_answer(name, target)
        self._begun += _is_call(name, target) - _is_answer(name, target)
        self._meet("after", name, target)
        if name in WRITES:
            self._kill_or_fail("after", name, target)

    def _lose_canary(self) -> None:
        """What stops the process itself between a canary and its booking makes it try again."""
        self._plan.tally.cut_calls, self._untold = self._plan.tally.cut_calls + self._untold, 0

    def _is_itself(self) -> bool:
        """Whether the process itself calls, and none of its helper threads."""
        return self._world.current() is self.life

    def die(self) -> None:
        """See Process; the single calls whose answers are not stored yet are lost with the process."""
        self._plan.tally.kills += 1
        self._plan.tally.cut_calls += self._unstored + self._untold
        super().die()

    def _kill_or_fail(self, when: str, name: str, target: str) -> None:
        plan = self._plan
        key = (when, self._run_id, name, target, self._counts[name, target])
        worse = _CROSSROADS if name in ("create_job", "stop_job", "replace_day") else 1
        if name in WRITES and plan.strikes(plan.kill_share * worse * self._danger, "kill", *key):
            self.die()
        service = "bedrock" if name in _BEDROCK else "storage"
        share = _OUTAGE_FAILS if plan.is_out(service, self._world.now_s) else plan.fault_share * worse
        if plan.strikes(share * self._danger, "fault", *key):
            plan.tally.faults += 1
            if self._is_itself():
                self._lose_canary()
            elif (when == "after" and name == "invoke") or (when == "before" and _is_answer(name, target)):
                plan.tally.cut_calls, self._unstored = plan.tally.cut_calls + 1, self._unstored - 1
            error = BedrockUnavailable if name in _BEDROCK else StorageUnavailable
            raise error(f"{name} {target}: the storm, {when} it was done")

    def _stop_for_a_while(self, name: str, target: str) -> None:
        """As SIGSTOP and SIGCONT would: the heart does not beat, and afterwards the process knows nothing of it."""
        plan, key = self._plan, (self._run_id, name, target, self._counts[name, target])
        share = plan.pause_share * (10 if name == "guarded" else 1) * self._danger
        if self._may_sleep("before", name) and plan.strikes(share, "pause", *key):
            pause_s = plan.random("how long", *key).choice((1, FREE_AFTER_S * 2, 3600))
            with self._asleep(name):
                self._world.pause(self.life, pause_s)

    def _may_sleep(self, when: str, name: str) -> bool:
        """Not between the look for a job and the call that makes it, if Bedrock's memory of tokens is as short: nobody
        could be kept from asking again then, see `tasks/jobs/submit_batch.py`."""
        return not (self._plan.forgets_tokens and when == "before" and name == "create_job")

    def _meet(self, when: str, name: str, target: str) -> None:
        """Stop where `TwoRuns` wants it."""
        stop = self._stop
        if stop is None or self.life is None or not stop.is_here(when, name, target):
            return
        if not self._may_sleep(when, name):
            return
        self._stop = None
        self._plan.tally.encounters += stop.is_silent
        with self._asleep(name) if stop.is_silent else nullcontext():
            stop.meanwhile(self.life)

    @contextmanager
    def _asleep(self, name: str) -> Iterator[None]:
        """Let the heart stand still for the block; whoever takes the day makes the calls again that are in flight."""
        begun_s = self.silent_since_s = self._world.now_s
        yield
        self.silent_since_s, self.awake_since_s = None, self._world.now_s
        if self.awake_since_s - begun_s > FREE_AFTER_S:
            self._plan.tally.pauses += 1
            is_canary = name == "invoke" and self._is_itself()
            self._plan.tally.cut_calls += max(self._begun, 0) + max(self._untold, is_canary)
            self._begun = self._untold = 0

    def _cancel(self, name: str, target: str) -> None:
        """As Ctrl-C or a cancellation in Prefect's UI would: once, and the process may still clear up."""
        key, share = ("cancel", self._run_id, name, target, self._counts[name, target]), self._plan.cancel_share
        if not self._is_cancelled and self._is_itself() and self._plan.strikes(share * self._danger, *key):
            self._is_cancelled = True
            self._lose_canary()
            self._plan.tally.cancels += 1
            raise KeyboardInterrupt


_BEDROCK = frozenset({"create_job", "get_job", "find_jobs", "list_jobs", "stop_job", "invoke"})
#: The place of `guard` among the arguments of Lake.replace_day.
_GUARD = 5


def _is_answer(name: str, target: str) -> bool:
    """Whether a call stores the answer of a single call."""
    return name == "put" and "/on-demand/" in target and target.endswith(".out")


def _is_call(name: str, target: str) -> bool:
    """Whether a call puts a single call on record, before it is made."""
    return name == "put_if_absent" and target.endswith(".call")


def _target(args: tuple[Any, ...], root: str) -> str:
    """What a call is about: keys below the site's root, and names of jobs."""
    keys = [str(arg).removeprefix(root) for arg in args if isinstance(arg, str) and arg.startswith(root)]
    return " ".join(keys + [arg.job_name for arg in args if isinstance(arg, JobRequest)])
