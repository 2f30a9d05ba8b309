"""Seeded nights in which everything goes wrong together, in simulated time; more of them: `benchmarks/storm.py`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from data_contracts.verdicts import VERDICTS
from sandbox.storms.comments import draw_comments
from sandbox.storms.fate import Fate
from sandbox.storms.invariants import check_day, check_jobs, check_paid_once, check_readers
from sandbox.storms.manners import Manners
from sandbox.storms.simulation import simulated
from sandbox.storms.site import Site
from sandbox.storms.storm import StormReport, play_storm
from sandbox.storms.weather import Weather
from sandbox.storms.world import World
from tasks.paths import DayPaths

DAY = date(2026, 11, 19)
BEGIN = datetime(2026, 11, 20, 2, tzinfo=UTC)
SEEDS = range(30)

_played: list[StormReport] = []


@pytest.mark.parametrize("seed", SEEDS)
def test_a_storm_loses_nothing_and_pays_nothing_twice(seed: int, tmp_path: Path) -> None:
    """Killed, stopped, cancelled, starved of S3 and Bedrock, and answered badly: afterwards calm runs publish each day,
    and every rule of `sandbox/storms/invariants.py` holds."""
    report = play_storm(seed, tmp_path)
    _played.append(report)
    assert not report.findings, f"replay: python -m benchmarks.storm --first {seed} --seeds 1 --each"


def test_the_storms_were_storms() -> None:
    """What went well went well in bad weather: the seeds above do kill, stop, cancel and fail."""
    if len(_played) < len(SEEDS):
        pytest.skip("not all of the storms above were played")
    for what in ("kills", "pauses", "cancels", "faults"):
        assert sum(getattr(report, what) for report in _played) > 5, what


def test_a_seed_is_a_storm() -> None:
    """The same seed draws the same weather, another one another."""
    assert Weather(7) == Weather(7)
    draws = {Weather(7).random("kind", "text", number).random() for number in range(3)}
    assert draws == {Weather(7).random("kind", "text", number).random() for number in range(3)}
    assert draws.isdisjoint({Weather(8).random("kind", "text", number).random() for number in range(3)})


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


@pytest.mark.parametrize(
    ("harm", "rules"),
    [
        pytest.param(lambda site: None, set(), id="none"),
        pytest.param(lose_a_verdict, {"lost", "half a day", "plain object differs"}, id="lost"),
        pytest.param(publish_half, {"lost", "half a day", "plain object differs"}, id="half-a-day"),
        pytest.param(forget_a_job, {"orphaned", "unbalanced"}, id="orphaned"),
        pytest.param(answer_twice, {"an attempt paid twice", "paid after a good answer"}, id="paid-twice"),
        pytest.param(charge_more, {"booked wrongly"}, id="booked-wrongly"),
    ],
)
def test_the_rules_see_what_is_broken(harm: Callable[[Site], None], rules: set[str], tmp_path: Path) -> None:
    """Each harm that is done to a good night is found, by name."""
    world = World(BEGIN)
    with simulated(world):
        site = Site(tmp_path, world, Manners(min_records=10), min_job_records=10)
        site.put(DAY, "part-0", draw_comments(Weather(0).random("comments"), DAY, 0, 20))
        site.play(DAY, "only", Fate(clock=world.monotonic))
        harm(site)
        found = {
            finding.rule
            for check in (check_day(site, DAY), check_jobs(site, [DAY]), check_paid_once(site, [DAY]))
            for finding in check
        } | {finding.rule for finding in check_readers(site, DAY)}
    assert found == rules
