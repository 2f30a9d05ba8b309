"""Everything that goes wrong, drawn from one seed.

What happens to a call depends on the seed and on which call it is (whose, of what, the how manieth), never on the order
in which threads come by: the same seed is the same storm.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.storms.answers import Kind
from sandbox.storms.fate import WRITES, Fate
from sandbox.storms.manners import Course, Manners
from sandbox.storms.world import Life, World
from tasks.errors import BedrockUnavailable, StorageUnavailable
from tasks.lease import FREE_AFTER_S
from tasks.ports import JobRequest, JobStatus, RecordFailed

#: Simulated seconds that a call takes.
_LATENCY_S = 0.1
#: An outage is drawn for each such stretch of time.
_OUTAGE_S = 120.0
#: So many times as likely is harm where it does most: what Bedrock takes, and what readers see.
_CROSSROADS = 5
#: Share of the calls that fail in one.
_OUTAGE_FAILS = 0.8
_ENDS = (
    (JobStatus.COMPLETED, 12),
    (JobStatus.PARTIALLY_COMPLETED, 3),
    (JobStatus.FAILED, 2),
    (JobStatus.STOPPED, 2),
    (JobStatus.EXPIRED, 2),
)
_BAD_KINDS = tuple(kind for kind in Kind if kind is not Kind.GOOD)


@dataclass
class Tally:
    """What a storm did."""

    kills: int = 0
    pauses: int = 0
    cancels: int = 0
    faults: int = 0
    #: single calls whose answer was lost on the way, or with the process that had it
    cut_calls: int = 0


@dataclass
class Weather:
    """How bad it is; `is_calm` ends it."""

    seed: int
    is_calm: bool = False
    tally: Tally = field(default_factory=Tally)

    def __post_init__(self) -> None:
        """Draw how bad."""
        draw = random.Random(f"weather {self.seed}")
        self.kill_share = draw.choice((0.005, 0.01, 0.03, 0.06))
        self.pause_share = draw.choice((0.0, 0.002, 0.01))
        self.cancel_share = draw.choice((0.0, 0.0, 0.002, 0.01))
        self.fault_share = draw.choice((0.0, 0.002, 0.01, 0.03))
        self.outage_share = draw.choice((0.0, 0.05, 0.2))
        self.bad_share = draw.choice((0.0, 0.1, 0.4))
        self.hidden_s = draw.choice((0.0, 0.0, 30.0, 600.0))
        self.stuck_share = draw.choice((0.0, 0.0, 0.3))
        self.deaf_share = draw.choice((0.0, 0.0, 0.5))
        self.bad_end_share = draw.choice((0.0, 0.5, 1.0))

    def random(self, *key: object) -> random.Random:
        """The draws that belong to a key."""
        return random.Random(hashlib.blake2b(repr((self.seed, *key)).encode(), digest_size=8).digest())

    def strikes(self, share: float, *key: object) -> bool:
        """Whether something of this likelihood happens to this key."""
        return not self.is_calm and share > 0 and self.random(*key).random() < share

    def is_out(self, service: str, now_s: float) -> bool:
        """Whether a service is in an outage."""
        return self.strikes(self.outage_share, "outage", service, int(now_s // _OUTAGE_S))

    def manners(self, quota: int, min_records: int) -> Manners:
        """A Bedrock for this weather. Its memory of tokens fails only where its listings do not lag: one of both must
        hold, or nobody could know whether a call had been accepted."""
        draw = self.random("manners")
        return Manners(
            kind=self._kind,
            course=self._course,
            strangers=lambda number: int(self.strikes(0.1, "strangers", number)),
            quota=quota,
            min_records=min_records,
            forgets_tokens=self.hidden_s == 0 and draw.random() < 0.5,
        )

    def _kind(self, text: str, before: int) -> Kind:
        if not self.strikes(self.bad_share, "kind", text, before):
            return Kind.GOOD
        return self.random("which kind", text, before).choice(_BAD_KINDS)

    def _course(self, number: int) -> Course:
        draw = self.random("course", number)
        if self.is_calm:
            return Course(wait_s=60, work_s=600)
        end, share = JobStatus.COMPLETED, 1.0
        if self.strikes(self.bad_end_share, "end", number):
            end = draw.choices([end for end, _ in _ENDS], weights=[weight for _, weight in _ENDS])[0]
            share = 1.0 if end is JobStatus.COMPLETED else draw.choice((0.0, draw.random(), 1.0))
        is_stuck = self.strikes(self.stuck_share, "stuck", number)
        return Course(
            end=end,
            share=share,
            wait_s=draw.expovariate(1 / 300),
            work_s=30 * 3600.0 if is_stuck else draw.expovariate(1 / 1200),
            hidden_s=self.hidden_s * draw.random(),
            stop_s=None if self.strikes(self.deaf_share, "deaf", number) else draw.expovariate(1 / 60),
        )


class StormyFate(Fate):
    """A process in a storm: any call may fail before or after it is made, stop the process for a while, or kill it."""

    def __init__(self, world: World, weather: Weather, run_id: str, root: Path) -> None:
        super().__init__(clock=world.monotonic)
        self.life: Life | None = None
        self._root = f"{root}/"
        self._world, self._weather, self._run_id = world, weather, run_id
        self._counts: Counter[tuple[str, str]] = Counter()
        #: single calls that were answered and are not stored yet; and canaries, which the process itself asks
        self._unstored = self._untold = 0
        self._is_cancelled = False

    def call(self, port: Any, name: str, function: Any, *args: Any, **kwargs: Any) -> Any:
        """See Fate; a commit may also be held up between its guard and its writing."""
        if name == "replace_day" and len(args) > _GUARD:
            guard = args[_GUARD]

            def held_up() -> None:
                guard()
                self._stop_for_a_while("guarded", _target(args, self._root))

            args = (*args[:_GUARD], held_up, *args[_GUARD + 1 :])
        try:
            return super().call(port, name, function, *args, **kwargs)
        except RecordFailed:  # an answer like any other, but to a canary it is none
            self._unstored += not self._is_itself()
            self._weather.tally.cut_calls += self._is_itself()
            raise

    def before(self, port: Any, name: str, args: tuple[Any, ...]) -> None:
        """See Fate."""
        target = _target(args, self._root)
        self._counts[name, target] += 1
        self._world.pause(self.life, _LATENCY_S)
        self._kill_or_fail("before", name, target)
        self._stop_for_a_while(name, target)
        self._cancel(name, target)

    def after(self, port: Any, name: str, args: tuple[Any, ...]) -> None:
        """See Fate."""
        target = _target(args, self._root)
        if name == "invoke" and self._is_itself():
            self._untold = 1
        elif name == "put" and self._is_itself() and target.startswith("output/ledger/"):
            self._untold = 0
        else:
            self._unstored += (name == "invoke") - _is_answer(name, target)
        if name in WRITES:
            self._kill_or_fail("after", name, target)

    def _lose_canary(self) -> None:
        """What stops the process itself between a canary and its booking makes it try again."""
        self._weather.tally.cut_calls, self._untold = self._weather.tally.cut_calls + self._untold, 0

    def _is_itself(self) -> bool:
        """Whether the process itself calls, and none of its helper threads."""
        return self._world.current() is self.life

    def die(self) -> None:
        """See Fate; the single calls whose answers are not stored yet are lost with the process."""
        self._weather.tally.kills += 1
        self._weather.tally.cut_calls += self._unstored + self._untold
        super().die()

    def _kill_or_fail(self, when: str, name: str, target: str) -> None:
        weather = self._weather
        key = (when, self._run_id, name, target, self._counts[name, target])
        worse = _CROSSROADS if name in ("create_job", "stop_job", "replace_day") else 1
        if name in WRITES and weather.strikes(weather.kill_share * worse, "kill", *key):
            self.die()
        service = "bedrock" if name in _BEDROCK else "storage"
        share = _OUTAGE_FAILS if weather.is_out(service, self._world.now_s) else weather.fault_share * worse
        if weather.strikes(share, "fault", *key):
            weather.tally.faults += 1
            if self._is_itself():
                self._lose_canary()
            elif (when == "after" and name == "invoke") or (when == "before" and _is_answer(name, target)):
                weather.tally.cut_calls, self._unstored = weather.tally.cut_calls + 1, self._unstored - 1
            error = BedrockUnavailable if name in _BEDROCK else StorageUnavailable
            raise error(f"{name} {target}: the storm, {when} it was done")

    def _stop_for_a_while(self, name: str, target: str) -> None:
        """As SIGSTOP and SIGCONT would: the heart does not beat, and afterwards the process knows nothing of it."""
        weather, key = self._weather, (self._run_id, name, target, self._counts[name, target])
        if weather.strikes(weather.pause_share * (10 if name == "guarded" else 1), "pause", *key):
            weather.tally.pauses += 1
            self.silent_since_s = self._world.now_s
            self._world.pause(self.life, weather.random("how long", *key).choice((1, FREE_AFTER_S * 2, 3600)))
            self.silent_since_s = None

    def _cancel(self, name: str, target: str) -> None:
        """As Ctrl-C or a cancellation in Prefect's UI would: once, and the process may still clear up."""
        key = ("cancel", self._run_id, name, target, self._counts[name, target])
        if not self._is_cancelled and self._is_itself() and self._weather.strikes(self._weather.cancel_share, *key):
            self._is_cancelled = True
            self._lose_canary()
            self._weather.tally.cancels += 1
            raise KeyboardInterrupt


_BEDROCK = frozenset({"create_job", "get_job", "find_jobs", "list_jobs", "stop_job", "invoke"})
#: The place of `guard` among the arguments of Lake.replace_day.
_GUARD = 5


def _is_answer(name: str, target: str) -> bool:
    """Whether a call stores the answer of a single call."""
    return name == "put" and "/on-demand/" in target and target.endswith(".out")


def _target(args: tuple[Any, ...], root: str) -> str:
    """What a call is about: keys below the site's root, and names of jobs."""
    keys = [str(arg).removeprefix(root) for arg in args if isinstance(arg, str) and arg.startswith(root)]
    return " ".join(keys + [arg.job_name for arg in args if isinstance(arg, JobRequest)])
