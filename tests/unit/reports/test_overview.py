"""The overview: what each day amounts to, read without a Prefect server, in both languages and as JSON."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from data_contracts.documents.stopped import Stop
from data_contracts.documents.trust import Answer, Said, Trust
from data_contracts.tables.metrics import METRICS, MetricRow
from data_contracts.tables.verdicts import NIGHTS, Status
from flows.__main__ import app
from flows.command_line import last_words
from tasks import adapters
from tasks.base.errors import WrongUsage
from tasks.base.paths import RunPaths, lake
from tasks.base.settings import Settings
from tasks.reports.open_alerts import OpenAlert
from tasks.reports.overview.days import Day, DayState, Overview, days_of
from tasks.reports.overview.lines import cells, markdown, terminal_lines
from tasks.reports.overview.read_overview import read_overview
from tasks.reports.trail import PublishedNight, Trail
from tasks.reports.words.say import say_in
from tests.measured_nights import settings_in
from tests.sample_nights import HOSTILE, INVISIBLE, RUN_DATE, a_night, compared, estimated, metric

NOW = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
ENGLISH, JAPANESE = say_in("en"), say_in("ja")


def night(day: date = RUN_DATE, **facts: Any) -> PublishedNight:
    """A published night."""
    counts = {"ingested_count": 1010, "valid_count": 1000, "rejected_count": 10, "violation_count": 60}
    statuses = dict.fromkeys(map(str, Status), 0) | {"judged": 1000}
    versions = {"model_id": "m1", "prompt_version": "v1", "prompt_sha256": "0"}
    row = {"date": day, "run_id": f"run-{day}", "statuses": statuses, "cost_usd": 1.5, "estimated_cost_usd": 1.6}
    return PublishedNight.model_validate(row | counts | versions | facts)


def trail(*nights: PublishedNight, rows: tuple[MetricRow, ...] = (), **facts: Any) -> Trail:
    """These nights as a month."""
    return Trail(last=RUN_DATE, nights=nights, rows=rows, **facts)


def day_of(*rows: MetricRow, **facts: Any) -> Day:
    """What the last night amounts to with these rows."""
    return days_of(trail(night(**facts), rows=rows))[0]


def test_a_day_has_what_was_measured() -> None:
    """Shares, accuracy with interval, dollars and labels are those of the tables."""
    day = days_of(trail(night(), rows=(estimated("accuracy", "all", 0.91, 250, 0.03),), asked={RUN_DATE: 300}))[0]
    assert (day.state, day.is_balanced, day.judged_share, day.violation_count) == (DayState.PUBLISHED, True, 1.0, 60)
    assert (day.accuracy, day.accuracy_low, day.accuracy_high) == (0.91, 0.88, 0.9400000000000001)
    assert (day.labels_asked, day.labels_answered, day.cost_usd) == (300, 250, 1.5)
    assert cells(day, ENGLISH) == [
        "2026-11-19", "published", "yes", "1,000 / 1,000", "60 (6.00%)", "91.0% (88.0% to 94.0%)", "$1.50", "none",
        "250 / 300",
    ]  # fmt: skip


def test_what_is_wrong_shows() -> None:
    """A night that lost comments, one that is degraded, one whose labels still come, one that nobody labelled."""
    lacking = dict.fromkeys(map(str, Status), 0) | {"judged": 900, "missing": 100}
    assert day_of(statuses=lacking).state is DayState.PARTIAL
    assert day_of(valid_count=1001).is_balanced is False
    low = compared("violation_rate", "all", 0.2, 0.06, 0.01, state="degraded", severity="ticket")
    degraded = day_of(low, metric("accuracy", state="no_data", severity="ticket", n=0))
    assert (degraded.state, degraded.alerts, degraded.accuracy) == (DayState.DEGRADED, ("quality", "outputs"), None)
    assert cells(degraded, JAPANESE)[1] == "悪化"
    coming = day_of(estimated("accuracy", "all", 0.9, 20, 0.1, state="cannot_tell", reason_code="provisional"))
    assert cells(coming, ENGLISH)[5].endswith("*")
    assert cells(day_of(cost_usd=None), JAPANESE)[6] == "不明"


def test_every_day_of_the_month_has_a_row() -> None:
    """28 days that end with the last one, the newest first, whether they are published or not."""
    days = days_of(trail(night(), night(RUN_DATE - timedelta(2))))
    assert [day.date for day in days] == [RUN_DATE - timedelta(back) for back in range(28)]
    assert [day.state for day in days[:4]] == ["published", "not_published", "published", "not_published"]


def test_changes_are_those_between_published_nights() -> None:
    """A prompt or model counts as changed on the first night that has the new one, over a gap too."""
    nights = (
        night(RUN_DATE - timedelta(5)), night(RUN_DATE - timedelta(3), model_id="m2"),
        night(RUN_DATE, model_id="m2", prompt_version="v2", prompt_sha256="1"),
    )  # fmt: skip
    found = [(change.day, change.what, change.old, change.new) for change in trail(*nights).changes()]
    assert found == [(RUN_DATE - timedelta(3), "model", "m1", "m2"), (RUN_DATE, "prompt", "v1", "v2")]


def whole_overview(text: str = "m") -> Overview:
    """One with something of everything, and a text from outside wherever one can be."""
    stopped = Day(date=RUN_DATE, state=DayState.STOPPED, reason=text)
    trust = Trust(answer=Answer.NO, reasons=(Said(code="alert_open"),), step=Said(code="ask_labelers"), command=text)
    alert = OpenAlert(group=text, since=RUN_DATE, headlines=(text,))
    return Overview(last=RUN_DATE, days=(stopped, day_of()), trust=trust, trust_day=RUN_DATE, open_alerts=(alert,))


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_word_is_dead_text(text: str) -> None:
    """Neither the terminal nor Prefect's page obeys what stands in a name."""
    page = markdown(whole_overview(text), ENGLISH)
    assert not INVISIBLE.search(page)
    assert "<" not in page.replace("\\<", "")
    assert page.count("\n") == markdown(whole_overview(), ENGLISH).count("\n")
    assert not any(INVISIBLE.search(line) for line in terminal_lines(whole_overview(text), ENGLISH))


def test_what_opens_a_day_stands_beside_its_state() -> None:
    """Prefect's page cuts off what is far to the right: the links are seen without a scroll."""
    page = markdown(whole_overview(), ENGLISH, [["[report](http://a)"], ["[report](http://b)", "[checks](http://c)"]])
    table = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("|")]
    assert table[0][:4] == ["day", "state", "open", "balanced"]
    assert [row[2] for row in table[2:]] == ["[report](http://a)", "[report](http://b), [checks](http://c)"]
    assert {len(row) for row in table} == {10}


@pytest.mark.parametrize("say", [ENGLISH, JAPANESE], ids=["en", "ja"])
def test_columns_stand_below_each_other(say: Any) -> None:
    """Wide characters take two places, and no line is wider than a usual terminal."""
    lines = terminal_lines(whole_overview(), say)
    start = next(number for number, line in enumerate(lines) if not line) + 1
    second = [len(line.split("  ")[0].encode("euc_jp")) for line in lines[start : start + 3]]
    assert second[1:] == [10, 10]
    assert all(len(line.encode("euc_jp", "replace")) <= 110 for line in lines[start : start + 3])


@pytest.fixture(autouse=True)
def _region(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients are made with one, though every root is a folder."""
    monkeypatch.setenv("AWS_REGION", "ap-northeast-1")


@pytest.fixture
def site(tmp_path: Path) -> Settings:
    """A site whose roots are folders, with two published nights, the newer of which said whether it can be trusted."""
    settings = settings_in(tmp_path)
    outside = adapters.connect(settings)
    for back in (0, 1):
        day = RUN_DATE - timedelta(back)
        row = night(day).model_dump(exclude={"statuses"}) | {f"{status}_count": 0 for status in Status}
        row |= {"judged_count": 1000, "published_at": NOW, "plan_sha256": "0", "duplicate_count": 0}
        row |= dict.fromkeys(("input_tokens", "output_tokens"), 1)
        frame = pl.DataFrame([{name: row.get(name) for name in NIGHTS.names}], schema=NIGHTS.polars_schema)
        batches = frame.to_arrow().cast(NIGHTS.arrow_schema).to_batches()
        outside.lake.replace_day(lake(settings, "nights"), NIGHTS, day, batches, {})
    rows = [{"measured_at": NOW, **estimated("accuracy", "all", 0.93, 200, 0.03).model_dump(exclude={"measured_at"})}]
    frame = pl.DataFrame(rows, schema=METRICS.polars_schema)
    outside.lake.append(lake(settings, "metrics"), METRICS, frame, {})
    trust = Trust(answer=Answer.YES, reasons=(), step=Said(code="nothing"))
    summary = a_night().model_copy(update={"trust": trust}).model_dump_json()
    outside.storage.put(RunPaths(settings, RUN_DATE, f"run-{RUN_DATE}").file("summary.json"), summary.encode())
    return settings


def test_it_is_read_from_what_the_nights_left(site: Settings) -> None:
    """The last published day is the last on record; its own answer stands above."""
    found = read_overview(adapters.connect(site), site)
    assert (found.last, found.trust_day, len(found.days)) == (RUN_DATE, RUN_DATE, 28)
    assert found.trust is not None
    assert found.trust.answer is Answer.YES
    assert [day.accuracy for day in found.days[:2]] == [0.93, None]
    assert [day.run_id for day in found.days[:3]] == [f"run-{RUN_DATE}", f"run-{RUN_DATE - timedelta(1)}", None]


def test_a_night_that_stopped_is_on_record(site: Settings) -> None:
    """The month ends with the day that stopped, which says why; the answer is still the published night's."""
    later = RUN_DATE + timedelta(2)
    stop = Stop(run_id="r", name="OverBudget", reason="too dear", stopped_at=NOW)
    outside = adapters.connect(site)
    outside.storage.put(RunPaths(site, later, "r").file("stopped.json"), stop.model_dump_json().encode())
    found = read_overview(outside, site)
    assert (found.last, found.days[0].state, found.days[0].reason) == (later, DayState.STOPPED, "OverBudget")
    assert found.days[1].state is DayState.NOT_PUBLISHED
    assert found.trust_day == RUN_DATE


def test_nothing_on_record_is_said(tmp_path: Path) -> None:
    """A site that judged no night has no overview."""
    settings = settings_in(tmp_path)
    with pytest.raises(WrongUsage, match="no night was judged yet"):
        read_overview(adapters.connect(settings), settings)


def call(*arguments: str) -> tuple[int, str, list[str]]:
    """The command's exit code, what it printed, and its last words."""
    last_words.clear()
    done = CliRunner().invoke(app, ["overview", *arguments])
    said = list(last_words)
    last_words.clear()
    return done.exit_code, done.output, said


def test_the_command_needs_no_prefect_server(site: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It prints the table in the setting's language, and writes JSON that says the same."""
    for name in ("comments_uri", "labels_uri", "output_uri", "batch_uri", "role_arn"):
        monkeypatch.setenv(f"MODERATION_{name.upper()}", getattr(site, name))
    code, output, _ = call("--json", str(tmp_path / "overview.json"))
    assert (code, "Can the verdicts of 2026-11-19 be trusted? Yes." in output) == (0, True)
    assert "93.0% (90.0% to 96.0%)" in output
    stored = json.loads((tmp_path / "overview.json").read_text())
    assert [day["date"] for day in stored["days"]][:2] == ["2026-11-19", "2026-11-18"]
    assert stored["days"][0]["accuracy"] == 0.93
    monkeypatch.setenv("MODERATION_LANGUAGE", "ja")
    code, output, _ = call("--json", "-")
    assert (code, json.loads(output)) == (0, stored)
    assert "公開済み" in call()[1]
    monkeypatch.setenv("MODERATION_OUTPUT_URI", str(tmp_path / "nowhere"))
    code, _, said = call()
    assert (code, said[0].startswith("overview: nothing is on record below")) == (2, True)
