"""Nights whose jobs are not done by the deadline: stopped, kept, published as they are or left to the next run."""

from __future__ import annotations

import random
from datetime import date
from pathlib import Path

import pytest

from benchmarks.storms.answers import Kind
from benchmarks.storms.bedrock_behaviour import Behaviour, Course
from benchmarks.storms.comments import draw_comments
from benchmarks.storms.kill_points import Process
from benchmarks.storms.world import World
from tasks.base.errors import DeadlinePassed, TooFewJudged
from tests.late_site import DEADLINE_H, HOUR, check_books, courses, late_site, play, statuses

DAY = date(2026, 11, 19)


def test_a_late_night_is_published_with_what_there_is(tmp_path: Path, world: World) -> None:
    """At the deadline the slow job is stopped; its answers are booked and published, the rest is missing."""
    site = late_site(tmp_path, world, Behaviour(course=courses(Course(), Course(work_s=4 * HOUR))))
    night = play(site, "late")
    assert night is not None
    assert DEADLINE_H * HOUR <= world.now_s <= DEADLINE_H * HOUR + 300
    assert [job.status for job in site.bedrock.jobs] == ["Completed", "Stopped"]
    found = statuses(site)
    assert found["missing"] > 20
    assert found["judged"] > 150
    assert site.bedrock.creates == 2, "nothing more is asked"
    check_books(site)
    assert night.cost_usd is not None
    assert night.cost_usd > 0
    assert play(site, "again") is None, "what is published is published"


def test_nothing_is_published_if_the_setting_says_so(tmp_path: Path, world: World) -> None:
    """With AT_DEADLINE=stop the night stops; the next run keeps what was answered and asks only the rest."""
    behaviour = Behaviour(course=courses(Course(), Course(work_s=4 * HOUR)))
    site = late_site(tmp_path, world, behaviour, at_deadline="stop", min_job_records=1, on_demand=False)
    site.bedrock.behaviour.min_records = 1
    with pytest.raises(DeadlinePassed, match=r"\d+ of \d+ comments have no answer after MODERATION_DEADLINE_H=2 hours"):
        play(site, "late")
    assert site.night(DAY) is None
    answered = sum(len(said) for said in site.bedrock.said.values())
    assert play(site, "next") is not None
    assert set(statuses(site)) == {"judged"}
    assert site.bedrock.creates == 3
    again = sum(len(said) for said in site.bedrock.said.values()) - answered
    assert 0 < again < 120
    check_books(site)


def test_stop_publishes_a_night_that_was_answered_in_time(tmp_path: Path, world: World) -> None:
    """AT_DEADLINE=stop is about answers that lack: a job that ends while it is being stopped leaves none lacking."""
    slow = Course(work_s=DEADLINE_H * HOUR + 30, stop_s=3600.0)
    site = late_site(tmp_path, world, Behaviour(course=courses(slow, slow)), at_deadline="stop")
    assert play(site, "just") is not None
    assert set(statuses(site)) == {"judged"}


def test_a_job_that_does_not_stop_is_adopted_later(tmp_path: Path, world: World) -> None:
    """A stop that Bedrock does not heed: not published, the job named; the next run adopts it and pays nothing more."""
    slow = Course(work_s=4 * HOUR, stop_s=None)
    site = late_site(tmp_path, world, Behaviour(course=courses(Course(), slow)))
    with pytest.raises(DeadlinePassed, match=r"1 jobs were to stop.*nm-2026-11-19-00001-.*next run of the day adopts"):
        play(site, "late")
    assert world.now_s >= DEADLINE_H * HOUR + 600
    assert site.night(DAY) is None
    assert [(entry.state, entry.usage is not None) for entry in site.ledger(DAY)] == [
        ("collected", True),
        ("submitted", False),
    ]
    world.now_s = 5 * HOUR
    assert play(site, "next") is not None
    assert set(statuses(site)) == {"judged"}
    assert site.bedrock.creates == 2
    check_books(site)


def test_shards_without_a_place_are_asked_by_a_later_run(tmp_path: Path, world: World) -> None:
    """An intent that was never submitted is published as missing, stays on record, and is submitted when there is a
    later run of the day; its records are paid once."""
    slow = Course(work_s=4 * HOUR)
    behaviour = Behaviour(course=courses(slow), quota=1, min_records=50)
    site = late_site(tmp_path, world, behaviour, min_judged_fraction=0.0, min_job_records=50)
    assert play(site, "late") is not None
    details = set(site.verdicts(DAY).filter(status="missing")["status_detail"].to_list())
    assert "never asked" in details
    assert [entry.state for entry in site.ledger(DAY)] == ["collected", "intended"]
    site.put(DAY, "b", draw_comments(random.Random(2), DAY, 1000, 150))
    assert play(site, "later") is not None
    assert set(statuses(site)) == {"judged"}
    assert {entry.state for entry in site.ledger(DAY)} == {"collected"}
    check_books(site)


def test_too_few_answers_are_not_published_at_the_deadline_either(tmp_path: Path, world: World) -> None:
    """MIN_JUDGED_FRACTION holds whatever AT_DEADLINE says."""
    stuck = Course(wait_s=9 * HOUR)
    site = late_site(tmp_path, world, Behaviour(course=courses(stuck, stuck)))
    with pytest.raises(TooFewJudged, match="missing"):
        play(site, "late")
    assert play(site, "next") is not None
    assert set(statuses(site)) == {"judged"}
    check_books(site)


def test_no_second_attempt_after_the_deadline(tmp_path: Path, world: World) -> None:
    """Answers that fail in a job that ends after the deadline keep their status: they are not asked again."""

    def kind(text: str, before: int) -> Kind:
        return Kind.MALFORMED if before == 0 and "1. It" in text else Kind.GOOD

    slow = Course(work_s=DEADLINE_H * HOUR + 30, stop_s=3600.0)
    site = late_site(tmp_path, world, Behaviour(kind=kind, course=courses(slow, slow)))
    night = play(site, "late")
    assert night is not None
    assert site.bedrock.creates == 2
    assert statuses(site)["malformed"] > 0
    check_books(site)


def test_a_stuck_night_keeps_no_other_day_from_its_own(tmp_path: Path, world: World) -> None:
    """While one day waits for Bedrock the next is judged and published; MAX_JOBS_IN_FLIGHT counts a day's own jobs."""
    stuck = Course(wait_s=9 * HOUR)
    behaviour = Behaviour(course=lambda number: stuck if number == 0 else Course())
    site = late_site(tmp_path, world, behaviour, count=130, max_jobs_in_flight=1, max_shard_records=1000)
    tomorrow = date(2026, 11, 20)
    site.put(tomorrow, "a", draw_comments(random.Random(2), tomorrow, 5000, 120))
    published_at: dict[date, float] = {}

    def run(day: date) -> None:
        site.play(day, f"run-{day}", Process())
        published_at[day] = world.now_s

    def run_stuck() -> None:
        with pytest.raises(TooFewJudged):
            run(DAY)

    world.start(run_stuck)
    world.start(lambda: run(tomorrow), 60.0)
    world.run()
    assert list(published_at) == [tomorrow]
    assert published_at[tomorrow] < DEADLINE_H * HOUR
    assert [job.status for job in site.bedrock.jobs] == ["Stopped", "Completed"]
