"""Nights whose policy is not plain, from their input to what is published, in simulated time."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import pytest

from benchmarks.storms.answers import Kind, number_of, truth
from benchmarks.storms.bedrock_behaviour import Behaviour, Course
from benchmarks.storms.comments import draw_comments
from benchmarks.storms.invariants import check_calls, check_day, check_golden, check_jobs, check_paid_once
from benchmarks.storms.kill_points import Process
from benchmarks.storms.simulated_clock import simulated
from benchmarks.storms.site import LIGHT_MODEL, Site
from benchmarks.storms.world import World
from data_contracts.documents.ledger import record_id, step_record_id
from data_contracts.documents.plan import Plan
from data_contracts.documents.summary import Night
from data_contracts.tables.routes import AUDITS, ROUTES
from data_contracts.tables.verdicts import REQUESTS
from prompts.policies import parse_policy
from tasks.adapters.bedrock_models import NoModelFacts
from tasks.base.paths import RunPaths
from tasks.ledger.asker import Asker
from tasks.reports.night_summary import describe_night, describe_terminal
from tasks.route.classifier.features import BUCKET_BITS
from tasks.route.classifier.model import Arrays
from tasks.route.classifier.stored import store
from tests import factories

FIRST, SECOND, LATE = (date(2026, 11, 19) + timedelta(days=number) for number in range(3))
BEGIN = datetime(2026, 11, 22, 2, tzinfo=UTC)
MODEL = "global.anthropic.claude-haiku-4-5-20251001-v1:0"
KEY = ["comment_id"]
#: What the light model has no verdict on, by the number in a comment's text.
LIGHT_FAILURES = {3: Kind.REFUSED, 4: Kind.MALFORMED, 6: Kind.TRUNCATED, 8: Kind.MISSING, 9: Kind.ERROR}


def kind(text: str, before: int) -> Kind:
    """The first to be asked fails at some comments."""
    return LIGHT_FAILURES.get(number_of(text) % 20, Kind.GOOD) if before == 0 else Kind.GOOD


def texts(day: date, count: int) -> pl.DataFrame:
    """So many comments without dirty rows, whose texts are the same every day."""
    text = pl.format("届いた商品 No.{}.", pl.col("comment_id").str.slice(1).cast(pl.Int64))
    return (
        draw_comments(random.Random(7), day, 0, count)
        .filter(pl.col("text").is_not_null() & pl.col("comment_id").str.starts_with("c"))
        .unique("comment_id", keep="first", maintain_order=True)
        .with_columns(text=text)
    )


class Story(NamedTuple):
    """A site, and what it published of each day."""

    site: Site
    verdicts: dict[date, pl.DataFrame]
    jobs_after: dict[str, int]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """A night with a light model first, the same night again, one whose light model never ends, two with a cache."""
    world, root = World(BEGIN), tmp_path_factory.mktemp("site")
    slow = Course(work_s=30 * 3600.0, stop_s=60.0)
    with simulated():
        behaviour = Behaviour(kind=kind, min_records=20, course=lambda number: slow if number == 2 else Course())
        site = Site(
            root,
            world,
            behaviour,
            min_job_records=20,
            preflight_canary=False,
            deadline_h=4,
            policy="light_first",
            light_model_id=LIGHT_MODEL,
        )
        verdicts, jobs = dict[date, pl.DataFrame](), dict[str, int]()
        for name, day in {"first": FIRST, "again": FIRST, "late": LATE}.items():
            if name != "again":
                site.put(day, "part-0", texts(day, 80))
            site.play(day, name, Process(clock=world.monotonic))
            jobs[name] = len(site.bedrock.jobs)
            verdicts[day] = site.verdicts(day)
        yield Story(site, verdicts, jobs)


def test_the_books_are_exact_and_nothing_is_paid_twice(story: Story) -> None:
    days = [FIRST, LATE]
    findings = [*check_jobs(story.site, days), *check_paid_once(story.site, days), *check_calls(story.site, days)]
    for day in days:
        findings += [*check_day(story.site, day), *check_golden(story.site, day)]
    assert findings == []


def test_each_comment_has_its_step_and_the_model_that_decided(story: Story) -> None:
    """Sure and fine: the light model's. All else, its failures included, is the model's."""
    for row in story.verdicts[FIRST].iter_rows(named=True):
        number = int(row["comment_id"][1:])
        right = truth(f"No.{number}")
        is_light = not right.violation and right.confidence >= 0.9 and number % 20 not in LIGHT_FAILURES
        assert row["step"] == ("light" if is_light else "model"), row
        assert row["model_id"] == (LIGHT_MODEL if is_light and not row["is_audit"] else MODEL)
        assert (row["policy"], row["status"], row["decided_by"]) == ("light_first", "judged", "model")
        assert (row["inclusion_probability"] is not None) == row["is_audit"]
    assert len(set(story.verdicts[FIRST]["policy_sha256"])) == 1


def test_a_second_run_asks_nothing(story: Story) -> None:
    assert story.jobs_after["first"] == story.jobs_after["again"] == 2


def test_a_light_model_that_is_late_clears_nothing(story: Story) -> None:
    """At half of the deadline its job is stopped, and all that it left goes to the model, in the same night."""
    assert set(story.verdicts[LATE]["step"]) == {"model"}
    assert set(story.verdicts[LATE]["status"]) == {"judged"}
    assert story.jobs_after["late"] == 4


def test_requests_go_by_ids_of_their_step(story: Story) -> None:
    """No id is asked of two models; the frames keep the comment's own."""
    names = {"light": "light", "model": None}
    seen = list[str]()
    for entry in story.site.ledger(FIRST):
        requests = pl.read_parquet(entry.requests_uri)
        ids = {record_id(FIRST, one): one for one in story.verdicts[FIRST]["comment_id"]}
        assert requests.columns == REQUESTS.names
        for row in requests.iter_rows(named=True):
            step = "audit" if row["inclusion_probability"] is not None else names[str(entry.step)]
            own = ids[row["record_id"]]
            assert row["asked_as"] == (step and step_record_id(FIRST, step, (own,)))
            seen.append(row["asked_as"] or row["record_id"])
    assert len(seen) == len(set(seen))


def test_what_each_step_decided_and_what_the_audit_says(story: Story) -> None:
    """The light model is right here, so no audit disagrees; the shares add up, to the picodollar."""
    verdicts = story.verdicts[FIRST]
    routes = {row["step"]: row for row in story.site.rows(ROUTES, FIRST).iter_rows(named=True)}
    audits = story.site.rows(AUDITS, FIRST)
    assert set(routes) == {"light", "model"}
    for step, row in routes.items():
        of_step = verdicts.filter(pl.col("step") == step)
        assert row["decided_count"] == of_step.height
        assert row["cost_usd"] == pytest.approx(of_step["cost_usd"].sum(), abs=1e-12)
    light = routes["light"]
    drawn = verdicts.filter("is_audit")
    assert audits["comment_id"].to_list() == drawn["comment_id"].to_list()
    assert light["audited_count"] == audits.height
    assert (light["audit_errors"], routes["model"]["audited_count"]) == (0, 0)


def test_people_see_who_judged(story: Story) -> None:
    """On the report, in the terminal's summary and on the run's page."""
    paths = RunPaths(story.site.settings, FIRST, "first")
    night = Night.model_validate_json(Path(paths.file("summary.json")).read_bytes())
    page = Path(paths.file("report.html")).read_text(encoding="utf-8")
    light = night.routes[0]
    assert "Who judged, and how often it is wrong" in page
    assert f"light decided {light.decided_count} for" in " ".join(describe_terminal(night).split())
    assert "| step light |" in describe_night(night)


def test_the_plan_lists_who_is_asked(story: Story) -> None:
    paths = RunPaths(story.site.settings, FIRST, "first")
    plan = Plan.model_validate_json(Path(paths.file("plan.json")).read_bytes())
    assert [(asker.step, asker.model_id) for asker in plan.askers] == [("light", LIGHT_MODEL), ("model", MODEL)]


def test_a_text_that_was_judged_keeps_its_verdict(tmp_path: Path) -> None:
    """The second day asks for nothing that the first one was told, but for the audit; costs nothing for the rest."""
    world = World(BEGIN)
    with simulated():
        site = Site(
            tmp_path, world, Behaviour(min_records=5), min_job_records=5, preflight_canary=False, policy="cached"
        )
        for day in (FIRST, SECOND):
            site.put(day, "part-0", texts(day, 12 if day == FIRST else 20))
            site.play(day, f"run-{day}", Process(clock=world.monotonic))
        before, after = site.verdicts(FIRST), site.verdicts(SECOND)
    assert set(before["step"]) == {"model"}
    cached = after.filter(pl.col("step") == "cache").sort(KEY)
    assert cached["comment_id"].to_list() == before["comment_id"].to_list()
    assert cached["violation"].to_list() == before["violation"].to_list()
    unaudited = cached.filter(~pl.col("is_audit"))
    assert set(unaudited["decided_by"]) == {"cache"}
    assert set(unaudited["cost_usd"]) == {0.0}
    assert set(unaudited["model_id"]) == {MODEL}
    assert after.filter(pl.col("step") == "model").height == 8
    assert not [*check_paid_once(site, [FIRST, SECOND]), *check_golden(site, SECOND)]


@pytest.fixture(scope="module")
def cleared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A night whose classifier clears every comment, and audits three in ten of them."""
    steps = '[[step]]\nname = "classifier"\naudit = 0.3\n[[step]]\nname = "model"\n'
    policy = parse_policy(steps, "classified", "classified.toml")
    with simulated(), pytest.MonkeyPatch.context() as patched:
        patched.setattr("tasks.llm.policy.read_policy", lambda name, _: policy)
        world = World(BEGIN)
        behaviour = Behaviour(kind=kind, min_records=20)
        site = Site(
            tmp_path_factory.mktemp("classified"), world, behaviour,
            min_job_records=20, preflight_canary=False, policy="classified",
        )  # fmt: skip
        chances = Arrays(np.zeros(1 << BUCKET_BITS, np.float32), np.array([0.0]), np.array([0.01]))
        version = factories.classifier_version(
            arrays_sha256=chances.sha256, clear_to=0.01,
            prompt_sha256=Asker.named(site.settings, NoModelFacts()).prompt.sha256,
            trained_at=BEGIN - timedelta(days=3),
        )  # fmt: skip
        store(site.storage, site.settings, chances, version)
        site.put(FIRST, "part-0", texts(FIRST, 80))
        site.play(FIRST, "first", Process(clock=world.monotonic))
        yield site


def test_a_classifier_decides_and_its_audit_is_the_models(cleared: Site) -> None:
    """Nothing is asked but the audit; the verdicts say who decided, and the route what the audit found."""
    verdicts = cleared.verdicts(FIRST)
    assert set(verdicts["step"]) == {"classifier"}
    audited, rest = verdicts.filter("is_audit"), verdicts.filter(~pl.col("is_audit"))
    assert audited.height > 5 < rest.height
    assert set(rest.select("decided_by", "status", "violation", "category", "confidence", "cost_usd").rows()) == {
        ("classifier", "judged", False, "none", 0.99, 0.0)
    }
    assert set(rest["model_id"]) == {MODEL}
    assert set(audited["decided_by"]) == {"model"}
    assert set(audited["inclusion_probability"]) == {0.3}
    (route,) = cleared.rows(ROUTES, FIRST).iter_rows(named=True)
    judged = audited.filter(pl.col("status") == "judged")
    assert (route["step"], route["decided_count"], route["audited_count"]) == ("classifier", 80, judged.height)
    wrong = audited.filter("violation").height
    assert route["audit_errors"] == wrong
    assert wrong
    assert route["missed_violations"] == pytest.approx(wrong / 0.3)


def test_the_books_of_a_classified_night_are_exact(cleared: Site) -> None:
    """What the classifier says is not what the model would have said, which is all that `wrong verdict` means."""
    findings = [*check_jobs(cleared, [FIRST]), *check_paid_once(cleared, [FIRST]), *check_day(cleared, FIRST)]
    assert {finding.rule for finding in findings} == {"wrong verdict"}
