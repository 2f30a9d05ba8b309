"""Nights in simulated time whose jobs are late, stuck or stopped."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from benchmarks.storms.bedrock_behaviour import Behaviour, Course
from benchmarks.storms.comments import draw_comments
from benchmarks.storms.invariants import check_day, check_jobs, check_paid_once
from benchmarks.storms.kill_points import Process
from benchmarks.storms.site import Site
from benchmarks.storms.world import World

DAY = date(2026, 11, 19)


NOW = datetime(2026, 11, 20, 2, tzinfo=UTC)
HOUR = 3600.0
DEADLINE_H = 2.0


def now() -> datetime:
    """The time of the night, which stands still."""
    return NOW


def late_site(root: Path, world: World, behaviour: Behaviour, *, count: int = 240, **settings: Any) -> Site:
    """A site with a day of comments, two shards of them, and a deadline in two hours."""
    given = {"deadline_h": DEADLINE_H, "max_shard_records": 120, "preflight_canary": False, "stop_wait_s": 600.0}
    site = Site(root, world, behaviour, **(given | settings))
    site.put(DAY, "a", draw_comments(random.Random(1), DAY, 0, count))
    return site


def courses(*each: Course) -> Callable[[int], Course]:
    """These courses for the first jobs, in order; the others have a good day."""
    return lambda number: each[number] if number < len(each) else Course()


def play(site: Site, run_id: str) -> Any:
    """A night that nobody kills."""
    return site.play(DAY, run_id, Process())


def check_books(site: Site) -> None:
    """Nothing is lost, paid twice or orphaned, and the books balance."""
    assert not [*check_day(site, DAY), *check_jobs(site, [DAY]), *check_paid_once(site, [DAY])]


def statuses(site: Site) -> dict[str, int]:
    """What was published, by status."""
    return dict(site.verdicts(DAY).group_by("status").len().iter_rows())
