"""Stories of backfills: planned, asked about, carried out day by day, through Prefect and real HTTP."""

from __future__ import annotations

import html
import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from markdown_it import MarkdownIt
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterKey,
    FlowFilter,
    FlowFilterName,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort

from benchmarks.storms.simulated_clock import all_as_expected
from data_contracts.tables.metrics import rows_of
from flows import approval as asking
from flows.backfill import backfill, stop_cancelled
from sandbox.days import sample_day
from tasks import adapters
from tasks.base.errors import BackfillIncomplete, OverBudget, Unanswered
from tasks.base.paths import DayPaths, RunPaths, backfill_lease
from tasks.base.settings import Settings
from tasks.ledger import lease
from tasks.ledger.lease import Holder
from tasks.past_days.backfill.record import Begun, load_record, store_record
from tasks.past_days.backfill.request import BackfillRequest
from tests.alert_place import degraded_message
from tests.prefect_person import Person
from tests.prefect_site import Site, call

DAYS = [date(2026, 11, 16), date(2026, 11, 17)]
FIRST, LAST = DAYS
#: Comments of a day: enough for a job.
COUNT = 120


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    real = adapters.connect  # nobody looks here at what a night expects of its rows
    monkeypatch.setattr(adapters, "connect", lambda settings: replace(real(settings), run_suite=all_as_expected))
    monkeypatch.setattr(asking, "POLL_S", 0.1)
    monkeypatch.setenv("MODERATION_APPROVAL_WAIT_H", "0.05")  # a story without its answer fails, and does not hang


def put_days(site: Site) -> None:
    """Two days of input, each enough for a job."""
    for day in DAYS:
        site.put(f"comments/date={day}/part-0.parquet", sample_day(day, dirty_fraction=0).comments.head(COUNT))


def run(**changes: Any) -> Any:
    """A backfill of both days, approved unless told otherwise."""
    given: dict[str, Any] = {"start_date": FIRST, "end_date": LAST, "reason": "a test", "approve": True}
    return backfill(**(given | changes))


def table(key: str) -> list[dict[str, str]]:
    """The latest table artifact of this name."""
    with get_client(sync_client=True) as client:
        found = client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))
    latest = max(found, key=lambda artifact: str(artifact.created))
    rows: list[dict[str, str]] = json.loads(str(latest.data))
    return rows


def stored(site: Site, prefix: str) -> list[dict[str, Any]]:
    """The JSON objects of the output bucket whose keys have this prefix and end in .json."""
    keys = [key for key in site.output_keys() if key.startswith(prefix) and key.endswith(".json")]
    return [json.loads(site.sandbox.s3.get_object(Bucket="moderation-output", Key=key)["Body"].read()) for key in keys]


def latest_run(flow: str) -> UUID:
    """The flow run that was started last."""
    by_name = FlowFilter(name=FlowFilterName(any_=[flow]))
    with get_client(sync_client=True) as client:
        return client.read_flow_runs(flow_filter=by_name, sort=FlowRunSort.START_TIME_DESC, limit=1)[0].id


def logged(caplog: pytest.LogCaptureFixture, run_id: UUID) -> list[str]:
    """The lines that are for a run's page."""
    return [line.getMessage() for line in caplog.records if getattr(line, "flow_run_id", None) == str(run_id)]


def turn_holder(settings: Settings) -> Holder:
    """Who has the turn, or had it last."""
    body = adapters.connect(settings).storage.get(backfill_lease(settings))
    assert body is not None
    return Holder.model_validate_json(body)


def test_an_approved_backfill_publishes_the_days_that_lack(site: Site) -> None:
    """The plan says what each day will use; every day is published, the record keeps who, why and how much."""
    put_days(site)
    told = run(start_date=FIRST - timedelta(days=1), max_cost_usd=5)
    assert told.startswith("2 days done; ")
    assert [site.read("verdicts", day).height for day in DAYS] == [COUNT, COUNT]
    plan = table("backfill-2026-11-15-2026-11-17-missing-plan")
    assert [(row["day"], row["state"], row["to judge"], row["jobs"]) for row in plan] == [
        ("2026-11-15", "no_input", "", ""),
        ("2026-11-16", "missing", "119", "1"),
        ("2026-11-17", "missing", "117", "1"),
        ("2 days", "", "236", "2"),
    ]
    progress = table("backfill-2026-11-15-2026-11-17-missing")
    assert [row["state"] for row in progress] == ["published", "published", ""]
    (record,) = stored(site, "state/backfills/")
    assert record["request"]["reason"] == "a test"
    assert [grant["by"] for grant in record["grants"]] == ["approve"]
    spent = sum(day["cost_usd"] for day in record["days"].values())
    assert spent == pytest.approx(sum(site.read("verdicts", day)["cost_usd"].sum() for day in DAYS), rel=0.1)


def test_the_same_call_again_does_nothing(site: Site) -> None:
    """Days that are published are not judged again, and a backfill of all days remembers which it has done."""
    put_days(site)
    run(mode="all", end_date=FIRST)
    before = site.created_jobs()
    assert run().startswith("1 days done")
    assert run() == "nothing to do: of 2 days 2 not missing"
    assert "give another reason" in run(mode="all", end_date=FIRST)
    assert site.created_jobs() == before + 1


def test_a_person_says_go(site: Site) -> None:
    """The run pauses with the plan and a form; the answer's budget and name go on record, and it goes on."""
    put_days(site)
    person = Person({"go": True, "budget_usd": 3.0, "who": "Aiko", "why": "asked by legal"})
    with person.present():
        assert run(approve=False, end_date=FIRST).startswith("1 days done")
    assert len(person.asked) == 1
    assert "1 of 1 days" in person.asked[0]
    (record,) = stored(site, "state/backfills/")
    (grant,) = record["grants"]
    assert (grant["by"], grant["who"], grant["why"], grant["budget_usd"]) == ("answer", "Aiko", "asked by legal", 3.0)


def test_backfills_queue_up(site: Site, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """One at a time: it has the turn also while it waits for an answer, and gives it back however it ends."""
    put_days(site)
    settings, seen = Settings.load(), list[Holder]()
    with Person({"go": False}, meanwhile=lambda: seen.append(turn_holder(settings))).present():
        run(approve=False)
    with pytest.raises(OverBudget):
        run(max_cost_usd=0.001)
    assert [holder.is_released for holder in (*seen, turn_holder(settings))] == [False, True]
    assert seen[0].name == "backfill-2026-11-16-2026-11-17-missing"
    # Of a run whose process was killed nothing but its lease is left.
    left = Holder(run_id="killed", name="backfill-killed").model_dump_json().encode()
    adapters.connect(settings).storage.put(backfill_lease(settings), left)
    monkeypatch.setattr(lease, "FREE_AFTER_S", 2.0)  # a minute takes a minute
    assert run().startswith("2 days done")
    assert any("backfill-killed has been at work" in line for line in logged(caplog, latest_run("backfill")))


def test_a_refused_plan_ends_cleanly(site: Site) -> None:
    """No is an answer: the run is completed, named as refused, and nothing was asked of Bedrock."""
    put_days(site)
    with Person({"go": False}).present():
        state: Any = backfill(start_date=FIRST, end_date=LAST, reason="a test", return_state=True)
    assert (state.type, state.name) == (StateType.COMPLETED, "Refused")
    assert site.created_jobs() == 0


def test_a_plan_whose_input_moved_is_asked_about_again(site: Site) -> None:
    """What a person has seen is what is carried out, or it is planned and asked again; so is a budget too low."""
    put_days(site)
    late = sample_day(FIRST, dirty_fraction=0).comments.slice(COUNT, 20)
    late = late.with_columns(comment_id=pl.lit("late-") + pl.col("comment_id"))
    late_key = f"comments/date={FIRST}/part-1.parquet"
    yes, low = {"go": True, "budget_usd": 3.0}, {"go": True, "budget_usd": 0.01}

    def come_late() -> None:
        if len(person.asked) == 1:
            site.put(late_key, late)

    person = Person(low, yes, yes, meanwhile=come_late)
    reason = 'as <img src="https://evil.example/x.png"> says [here](https://evil.example) www.evil.example'
    with person.present():
        run(approve=False, reason=reason)
    assert len(person.asked) == 3
    assert "over the backfill's budget of $0.0100" in person.asked[1]
    for asked in map(json.loads, person.asked):  # what a person typed is shown, and nothing comes of it
        shown = MarkdownIt("commonmark").render(asked)
        assert "<img" not in shown
        assert "href" not in shown
        assert f"Reason: {reason}" in html.unescape(shown)
        assert "https://" not in asked, "a bare address becomes a link"
    assert site.read("verdicts", FIRST).height == COUNT + 20


def test_nobody_answers(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """After APPROVAL_WAIT_H the run ends without having done anything."""
    monkeypatch.setenv("MODERATION_APPROVAL_WAIT_H", "0.0003")
    put_days(site)
    with pytest.raises(Unanswered, match="MODERATION_APPROVAL_WAIT_H"):
        run(approve=False)
    assert site.created_jobs() == 0


def test_a_day_that_stops_does_not_stop_the_others(site: Site) -> None:
    """The other days are published; the same call again judges only the one that stopped."""
    put_days(site)
    site.sandbox.faults.set("all_error", "true@2")
    with pytest.raises(BackfillIncomplete, match=rf"1 of 2 days stopped, the first is {FIRST}"):
        run()
    assert site.read("verdicts", LAST).height == COUNT
    site.sandbox.faults.reset()
    before = site.created_jobs()
    assert run().startswith("1 days done")
    assert site.created_jobs() == before + 1
    (record,) = stored(site, "state/backfills/")
    assert {day["outcome"] for day in record["days"].values()} == {"published"}


def test_a_plan_over_its_budget_submits_nothing(site: Site) -> None:
    """The budget is that of the whole backfill, and holds before the first job."""
    put_days(site)
    with pytest.raises(OverBudget, match=r"budget of \$0\.0100"):
        run(max_cost_usd=0.01)
    assert site.created_jobs() == 0


def test_a_day_that_changes_too_much_waits_for_a_word(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """Over MAX_FLIP_FRACTION the day stays as it was until somebody says that it may change; nothing is paid twice."""
    put_days(site)
    run(end_date=FIRST)
    before = site.read("verdicts", FIRST)
    site.sandbox.faults.set("refusals", "0.3")
    person = Person({"publish": False})
    with person.present(), pytest.raises(BackfillIncomplete, match="MODERATION_MAX_FLIP_FRACTION"):
        run(end_date=FIRST, mode="all")
    assert "is not published yet" in person.asked[0]
    assert any(f"{FIRST} waits for a person's word" in line for line in logged(caplog, latest_run("backfill")))
    assert site.read("verdicts", FIRST).equals(before)
    jobs = site.created_jobs()
    assert run(end_date=FIRST, mode="all", accept_flips=True).startswith("1 days done")
    assert site.created_jobs() == jobs
    refused = site.read("verdicts", FIRST).filter(pl.col("status") == "refused").height
    (*_, report) = [flips for flips in stored(site, f"runs/{FIRST}/") if "flipped_count" in flips]
    assert (report["flipped_count"], report["ways"]) == (refused, {"judged → unjudged": refused})


def test_what_a_cancel_stopped_is_told_on_the_page_of_the_run(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """Prefect runs the hook of a cancelled run in another process; what it did stands in that run's log."""
    settings, run_id = Settings.load(), uuid4()
    given = {"start_date": str(FIRST), "end_date": str(LAST), "mode": "missing", "reason": "a test"}
    storage = adapters.connect(settings).storage
    request = BackfillRequest(
        **given, prompt_version=settings.prompt_version, model_id=settings.model_id
    )  # as a form with empty fields is read
    record = load_record(storage, settings, request).with_begun(FIRST, Begun(run_id="night", epoch=0, booked_usd=0.0))
    store_record(storage, settings, record)
    storage.put(DayPaths(settings, FIRST).lease, Holder(run_id="night").model_dump_json().encode())
    stop_cancelled(backfill, FlowRun(id=run_id, flow_id=uuid4(), parameters=given), None)
    assert any(line.startswith(f"Cancelled in {FIRST}: no Bedrock job was running") for line in logged(caplog, run_id))


def test_late_input_is_all_that_is_paid_for(site: Site) -> None:
    """Files that came after the day was published are judged; the comments before them are not asked again."""
    put_days(site)
    run()
    late = sample_day(FIRST, dirty_fraction=0).comments.slice(COUNT, COUNT)
    late = late.with_columns(comment_id=pl.lit("late-") + pl.col("comment_id"), text=pl.col("text") + " !")
    site.put(f"comments/date={FIRST}/part-1.parquet", late)
    assert run(mode="late_input").startswith("1 days done")
    assert set(site.bedrock.paid_records.values()) == {1}
    assert site.read("verdicts", FIRST).height == 2 * COUNT


def next_commands(site: Site, day: date) -> list[str]:
    """What the alert says to run next, if the day's failed answers and its violations were degraded."""
    metrics = site.read("metrics", day).filter(pl.col("slice") == "all")
    bad = pl.col("metric").is_in(["error_rate", "violation_rate"])
    rows = metrics.filter(bad).with_columns(state=pl.lit("degraded"), since=pl.lit(day))
    paths = RunPaths(Settings.load(), day, "run")
    bodies = [degraded_message([row], paths).body for row in rows_of(rows)]
    lines = "\n".join(bodies).splitlines()
    commands = [line.removeprefix("Next: ") for line in lines if line.startswith("Next: ")]
    assert len(commands) == 3
    return commands


def test_answers_that_lack_are_asked_for_again(
    site: Site, prefect_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day that lacks verdicts ends as Partial, with how many; `partial` asks for these again, and for no other."""
    monkeypatch.setenv("MODERATION_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("MODERATION_ON_DEMAND_PER_S", "1000")
    put_days(site)
    site.sandbox.faults.set("error_records", "0.2@1")
    state: Any = run(return_state=True)
    lacking = site.read("verdicts", FIRST).filter(pl.col("status") == "error").height
    assert lacking > 0
    told = f"{lacking} of {COUNT} comments have no verdict ({lacking} error)"
    assert (state.type, state.name) == (StateType.COMPLETED, "Partial")
    assert told in state.message
    notes = [row["note"] for row in table("backfill-2026-11-16-2026-11-17-missing")]
    assert notes == [f"degraded: error_rate; {told}", "", ""]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    printed = list[str]()
    for command in next_commands(site, FIRST):
        done = subprocess.run(  # noqa: S602 as a person pastes it
            command,
            shell=True,
            env=os.environ | {"PATH": path, "PREFECT_API_URL": prefect_server},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        # A backfill shows its plan, and then nobody is there to be asked.
        assert done.returncode == (2 if "backfill" in command else 0), done.stderr
        assert str(lacking) in done.stdout or "backfill" not in command
        printed.append(done.stdout)
    assert any("error" in shown for shown in printed), "a query shows the statuses"
    again: Any = run(mode="partial", return_state=True)
    assert again.name == "Completed"
    plan = table("backfill-2026-11-16-2026-11-17-partial-plan")
    assert [(row["state"], row["to judge"]) for row in plan] == [
        ("partial", str(lacking)),
        ("published", ""),
        ("", str(lacking)),
    ]
    assert set(site.read("verdicts", FIRST)["status"]) == {"judged"}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        pytest.param({"end_date": datetime.now(ZoneInfo("Asia/Tokyo")).date()}, "is today", id="today"),
        pytest.param({"end_date": date(2099, 1, 1)}, "is in the future", id="future"),
        pytest.param({"end_date": date(2026, 11, 1)}, "lies before", id="reversed"),
        pytest.param({"start_date": date(2026, 1, 1)}, "MODERATION_BACKFILL_MAX_DAYS", id="long"),
        pytest.param({"reason": "  "}, "reason is empty", id="no-reason"),
        pytest.param({"prompt_version": "v99"}, "no prompt comment_review/v99", id="no-such-prompt"),
    ],
)
def test_what_cannot_be_done_is_refused(site: Site, changes: dict[str, Any], named: str) -> None:
    """The run ends as Refused, which is no failure, with a line that says what to change."""
    state: Any = run(**changes, return_state=True)
    assert (state.type, state.name) == (StateType.COMPLETED, "Refused")
    assert named in state.message


def test_the_command_line_asks_only_at_a_terminal(site: Site, prefect_server: str) -> None:
    """Without a terminal and without --approve the plan is printed, nothing is done, and the exit code is 2."""
    put_days(site)
    range_of = ("--start-date", str(FIRST), "--end-date", str(LAST), "--reason", "a test")
    done = call("backfill", *range_of, PREFECT_API_URL=prefect_server)
    assert done.returncode == 2, done.stderr
    assert "2 days" in done.stdout
    assert done.stderr.splitlines()[-1].endswith("add --approve")
    assert site.created_jobs() == 0
