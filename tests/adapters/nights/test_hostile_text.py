"""Whole nights of attacks over real HTTP: what a customer, a labeler or a model says is data wherever it comes out."""

from __future__ import annotations

import csv
import html
import json
import re
import sys
import traceback
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import prompts
from data_contracts.documents.ledger import record_id
from data_contracts.tables.comments import COMMENTS, Reason
from data_contracts.tables.metrics import Kind, MetricRow, State
from data_contracts.tables.verdicts import MAX_EXPLANATION_CHARS, VERDICTS, Status
from sandbox.play import play_night
from sandbox.serve import Sandbox, running
from tasks import adapters
from tasks.alerts.metric_text import describe
from tasks.base.errors import NightStopped, describe_failure
from tasks.base.paths import DayPaths, RunPaths
from tasks.base.ports import Job, JobStatus
from tasks.base.settings import Settings
from tasks.llm.quotes import REMOVED, REMOVED_DETAIL
from tasks.reports.log_lines import describe_step
from tasks.reports.night_summary import describe_night, describe_terminal
from tests import hostile_texts as hostile
from tests.alert_place import stopped_message
from tests.fakes import FakeBedrock, Line
from tests.hostile_nights import (
    DAY,
    HONEST,
    MODEL_ID,
    NOW,
    OBJECT_NAMES,
    SLY,
    Played,
    Row,
    SlyMind,
    asked,
    comment,
    harmless_labels,
    harmless_rows,
    hostile_labels,
    hostile_rows,
    play,
)
from tests.measured_nights import settings_in
from tests.otlp_collector import Collector
from tests.receivers import Receiver, Topic, served

#: apprise's mail plug-in imports a module that Python 3.13 drops; apprise itself does without it there.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

TABLES = ("verdicts", "metrics", "review")
#: The site's own ids go out as they came: whoever joins on them needs every sign.
SITES_OWN = {"comment_id", "product_id"}
#: What no text of ours holds for a reader to obey.
HIDDEN = {chr(code) for code in range(sys.maxunicode) if not chr(code).isprintable()} - {" "}


def _settings(monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox, **changes: Any) -> Settings:
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    return Settings.load(
        model_id=MODEL_ID,
        max_rejected_fraction=0.5,
        min_judged_fraction=0.1,
        max_attempts=1,
        on_demand_per_s=10_000,
        on_demand_concurrency=8,
        **changes,
    )


class Told(NamedTuple):
    """A night and what was told of it: by a web hook, by a topic, and to an OpenTelemetry collector."""

    played: Played
    webhook: dict[str, Any]
    topic: dict[str, Any]
    collector: Collector


@pytest.fixture(scope="module")
def nights() -> dict[str, Told]:
    """The hostile night in a batch and on demand, and the harmless one."""
    names, rows = ["a.parquet", "b.parquet", "c.parquet"], harmless_rows()
    hostile_day = (hostile_rows(), hostile_labels(hostile_rows()), OBJECT_NAMES)
    return {
        "batch": _tell(SLY, *hostile_day),
        "on-demand": _tell(SLY, *hostile_day, min_job_records=10_000),
        "harmless": _tell(HONEST, rows, harmless_labels(rows), names),
    }


def _tell(mind: SlyMind, rows: list[Row], labels: list[Row], object_names: Sequence[str], **changes: Any) -> Told:
    receiver, collector = Receiver(), Collector()
    with (
        pytest.MonkeyPatch.context() as environment,
        served(receiver.server),
        served(collector.server),
        running(mind=mind, job_seconds=0) as site,
    ):
        site.reset()
        topic = Topic(site.s3_url)
        environment.setenv("AWS_ENDPOINT_URL_SNS", site.s3_url)
        environment.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        settings = _settings(environment, site, alert_urls=[receiver.url], sns_topic_arn=topic.arn, **changes)
        played = play(site, settings, rows, labels, object_names)
        (said,) = receiver.requests
        told = Told(played, said, topic.received(), collector)
        site.reset()
    return told


@pytest.fixture(params=["batch", "on-demand"])
def told(request: pytest.FixtureRequest, nights: dict[str, Told]) -> Told:
    """The hostile night, each way of asking, and its alerts."""
    return nights[request.param]


@pytest.fixture
def night(told: Told) -> Played:
    """The hostile night itself."""
    return told.played


def test_attacks_by_row_break_their_own_row(night: Played) -> None:
    """Rows that break the contract are rejected with a reason, all others have a verdict, and the books balance."""
    verdicts, rejected = night.table("verdicts"), night.table("rejected")
    bad = set(hostile.BAD_COMMENT_IDS.values())
    expected = [(value, Reason.BAD_ID.value) for value in hostile.BAD_COMMENT_IDS.values()]
    expected += [("too-long", Reason.TOO_LONG.value), ("broken-0", Reason.BAD_ENCODING.value)]
    assert sorted(rejected.select("comment_id", "reason").iter_rows()) == sorted(expected)
    legal = {row["comment_id"]: row["product_id"] for row in night.rows if row["comment_id"] not in bad | {"too-long"}}
    assert dict(verdicts.select("comment_id", "product_id").iter_rows()) == legal
    assert verdicts.height + rejected.height == night.night.balance.ingested_count == len(night.rows) + 1
    assert set(verdicts["status"]) == {Status.JUDGED, Status.MALFORMED}
    assert night.night.balance.unattributed_input_tokens == 0


def test_every_comment_reaches_the_model_in_its_tag(night: Played) -> None:
    """Each text is asked as it came, between its own tags, in a body that is otherwise every other comment's."""
    bodies, texts = asked(night), {record_id(DAY, row["comment_id"]): row["text"] for row in night.rows}
    prompt = prompts.load("comment_review", "v1")
    skeletons = set()
    assert len(bodies) == night.night.balance.verdict_count
    for record, body in bodies.items():
        assert body["system"] == [{"text": prompt.system}]
        said = body["messages"][0]["content"][0].pop("text")
        before, _, after = prompt.user.partition(prompts.COMMENT_MARK)
        assert html.unescape(said.removeprefix(before).removesuffix(after)) == texts[record]
        assert (said.count("<"), said.count(">")) == (prompt.user.count("<"), prompt.user.count(">"))
        skeletons.add(json.dumps(body))
    assert len(skeletons) == 1


def test_lines_stay_lines(night: Played) -> None:
    """Every JSON lines file has as many lines to any reader as records, none of them broken."""
    files = [body for key, body in night.objects.items() if ".jsonl" in key]
    assert files
    for body in files:
        lines = body.decode().splitlines() if b"modelInput" not in body or b"modelOutput" not in body else []
        for line in lines or body.split(b"\n")[:-1]:
            assert json.loads(line)["recordId"]


def test_a_trace_holds_nothing_of_what_people_write(told: Told) -> None:
    """What a collector is sent has no comment, explanation, product or customer in it, and no span a comment."""
    bodies = b"".join(sent.body for sent in told.collector.requests)
    rows, verdicts = told.played.rows, told.played.table("verdicts")
    written = {value for row in rows for key, value in row.items() if key in ("text", "product_id", "user_id")}
    written |= {*verdicts["comment_id"], *verdicts["explanation"].drop_nulls()}
    assert hostile.CANARY.encode() not in bodies
    assert not [text for text in written if len(text) > 5 and text.encode(errors="replace") in bodies]
    spans = told.collector.spans()
    assert len(spans) < 60 < len(rows)
    stages = {line.split(":")[0] for line in told.played.log}
    assert stages <= {span.name for span in spans}
    assert len({span.trace_id for span in spans}) == 1
    (night,) = (span for span in spans if not span.parent_id)
    assert night.name.endswith(told.played.night.run_id)
    assert night.attributes["moderation.outcome"] == "published"
    assert "shard" in {span.name for span in spans}


@pytest.mark.parametrize("name", TABLES)
def test_every_reader_reads_the_same(name: str, night: Played, tmp_path: Path) -> None:
    """DuckDB reads the Parquet as Polars does, and a CSV export comes back whole by the csv module and by DuckDB."""
    path, table = night.write(name, tmp_path), night.table(name)
    assert duckdb.read_parquet(str(path)).fetchall() == table.rows()
    texts = table.select(pl.all().cast(pl.String)).fill_null("")
    export = tmp_path / f"{name}.csv"
    texts.write_csv(export, quote_style="always")
    csv.field_size_limit(1_000_000)
    with export.open(encoding="utf-8", newline="") as file:
        assert [tuple(row) for row in csv.reader(file)] == [tuple(texts.columns), *texts.rows()]
    read = duckdb.read_csv(str(export), all_varchar=True, header=True, quotechar='"', escapechar='"', parallel=False)
    assert read.fetchall() == [tuple(value or None for value in row) for row in texts.rows()]


@pytest.mark.parametrize("name", TABLES)
def test_no_cell_is_a_formula(name: str, night: Played) -> None:
    """Whatever a spreadsheet opens, only the site's own ids may begin like a formula; no other cell hides anything."""
    table = night.table(name)
    for column in set(table.columns) - SITES_OWN:
        if table.schema[column] == pl.String:
            cells = table[column].drop_nulls().unique().to_list()
            assert not [cell for cell in cells if cell.strip()[:1] in tuple("=+-@＝＋－＠") and cell.strip()], column
            if column != "slice":  # it ends in a product's or a stratum's own name
                assert not HIDDEN & set("".join(cells)), column


def test_explanations_are_short_and_repeat_no_comment(night: Played) -> None:
    """A model that was talked into repeating a comment is not heard, and nobody is told more than 200 characters."""
    explanations = night.table("verdicts")["explanation"].drop_nulls()
    assert REMOVED in explanations.to_list()
    assert max(map(len, explanations)) <= MAX_EXPLANATION_CHARS
    for key, body in night.objects.items():
        if not key.startswith("moderation-batch/") and "/rejected/" not in key:
            assert hostile.CANARY.encode() not in body, key
    answers = [pl.read_parquet(body) for key, body in night.objects.items() if "/answers/" in key]
    assert REMOVED in pl.concat(answers)["explanation"].to_list()
    for frame in answers:
        assert hostile.CANARY not in str(frame.rows())
    for name in TABLES:
        assert hostile.CANARY not in str(night.table(name).drop(SITES_OWN, strict=False).rows())


def test_every_document_is_json(night: Played) -> None:
    """Plan, balance, summary, ledger and state are UTF-8 JSON, whatever names and words they repeat."""
    documents = {key: body for key, body in night.objects.items() if key.endswith(".json") and "/lake/" not in key}
    names = {key.rsplit("/", 1)[-1] for key in documents}
    assert names >= {"plan.json", "balance.json", "summary.json", "ledger.json", "expectations.json"}
    for key, body in documents.items():
        assert json.loads(body.decode()), key


def test_the_lake_and_the_plain_objects_agree(night: Played, tmp_path: Path) -> None:
    """The Delta table, read from its files by path, has the plain object's rows and nobody else's."""
    prefix = "moderation-output/lake/verdicts/"
    for key, body in night.objects.items():
        if key.startswith(prefix):
            path = tmp_path / key.removeprefix(prefix)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
    lake = pl.scan_delta(str(tmp_path)).select(VERDICTS.names).collect()
    assert_frame_equal(lake.sort("comment_id"), night.table("verdicts").sort("comment_id"))


def test_a_stage_is_one_log_line(night: Played) -> None:
    """No line of the log, the terminal or the run's page in Prefect is forged or coloured by what it tells."""
    night_lines = describe_terminal(night.night).splitlines() + describe_night(night.night).splitlines()
    for line in [*night.log, *night_lines]:
        assert not HIDDEN & set(line), line
        assert "forged" not in line


class Skeleton(HTMLParser):
    """The elements of a page with their attributes, and the attributes' values where they could do something."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: set[tuple[str, ...]] = set()
        self.links: set[str] = set()
        self.handlers: set[str] = set()
        self.comments: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add((tag, *sorted(name for name, _ in attrs)))
        for name, value in attrs:
            if name in ("href", "src", "action", "xlink:href", "srcset", "formaction", "data"):
                self.links.add(value or "")
            if name.startswith("on") or name == "srcdoc":
                self.handlers.add(name)

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


@pytest.mark.parametrize("name", ["report.html", "data_docs/index.html"])
def test_a_page_is_built_as_ever(name: str, night: Played, nights: dict[str, Told]) -> None:
    """A page has no element and no attribute that the same night without attacks does not have."""
    page, usual = Skeleton(night.page(name)), Skeleton(nights["harmless"].played.page(name))
    assert page.elements <= usual.elements
    assert page.links == usual.links
    assert not page.handlers
    assert page.comments == usual.comments
    assert not HIDDEN - {"\n"} & set(night.page(name))


def test_the_report_tells_of_hostile_products(night: Played) -> None:
    """The attacks do reach the page: a product's id is shown there as the words that it is."""
    assert "&gt;&lt;script&gt;alert(1)&lt;/script&gt;" in night.page("report.html")


def without_numbers(title: str) -> str:
    """A title whose figures are left out: the nights do not reject the same share of rows."""
    return re.sub(r"[\d.]+%", "%", title)


def test_an_alert_is_as_long_as_ever(told: Told, nights: dict[str, Told]) -> None:
    """What a channel gets has the title and the lines that it has without attacks: none is added, moved or hidden."""
    usual = nights["harmless"].webhook
    assert without_numbers(told.webhook["title"]) == without_numbers(usual["title"])
    lines = told.webhook["message"].split("\n")
    assert len(lines) == len(usual["message"].split("\n"))
    for line, other in zip(lines, usual["message"].split("\n"), strict=True):
        assert not HIDDEN & set(line)
        assert line[:8] == other[:8]
    assert told.topic["Message"].endswith(told.webhook["message"])
    assert without_numbers(told.topic["Subject"]) == without_numbers(nights["harmless"].topic["Subject"])


def test_an_alert_obeys_nobody(told: Told) -> None:
    """No mention, link or mark-up of an id reaches a chat; the ids that show a fault are still told."""
    for line in told.webhook["message"].split("\n"):
        if "example comments" in line:
            assert not set("<>@`*[]|~:/") & set(line.partition("example comments")[2])
        assert "evil.test" not in line
        assert "javascript:" not in line
    assert "example comments" in told.webhook["message"]


@pytest.mark.parametrize("name", hostile.FOREIGN_IDS)
def test_an_alert_of_a_hostile_product_obeys_nobody(name: str) -> None:
    """A product that an attacker named is told in one line of letters, digits and a few signs."""
    part = f"product={hostile.FOREIGN_IDS[name]}"
    row = MetricRow(
        metric="product_share",
        slice=part,
        kind=Kind.RATE,
        date=DAY,
        n=300,
        value=0.2,
        since=DAY,
        state=State.DEGRADED,
    )
    line = describe(row, DAY)
    assert not HIDDEN & set(line)
    assert not set("<>@`*[]|~/") & set(line)
    assert "evil.test" not in line
    assert len(line) < 200


class RudeBedrock(FakeBedrock):
    """Fails records with every hostile message, the comment's own words included, and ends its jobs with one."""

    def _answer(self, record: Line, number: int) -> Line | None:
        asked = record["modelInput"]["messages"][0]["content"][0]["text"]
        messages = [*hostile.MESSAGES.values(), f"not valid: {asked}"]
        error = {"errorCode": "=1+1" if number % 2 else 400, "errorMessage": messages[number % len(messages)]}
        return {"recordId": record["recordId"], "error": error} if number % 3 else super()._answer(record, number)

    def _move(self, job: Job, **changes: object) -> None:
        super()._move(job, **changes | {"message": hostile.MESSAGES["forged"] + hostile.ANSI + hostile.MENTION})


@pytest.fixture
def rude(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Settings, RudeBedrock]:
    """A site in a folder, with a Bedrock that says anything."""
    monkeypatch.setenv("AWS_REGION", "ap-northeast-1")
    settings = settings_in(tmp_path, poll_interval_s=0.001, max_attempts=1, min_judged_fraction=0.1)
    folder = tmp_path / "comments" / f"date={DAY}"
    folder.mkdir(parents=True)
    rows = [comment(f"c{number}", f"what customer {number} wrote in confidence") for number in range(120)]
    pl.DataFrame(rows, schema=COMMENTS.polars_schema).write_parquet(folder / "part-0.parquet")
    bedrock = RudeBedrock(adapters.connect(settings).storage, polls_until_done=1)
    connected = replace(adapters.connect(settings), bedrock=bedrock)
    monkeypatch.setattr(adapters, "connect", lambda _: connected)
    return settings, bedrock


def test_what_bedrock_says_is_data(rude: tuple[Settings, RudeBedrock]) -> None:
    """Errors of records and messages of jobs come out as short lines of visible text that repeat no comment."""
    settings, log = rude[0], list[str]()
    night = play_night(
        settings,
        DAY,
        "run-1",
        lambda: NOW,
        report=lambda name, result, took_s: log.append(describe_step(name, result, took_s)),
    )
    assert night is not None
    assert set(night.statuses) == {Status.JUDGED, Status.ERROR}
    verdicts = pl.read_parquet(DayPaths(settings, DAY).plain("verdicts"))
    details = verdicts["status_detail"].drop_nulls().unique().to_list()
    assert REMOVED_DETAIL in details
    for text in [*details, *log, *describe_terminal(night).splitlines()]:
        assert not HIDDEN & set(text)
        assert not text.startswith(tuple("=+-@"))
        assert "in confidence" not in text
    assert max(map(len, details)) <= 200
    assert any("forged" in line for line in log), "told, within the line of its own stage"
    page = Skeleton(Path(f"{RunPaths(settings, DAY, 'run-1').root}/report.html").read_text())
    assert not page.handlers
    assert not {tag for tag, *_ in page.elements} & {"script", "img", "iframe"}


def test_a_failure_in_hostile_words_is_one_line(rude: tuple[Settings, RudeBedrock]) -> None:
    """A night that stops with Bedrock's own words says so in one visible line, in traceback and alert too."""
    settings, bedrock = rude
    bedrock.end_status = JobStatus.FAILED
    with pytest.raises(NightStopped) as caught:
        play_night(settings, DAY, "run-1", lambda: NOW)
    name, reason = describe_failure(caught.value)
    assert "forged" in reason
    assert not HIDDEN & set(reason)
    told = traceback.format_exception(caught.value)[-1]
    assert told.rstrip("\n").count("\n") == 0
    assert not HIDDEN & set(told.rstrip("\n"))
    message = stopped_message(name, reason, RunPaths(settings, DAY, "run-1"))
    assert "@" not in message.body
    assert not HIDDEN - {"\n"} & set(message.title + message.body)
    harmless = stopped_message(name, "a reason", RunPaths(settings, DAY, "run-1"))
    assert message.body.count("\n") == harmless.body.count("\n")
