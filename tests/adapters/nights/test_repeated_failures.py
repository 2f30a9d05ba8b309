"""Jobs that fail as a whole: resubmitted once if it may help, never if it will not."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from benchmarks.storms.bedrock_behaviour import Behaviour, Course
from benchmarks.storms.world import World
from data_contracts.documents.summary import Night
from sandbox.days import sample_day
from sandbox.play import play_night
from sandbox.serve import Sandbox
from tasks import adapters
from tasks.base.errors import JobFailed
from tasks.base.ports import JobStatus
from tasks.base.settings import Settings
from tasks.batch.failed_jobs import advice
from tests.late_site import DAY, check_books, courses, late_site, now, play, statuses

pytestmark = pytest.mark.usefixtures("without_expectations")


@pytest.mark.parametrize(
    ("message", "advised"),
    [
        pytest.param(
            "Amazon Bedrock could not assume the role arn:aws:iam::123456789012:role/X. Check that the role exists",
            "check MODERATION_ROLE_ARN",
            id="role",
        ),
        pytest.param(
            "The role is not authorized to perform: bedrock:InvokeModel on ...", "every destination", id="model"
        ),
        pytest.param("AccessDeniedException: s3", "compare the role's policy", id="access"),
        pytest.param(
            "Batch job contains less records (1) than the required minimum of: 100", "MIN_JOB_RECORDS", id="too-few"
        ),
        pytest.param("Batch job contains more records (9) than the allowed maximum of: 5", "MAX_SHARD", id="too-many"),
        pytest.param("Internal server error. Please retry the job.", None, id="may-pass"),
        pytest.param("Something that nobody has seen yet", None, id="unknown"),
        pytest.param(None, None, id="no-message"),
    ],
)
def test_which_failures_will_repeat(message: str | None, advised: str | None) -> None:
    """What the role, the account or the file is at fault for repeats; anything else is given another chance."""
    found = advice(message)
    assert (found is None) is (advised is None)
    assert (advised or "") in (found or "")


@pytest.mark.parametrize("end", [JobStatus.FAILED, JobStatus.EXPIRED, JobStatus.STOPPED])
def test_a_failure_that_passes_is_not_noticed(tmp_path: Path, world: World, end: JobStatus) -> None:
    """A job that ended without an answer is asked again, once, and the night is published whole."""
    site = late_site(tmp_path, world, Behaviour(course=courses(Course(end=end, share=0.0))))
    assert play(site, "run") is not None
    assert site.bedrock.creates == 3
    assert set(statuses(site)) == {"judged"}
    check_books(site)


@pytest.mark.parametrize("end", [JobStatus.FAILED, JobStatus.EXPIRED, JobStatus.STOPPED])
def test_a_failure_that_repeats_stops_the_night(tmp_path: Path, world: World, end: JobStatus) -> None:
    """The same records without an answer twice: nothing is published, though a third of the day was judged; an
    operator's run tries again, and pays only for what is left."""
    unanswered = Course(end=end, share=0.0)
    behaviour = Behaviour(course=lambda number: unanswered if number in (0, 2, 3) else Course())
    site = late_site(tmp_path, world, behaviour, max_attempts=5)
    with pytest.raises(JobFailed, match=rf"job nm-\S+ ended {end}: .*, as another job with its records did before"):
        play(site, "run")
    assert site.bedrock.creates == 3
    assert site.night(DAY) is None
    site.bedrock.behaviour.course = lambda number: unanswered
    with pytest.raises(JobFailed, match="nothing was published"):
        play(site, "too-soon")
    assert site.bedrock.creates == 5, "an operator's run tries twice as well"
    site.bedrock.behaviour.course = lambda number: Course()
    assert play(site, "next") is not None
    assert set(statuses(site)) == {"judged"}
    check_books(site)


def test_other_records_that_fail_are_another_matter(tmp_path: Path, world: World) -> None:
    """Two jobs that fail side by side have failed once each: both are asked again."""
    unanswered = Course(end=JobStatus.FAILED, share=0.0)
    site = late_site(tmp_path, world, Behaviour(course=courses(unanswered, unanswered)))
    assert play(site, "run") is not None
    assert site.bedrock.creates == 4
    check_books(site)


@pytest.fixture
def served(sandbox: Sandbox, folders: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A site with a day of 260 comments, in jobs of 130 that must wait for each other."""
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    jobs = {"max_shard_records": 130, "max_jobs_in_flight": 1, "poll_interval_s": 0.05}
    settings = Settings.load(**jobs, preflight_canary=False, **folders)
    comments = sample_day(DAY, dirty_fraction=0, comment_count=500).comments.unique("text", maintain_order=True)
    put(settings, comments.head(260))
    return settings


def put(settings: Settings, comments: pl.DataFrame) -> None:
    body = BytesIO()
    comments.write_parquet(body)
    adapters.connect(settings).storage.put(f"{settings.comments_uri}/date={DAY}/part-0.parquet", body.getvalue())


def run(settings: Settings, run_id: str) -> Night | None:
    return play_night(settings, DAY, run_id, now)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        pytest.param({"wrong_role": "job"}, r"could not assume the role .*\(check MODERATION_ROLE_ARN", id="role"),
        pytest.param(
            {"profile_region_permission_missing": "job"}, r"not authorized.*every destination Region", id="profile"
        ),
    ],
)
def test_a_failure_that_will_repeat_stops_at_once(
    served: Settings, sandbox: Sandbox, fault: dict[str, Any], said: str
) -> None:
    """Over HTTP: a role that cannot be used fails one job; no other is made, and the line says what to do."""
    for name, value in fault.items():
        sandbox.faults.set(name, value)
    with pytest.raises(JobFailed, match=said) as caught:
        run(served, "first")
    assert sandbox.bedrock.call_counts["CreateModelInvocationJob"] == 1
    assert "\n" not in str(caught.value)
    sandbox.faults.reset()
    night = run(served, "mended")
    assert night is not None
    assert night.statuses == {"judged": 260}
    assert sandbox.bedrock.call_counts["CreateModelInvocationJob"] == 3


def test_a_failure_that_repeats_over_http(served: Settings, sandbox: Sandbox) -> None:
    """Bedrock fails every job with the same message: two tries at the same records, not one more."""
    settings = served.model_copy(update={"max_shard_records": 1000, "max_attempts": 9})
    sandbox.faults.set("end_status", "Failed")
    with pytest.raises(JobFailed, match="ended Failed: Internal server error"):
        run(settings, "first")
    assert sandbox.bedrock.call_counts["CreateModelInvocationJob"] == 2
