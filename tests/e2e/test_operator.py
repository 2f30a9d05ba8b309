"""An operator's day in the Prefect UI: what is deployed, a backfill by clicks, a cancelled night, a night that dies.

The sandbox is served from here and named by the environment, as an account would be, so that jobs and payments can be
looked at from behind. The tests are one story and share its `make up`; they run in this order.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from playwright.sync_api import Locator, Page, expect

from sandbox.month import fill
from sandbox.serve import Sandbox, running
from tests.operator_site import PUBLISHED, ROOT, Up, wait_for

ZONE = "Europe/Berlin"
SLOW_S = 3600.0


class Story(NamedTuple):
    """What the tests share."""

    up: Up
    sandbox: Sandbox
    yesterday: date
    killed_run: str

    def day(self, back: int) -> date:
        """A day before yesterday."""
        return self.yesterday - timedelta(days=back)

    def job_statuses(self, day: date) -> list[str]:
        """The Bedrock jobs of a day."""
        return [str(job.status) for job in self.sandbox.bedrock.store if f"nm-{day}-" in job.name]

    def table(self, name: str, day: date) -> pl.DataFrame:
        """The plain object of a published day."""
        body = self.sandbox.s3.get_object(Bucket="moderation-output", Key=f"{name}/date={day}/{name}.parquet")["Body"]
        return pl.read_parquet(BytesIO(body.read()))

    def runs(self, day: date) -> list[str]:
        """The keys of the day's run files."""
        found = self.sandbox.s3.list_objects_v2(Bucket="moderation-output", Prefix=f"runs/{day}/")
        return [item["Key"] for item in found.get("Contents", ())]

    def scheduled_nights(self) -> list[datetime]:
        """When the runs start that Prefect has made of the night's schedule, on the site's clocks."""
        runs = self.up.api("/flow_runs/filter", {"deployments": {"name": {"any_": ["nightly"]}}})
        return [
            datetime.fromisoformat(run["expected_start_time"]).astimezone(ZoneInfo(ZONE))
            for run in runs
            if run["auto_scheduled"]
        ]


@pytest.fixture(scope="module")
def story(start_up: Callable[..., Up]) -> Iterator[Story]:
    """A `make up` on an account with five days of comments, and a night whose worker and process were both killed."""
    yesterday = datetime.now(ZoneInfo(ZONE)).date() - timedelta(days=1)
    with running(job_seconds=SLOW_S, cache_dir=ROOT / ".sandbox") as sandbox:
        fill(sandbox, [yesterday - timedelta(days=back) for back in range(5)], ZONE)
        up = start_up(
            **sandbox.environment | {"MODERATION_TIMEZONE": ZONE, "MODERATION_POLL_INTERVAL_S": "2"}
        ).wait_until_ready()
        killed_run = up.start_run("nightly", run_date=str(yesterday - timedelta(days=4)))
        up.wait_until_submitted(killed_run, sandbox, 1)
        for pid, command in up.children().items():
            if "worker start" in command or "prefect.engine" in command:
                os.kill(pid, signal.SIGKILL)
        sandbox.set_speed(1.0)
        for job in sandbox.bedrock.store:
            job.due = 0.0  # it was put off by the slow speed
        yield Story(up, sandbox, yesterday, killed_run)


def open_tab(page: Page, name: str) -> None:
    """Open a tab of a page of the UI."""
    page.locator(".p-tab-navigation, .p-tabs").get_by_text(name, exact=True).first.click()


def choose_date(page: Page, field: Locator, day: date) -> None:
    """Pick a day in a calendar of the run form."""
    field.click()
    page.locator("input[type=date]").fill(str(day))
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("input[type=date]")).to_have_count(0)


def submit(page: Page, button: str, path: str) -> dict[str, str]:
    """Press a button that posts to the API; what the API answered."""
    return posted(page, path, lambda: page.get_by_role("button", name=button).last.click())


def posted(page: Page, path: str, click: Callable[[], None]) -> dict[str, str]:
    """What the API answered to the POST of a click; once more if its SQLite was too busy."""
    for _ in range(3):
        with page.expect_response(lambda answer: path in answer.url and answer.request.method == "POST") as answered:
            click()
        if answered.value.status != 503:
            break
    assert answered.value.ok, answered.value.text()
    found: dict[str, str] = answered.value.json()
    return found


def test_the_deployments_are_there(story: Story, page: Page, screenshot: Callable[[str], None]) -> None:
    """Four deployments with descriptions; the next nights are scheduled, in the settings' time zone."""
    page.goto(f"{story.up.url}/deployments")
    for name in ("nightly", "backfill", "remeasure", "watchdog", "restore"):
        expect(page.get_by_role("link", name=name, exact=True).first).to_be_visible()
    screenshot("1-deployments")
    nightly = story.up.deployment("nightly")
    starts = wait_for("the next nights are scheduled", lambda: story.scheduled_nights() or None)
    # At 02:00, or at 03:00 in the one night that has no 02:00.
    assert {start.hour for start in starts} <= {2, 3}
    page.goto(f"{story.up.url}/deployments/deployment/{nightly['id']}?tab=Description")
    expect(page.get_by_text("Starts by itself at 02:00")).to_be_visible()
    screenshot("2-nightly-description")


def test_a_backfill_is_started_agreed_to_and_done_by_clicks(
    story: Story, page: Page, screenshot: Callable[[str], None], tmp_path: Path
) -> None:
    """The form, the plan, the question, the answer, the result, the report: all by clicks."""
    days = [story.day(3), story.day(2)]
    page.set_viewport_size({"width": 1400, "height": 1700})
    page.goto(f"{story.up.url}/deployments/deployment/{story.up.deployment('backfill')['id']}")
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("Custom run").first.click()
    expect(page.get_by_text("start_date", exact=True)).to_be_visible()
    for day in days:
        choose_date(page, page.get_by_text("Select date").first, day)
    page.locator("textarea").first.fill("The first days of this site.")
    expect(page.get_by_text("Which of the days are judged")).to_be_visible()
    screenshot("3-backfill-form")
    run_id = submit(page, "Submit", "/create_flow_run")["id"]
    run_page = f"{story.up.url}/runs/flow-run/{run_id}"

    story.up.wait_for_state(run_id, "Paused")
    # A run that pauses with one is ended by Prefect, minutes later.
    assert story.up.run(run_id)["state"]["state_details"]["deployment_concurrency_lease_id"] is None
    page.set_viewport_size({"width": 1400, "height": 1200})
    page.goto(run_page)
    open_tab(page, "Artifacts")
    page.get_by_text("missing-plan").last.click()
    expect(page.get_by_text("to judge")).to_be_visible()
    for day in days:
        expect(page.get_by_text(str(day), exact=True).first).to_be_visible()
    screenshot("4-backfill-plan")
    page.goto(run_page)
    page.get_by_role("button", name="Resume").first.click()
    expect(page.get_by_text("Budget (USD)")).to_be_visible()
    page.get_by_role("switch").first.click()
    screenshot("5-backfill-question")
    submit(page, "Submit", "/resume")

    story.up.wait_for_state(run_id, *PUBLISHED)
    page.goto(run_page)
    open_tab(page, "Artifacts")
    expect(page.get_by_text("spent of").first).to_be_visible()
    screenshot("6-backfill-done")
    page.get_by_text("spent of").first.click()
    expect(page.get_by_text("published", exact=True).first).to_be_visible()
    screenshot("7-backfill-progress")
    for day in days:
        verdicts = story.table("verdicts", day)
        assert verdicts.height > 200
        assert verdicts["violation"].sum() > 0
    report = next(key for key in story.runs(days[-1]) if key.endswith("/report.html"))
    body = story.sandbox.s3.get_object(Bucket="moderation-output", Key=report)["Body"].read()
    (tmp_path / "report.html").write_bytes(body)
    page.goto(f"file://{tmp_path / 'report.html'}")
    expect(page.get_by_text(str(days[-1])).first).to_be_visible()
    screenshot("8-report")


def test_a_cancelled_run_has_stopped_its_jobs(story: Story, page: Page, screenshot: Callable[[str], None]) -> None:
    """Cancel and Confirm: the run is Cancelled, and no Bedrock job of it goes on."""
    story.sandbox.set_speed(SLOW_S)
    jobs = len(list(story.sandbox.bedrock.store))
    page.goto(f"{story.up.url}/deployments/deployment/{story.up.deployment('nightly')['id']}")

    def quick_run() -> None:
        page.get_by_role("button", name="Run", exact=True).click()
        page.get_by_text("Quick run").first.click()

    run_id = posted(page, "/create_flow_run", quick_run)["id"]
    story.up.wait_until_submitted(run_id, story.sandbox, jobs + 1)
    page.goto(f"{story.up.url}/runs/flow-run/{run_id}")
    expect(page.get_by_text(f"nightly-{story.yesterday}").first).to_be_visible()
    page.get_by_role("button", name="Cancel").first.click()
    page.get_by_role("button", name="Confirm").click()
    story.up.wait_for_state(run_id, "Cancelled")
    story.sandbox.set_speed(1.0)
    assert wait_for("the job is stopped", lambda: {"Stopped"} == set(story.job_statuses(story.yesterday)), within_s=60)
    page.goto(f"{story.up.url}/runs/flow-run/{run_id}")
    expect(page.get_by_text("Cancelled").first).to_be_visible()
    told = page.get_by_text("asked to stop").first
    expect(told).to_be_visible()
    told.scroll_into_view_if_needed()
    screenshot("9-cancelled")


def test_a_refused_backfill_says_why_in_the_run(story: Story, page: Page, screenshot: Callable[[str], None]) -> None:
    """A reversed range is refused at once, and the message in the run is the reason, without a traceback."""
    run_id = story.up.start_run(
        "backfill", start_date=str(story.yesterday), end_date=str(story.day(3)), reason="A slip of the hand."
    )
    story.up.wait_for_state(run_id, "Refused")
    message = story.up.run(run_id)["state"]["message"]
    assert str(story.day(3)) in message
    assert "Traceback" not in message
    page.goto(f"{story.up.url}/runs/flow-run/{run_id}")
    open_tab(page, "Details")
    expect(page.get_by_text("WrongUsage: end_date").first).to_be_visible()
    screenshot("10-refused")
    open_tab(page, "Logs")
    expect(page.get_by_text("lies before").first).to_be_visible()
    for noise in ("Traceback", "unexpected exception"):
        expect(page.get_by_text(noise)).to_have_count(0)
    screenshot("11-refused-logs")


def test_the_night_that_died_is_published_and_paid_once(
    story: Story, page: Page, screenshot: Callable[[str], None]
) -> None:
    """Its worker and process were killed together: it is seen to be dead, starts again, and asks Bedrock nothing."""
    day = story.day(4)
    story.up.wait_for_state(story.killed_run, *PUBLISHED)
    states = story.up.api(f"/flow_run_states/?flow_run_id={story.killed_run}")
    names = [state["name"] for state in sorted(states, key=lambda state: state["timestamp"])]
    assert names.count("Running") == 2
    assert names.index("Crashed") < names.index("AwaitingRetry")
    assert story.job_statuses(day) == ["Completed"]
    assert set(story.sandbox.bedrock.paid_records.values()) == {1}
    assert story.table("verdicts", day).height > 200
    assert "another one starts" in story.up.said
    page.goto(f"{story.up.url}/runs/flow-run/{story.killed_run}")
    expect(page.get_by_text(f"nightly-{day}").first).to_be_visible()
    open_tab(page, "Artifacts")
    page.get_by_text(f"night-{day}").last.click()
    expect(page.get_by_text(f"Night of {day}").first).to_be_visible()
    screenshot("12-night")


def test_the_interface_shows_runs_and_automations(story: Story, page: Page, screenshot: Callable[[str], None]) -> None:
    """The runs by their days, and the two automations, with what they are for."""
    page.goto(f"{story.up.url}/runs")
    expect(page.get_by_text(f"nightly-{story.yesterday}").first).to_be_visible()
    screenshot("13-runs")
    page.goto(f"{story.up.url}/automations")
    for name in ("end-dead-runs", "restart-crashed-nights"):
        expect(page.get_by_text(name)).to_be_visible()
    screenshot("14-automations")
