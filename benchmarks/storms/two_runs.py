"""Two runs of one day, one in the middle of the other.

A run is stopped at a chosen call, as SIGSTOP would: its lease runs out, the day's input moves on, another run takes the
day. Then the first goes on where it stood and knows nothing of all that, either after its successor's end or while that
one is held up at a call of its own.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Literal, NamedTuple

from benchmarks.storms.kill_points import WRITES
from benchmarks.storms.world import Life, World
from tasks.ledger.lease import FREE_AFTER_S

#: Within a commit: its guard has passed, nothing is written yet.
When = Literal["before", "after", "within"]

_LOOK_AGAIN_S = 20.0


class Crossroad(NamedTuple):
    """A call at which it matters who holds the day: its verbs, and how what it is about begins."""

    when: When
    verbs: frozenset[str]
    target: str = ""

    def is_met(self, when: str, verb: str, target: str) -> bool:
        """Whether a call is one of these."""
        return when == self.when and verb in self.verbs and target.startswith(self.target)


def _at(when: When, verbs: str, target: str = "") -> Crossroad:
    return Crossroad(when, frozenset(verbs.split()), target)


BEFORE_LEASE = _at("before", "put_if_absent put_if_match put", "output/state/lease/")
BEFORE_INTENT = _at("before", "put_if_absent put", "output/ledger/")
BEFORE_VERDICTS = _at("before", "replace_day", "output/lake/verdicts")
IN_VERDICTS = _at("within", "replace_day", "output/lake/verdicts")
IN_REJECTED = _at("within", "replace_day", "output/lake/rejected")
BEFORE_PLAIN = _at("before", "send_if_match", "output/verdicts/")
BEFORE_NIGHTS = _at("before", "replace_day", "output/lake/nights")
ANYWHERE = Crossroad("before", WRITES)
#: Where a run may be stopped so that its waking up would do harm, if nothing kept it from that; where it needs more to
#: come together, twice.
CROSSROADS = (
    BEFORE_LEASE,
    BEFORE_INTENT,
    BEFORE_VERDICTS,
    IN_VERDICTS,
    IN_REJECTED,
    BEFORE_PLAIN,
    BEFORE_LEASE,
    BEFORE_INTENT,
    BEFORE_NIGHTS,
    _at("within", "replace_day", "output/lake/nights"),
    _at("before", "create_job"),
    _at("after", "create_job"),
    _at("before", "put_if_absent", "batch/"),
    _at("before", "invoke"),
    ANYWHERE,
)


class Stop:
    """Stops a run at its `number`-th call at a crossroad, and says what happens meanwhile.

    Args:
        is_silent: whether its heart stops too; otherwise it is only held up.
    """

    def __init__(
        self, crossroad: Crossroad, number: int, meanwhile: Callable[[Life], None], *, is_silent: bool
    ) -> None:
        self.meanwhile, self.is_silent = meanwhile, is_silent
        self._crossroad, self._left = crossroad, number

    def is_here(self, when: str, verb: str, target: str) -> bool:
        """Whether this is the call; asked once for each call, in their order."""
        self._left -= self._crossroad.is_met(when, verb, target)
        return self._left == 0 and self._crossroad.is_met(when, verb, target)


class TwoRuns:
    """Where two runs of a day are stopped.

    Args:
        succeed: starts the second run so many seconds from now, with a stop of its own.
    """

    def __init__(
        self, world: World, draw: random.Random, crossroad: Crossroad, succeed: Callable[[Stop, float], Life]
    ) -> None:
        self._world, self._succeed = world, succeed
        self._delay_s = FREE_AFTER_S + draw.choice((1, 100, 5000))
        number = draw.randrange(1, 60) if crossroad is ANYWHERE else draw.choice((1, 1, 2))
        self.first = Stop(crossroad, number, self._sleep, is_silent=True)
        # In the other half of the encounters the second run comes to its end before the first wakes up.
        is_held_up = crossroad is BEFORE_LEASE or draw.random() < 0.5
        # Where both are about to ask for the same, or anywhere.
        other, number = (crossroad, 1) if crossroad is BEFORE_INTENT else (ANYWHERE, draw.randrange(2, 50))
        self._second = Stop(other, number if is_held_up else 0, self._hold_up, is_silent=False)
        self._sleeper: Life | None = None
        self._is_held_up = False

    def _sleep(self, life: Life) -> None:
        """The first run's, until its successor has ended or is held up."""
        self._sleeper = life
        successor = self._succeed(self._second, self._delay_s)
        while not (successor.is_over or self._is_held_up):
            self._world.pause(life, _LOOK_AGAIN_S)

    def _hold_up(self, life: Life) -> None:
        """The second run's, until the first one has ended."""
        self._is_held_up = True
        while self._sleeper is not None and not self._sleeper.is_over:
            self._world.pause(life, _LOOK_AGAIN_S)
