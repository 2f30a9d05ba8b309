"""Everything that goes wrong, drawn from one seed.

What happens to a call depends on the seed and on which call it is (whose, of what, its number), never on the order
in which threads come by: the same seed is the same storm.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass, field

from benchmarks.storms.answers import Kind
from benchmarks.storms.bedrock_behaviour import Behaviour, Course
from tasks.base.ports import JobStatus

#: An outage is drawn for each such stretch of time.
_OUTAGE_S = 120.0
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
    #: runs that were stopped for longer than a lease lives
    pauses: int = 0
    #: of these, runs that were stopped until another run of the day had ended or was held up
    encounters: int = 0
    cancels: int = 0
    faults: int = 0
    #: single calls whose answer was lost on the way, or with the process that had it
    cut_calls: int = 0


@dataclass
class FaultPlan:
    """How bad it is; `is_calm` ends it."""

    seed: int
    is_calm: bool = False
    tally: Tally = field(default_factory=Tally)

    def __post_init__(self) -> None:
        """Draw how bad."""
        draw = random.Random(f"weather {self.seed}")  # another word would draw other storms for the same seeds
        self.kill_share = draw.choice((0.005, 0.01, 0.03, 0.06))
        self.pause_share = draw.choice((0.0, 0.002, 0.01))
        self.cancel_share = draw.choice((0.0, 0.0, 0.002, 0.01))
        self.fault_share = draw.choice((0.0, 0.002, 0.01, 0.03))
        self.outage_share = draw.choice((0.0, 0.05, 0.2))
        self.bad_share = draw.choice((0.0, 0.1, 0.4))
        self.hidden_s = draw.choice((0.0, 0.0, 30.0, 600.0))
        #: Bedrock does not know a client request token again
        self.forgets_tokens = self.hidden_s == 0 and draw.random() < 0.5
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

    def behaviour(self, quota: int, min_records: int) -> Behaviour:
        """How a Bedrock behaves by this plan.

        Its memory of tokens fails only where its listings do not lag: one of both must hold, or nobody could know
        whether a call had been accepted.
        """
        return Behaviour(
            kind=self._kind,
            course=self._course,
            strangers=lambda number: int(self.strikes(0.1, "strangers", number)),
            quota=quota,
            min_records=min_records,
            forgets_tokens=self.forgets_tokens,
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
