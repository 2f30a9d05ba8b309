"""A run as an OpenTelemetry trace, over real HTTP to a local collector."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from opentelemetry import trace as otel
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.semconv.schemas import Schemas

from data_contracts.documents.ledger import EntryState, LedgerEntry, Usage
from data_contracts.documents.summary import Night
from data_contracts.tables.metrics import Kind, MetricRow, State
from tasks.adapters.telemetry import conventions as names
from tasks.adapters.telemetry import night_trace
from tasks.adapters.telemetry.night_trace import NIGHT, open_trace, span_id, trace_id
from tasks.adapters.telemetry.switch import OtelEnvironment, Signals, wanted_signals
from tasks.base.errors import OverBudget
from tasks.base.paths import DayPaths
from tasks.base.settings import Settings
from tasks.base.steps import PlainSteps
from tasks.reports.outside.traced import traced
from tests import closed_night
from tests import secrets_planted as planted
from tests.factories import JOB_ARN, NOW, RUN_DATE, RUN_ID, ledger_entry
from tests.factories import settings as settings_in
from tests.otlp_collector import Collector, ReadSpan
from tests.receivers import served

FORMER = "20261119T180000-0ddba11e"
AUTHORIZATION = "Basic cGstbGYtMTpzay1sZi0y"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A collector that the standard variables name, in the spelling of Langfuse's documents."""
    made = Collector()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", made.url)
    headers = f"Authorization={AUTHORIZATION},x-langfuse-ingestion-version=4"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", headers)
    with served(made.server):
        yield made
        made.silence.set()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A site in a folder."""
    monkeypatch.setenv("AWS_REGION", "ap-northeast-1")
    return settings_in(tmp_path)


def good() -> str:
    """A stage that does its work."""
    return "done"


def bad() -> str:
    """A stage that stops the night in words that are nobody's affair."""
    raise OverBudget(f"the comment was kanari and the key {planted.TOKEN}")


def play(site: Settings, *stages: Callable[[], str], came: Night | None = None) -> list[str]:
    """Run the stages as those of a night that came to this; what was warned of."""
    told: list[str] = []
    step = PlainSteps(lambda: 0.0, lambda *_: None)
    with traced(site, RUN_DATE, RUN_ID, step, lambda: NOW + timedelta(hours=3), told.append) as came_to:
        for stage in stages:
            step(stage)
        came_to.append(came or closed_night.night())
    return told


def put(site: Settings, *entries: LedgerEntry) -> None:
    """Put entries on record, however far they have come."""
    paths = DayPaths(site, RUN_DATE)
    for entry in entries:
        file = Path(paths.entry(entry.key))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(entry.model_dump_json())


def by_name(collector: Collector) -> dict[str, ReadSpan]:
    """The spans that were sent, by name."""
    return {span.name: span for span in collector.spans()}


def test_a_run_is_one_trace_with_a_span_a_stage(collector: Collector, site: Settings) -> None:
    """The night's span ends with its run's id, and every stage is a part of it by the stage's own name."""
    assert play(site, good) == []
    night, stage = collector.spans()
    assert night.name == f"night {RUN_DATE} {RUN_ID}"
    assert night.attributes["moderation.run_id"] == RUN_ID
    assert (night.parent_id, stage.name, stage.parent_id) == ("", "good", night.span_id)
    assert night.trace_id == stage.trace_id == f"{trace_id(site.deployment, RUN_DATE, RUN_ID):032x}"
    assert {span.service for span in (night, stage)} == {"nightly-moderation"}


def test_it_is_sent_as_documented(collector: Collector, site: Settings) -> None:
    """Protobuf, uncompressed, with the headers that the variables give, to the signal's path below the endpoint."""
    play(site, good)
    assert {sent.path for sent in collector.requests} == {
        "/api/public/otel/v1/traces",
        "/api/public/otel/v1/metrics",
    }
    for sent in collector.requests:
        assert sent.headers["content-type"] == "application/x-protobuf"
        assert sent.headers["authorization"] == AUTHORIZATION
        assert sent.headers["x-langfuse-ingestion-version"] == "4"
        assert "content-encoding" not in sent.headers


def test_the_standard_variables_have_the_last_word(
    collector: Collector, site: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compression, the service's name and what is left out are as the variables say."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "moderation-staging")
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    play(site, good)
    assert [sent.headers["content-encoding"] for sent in collector.requests] == ["gzip"]
    assert b"moderation-staging" in gzip.decompress(collector.requests[0].body)


def test_a_stop_is_named_and_not_told(collector: Collector, site: Settings) -> None:
    """An error's class goes out; what it says does not, nor does a traceback."""
    with pytest.raises(OverBudget):
        play(site, good, bad)
    spans = by_name(collector)
    for name in (f"night {RUN_DATE} {RUN_ID}", "bad"):
        assert spans[name].is_failed
        assert spans[name].attributes["error.type"] == "OverBudget"
        assert (spans[name].status_message, spans[name].events) == ("", [])
    assert not spans["good"].is_failed
    assert planted.leaks(("sent", sent.body) for sent in collector.requests) == []
    assert not any(b"kanari" in sent.body for sent in collector.requests)
    assert collector.metrics()["moderation.night.published"] == [({}, 0.0)]


def test_shards_jobs_and_calls_come_from_the_ledger(collector: Collector, site: Settings) -> None:
    """A shard lasts from intent to answers, its job from submission; calls bear the conventions' names."""
    usage = Usage(input_tokens=700, output_tokens=30, cost_usd=0.25)
    job = ledger_entry(
        shard=0,
        state=EntryState.COLLECTED,
        job_arn=JOB_ARN,
        job_status="Completed",
        job_message="kanari",
        submitted_at=NOW + timedelta(minutes=1),
        collected_at=NOW + timedelta(hours=4),
        usage=usage,
    )
    calls = ledger_entry(shard=1, mode="on_demand", state=EntryState.COLLECTED, usage=usage)
    canary = ledger_entry(shard=-1, mode="canary", state=EntryState.COLLECTED, usage=usage)
    put(site, job, calls, canary)

    def try_canary() -> str:
        return "judged"

    play(site, try_canary)
    spans = collector.spans()
    shards = {span.attributes["moderation.shard"]: span for span in spans if span.name == "shard"}
    (made,) = (span for span in spans if span.name == "job")
    assert made.parent_id == shards[0].span_id
    assert (shards[0].ended - shards[0].begun) / 3.6e12 == 4
    assert made.begun - shards[0].begun == 60_000_000_000
    assert made.attributes["moderation.job.arn"] == JOB_ARN
    assert made.attributes["moderation.job.status"] == "Completed"
    chats = [span for span in spans if span.name == f"chat {job.model_id}"]
    (stage,) = (span for span in spans if span.name == "try_canary")
    assert {span.parent_id for span in chats} == {shards[1].span_id, stage.span_id}
    for span in (made, *chats):
        assert span.attributes["gen_ai.operation.name"] == "chat"
        assert span.attributes["gen_ai.provider.name"] == "aws.bedrock"
        assert span.attributes["gen_ai.request.model"] == job.model_id
        assert span.attributes["gen_ai.usage.input_tokens"] == 700
        assert span.attributes["gen_ai.usage.output_tokens"] == 30
        assert span.schema_url == names.SCHEMA_URL
    assert not any(b"kanari" in sent.body for sent in collector.requests)


def test_a_job_of_an_earlier_run_is_linked(collector: Collector, site: Settings) -> None:
    """A run that goes on from a job which another run asked for links to that run's spans, without having seen them."""
    entry = ledger_entry(run_id=FORMER, state=EntryState.SUBMITTED, job_arn=JOB_ARN, adopted=True, submitted_at=NOW)
    put(site, entry)
    play(site, good)
    spans = by_name(collector)
    there = f"{trace_id(site.deployment, RUN_DATE, FORMER):032x}"

    def at(key: str) -> tuple[str, str]:
        return there, f"{span_id(site.deployment, RUN_DATE, FORMER, key):016x}"

    assert spans[f"night {RUN_DATE} {RUN_ID}"].links == [at(NIGHT)]
    assert spans["shard"].links == [at(f"shard {entry.key}")]
    assert spans["job"].links == [at(f"job {entry.key}")]
    assert spans["job"].attributes["moderation.job.adopted"] is True


def test_what_an_earlier_run_has_collected_is_no_work_of_this_one(collector: Collector, site: Settings) -> None:
    """The answers of an earlier run are linked to by the night alone."""
    put(site, ledger_entry(run_id=FORMER, state=EntryState.COLLECTED, job_arn=JOB_ARN, collected_at=NOW))
    play(site, good)
    assert {span.name for span in collector.spans()} == {f"night {RUN_DATE} {RUN_ID}", "good"}


def test_a_metric_of_quality_is_an_evaluation(collector: Collector, site: Settings) -> None:
    """One event for each metric of quality, of everything together; one that has no data has no score."""
    row = MetricRow(date=RUN_DATE, metric="accuracy", kind=Kind.RATE, state=State.DEGRADED, value=0.71, reason="kanari")
    others = [
        row.model_copy(update={"slice": "language=ja"}),
        row.model_copy(update={"metric": "volume"}),
        row.model_copy(update={"metric": "f1", "value": None, "state": State.NO_DATA}),
    ]
    play(site, good, came=closed_night.night(metrics=[row, *others]))
    assert collector.spans()[0].events == [
        (
            "gen_ai.evaluation.result",
            {
                "gen_ai.evaluation.name": "accuracy",
                "gen_ai.evaluation.score.label": "degraded",
                "gen_ai.evaluation.score.value": 0.71,
            },
        ),
        (
            "gen_ai.evaluation.result",
            {"gen_ai.evaluation.name": "f1", "gen_ai.evaluation.score.label": "no_data"},
        ),
    ]
    assert not any(b"kanari" in sent.body for sent in collector.requests)


def test_the_figures_of_a_night_are_metrics(collector: Collector, site: Settings) -> None:
    """Comments by status, tokens, dollars, seconds by stage, measurements by state."""
    row = MetricRow(date=RUN_DATE, metric="accuracy", kind=Kind.RATE, state=State.DEGRADED)
    play(site, good, came=closed_night.night(metrics=[row]))
    found: dict[tuple[str, ...], float] = {
        (name, *attributes.values()): value
        for name, points in collector.metrics().items()
        for attributes, value in points
    }
    assert found["moderation.night.published",] == 1
    assert found["moderation.night.comments", "judged"] == 7
    assert found["moderation.night.comments", "rejected"] == 2
    assert found["moderation.night.tokens", "input"] == 8000
    assert found["moderation.night.cost",] == 0.005
    assert found["moderation.night.stage.duration", "good"] == 0
    assert found["moderation.night.measurements", "degraded"] == 1
    assert found["moderation.night.measurements", "ok"] == 0


def test_the_provider_is_the_nights_own(collector: Collector, site: Settings) -> None:
    """The process's tracer provider stays what it was: Prefect traces its own runs through it."""
    before = otel.get_tracer_provider()
    play(site, good)
    assert otel.get_tracer_provider() is before


@pytest.mark.parametrize("fate", ["dead", "silent", "refusing"])
def test_a_collector_that_fails_costs_a_warning(
    fate: str, collector: Collector, site: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody there, no answer, or a refusal: the night is as it would have been, and one line says what was lost."""
    monkeypatch.setattr(night_trace, "CLOSE_LIMIT_S", 0.3 if fate == "silent" else 8.0)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    match fate:
        case "dead":
            monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://someone:{planted.TOKEN}@127.0.0.1:9")
        case "silent":
            collector.silence.clear()
        case _:
            collector.status = 401
    (told,) = play(site, good)
    assert told.startswith("telemetry: ")
    assert planted.leaks([("warning", told)]) == []


def test_the_end_of_a_night_is_held_up_for_less_than_ten_seconds() -> None:
    """What is waited for, in all."""
    assert night_trace.CLOSE_LIMIT_S < 10


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({}, (False, False), id="nothing"),
        pytest.param({"otel_exporter_otlp_endpoint": "http://c"}, (True, True), id="endpoint"),
        pytest.param({"otel_exporter_otlp_traces_endpoint": "http://c/x"}, (True, False), id="traces-alone"),
        pytest.param({"otel_exporter_otlp_metrics_endpoint": "http://c/x"}, (False, True), id="metrics-alone"),
        pytest.param(
            {"otel_exporter_otlp_endpoint": "http://c", "otel_sdk_disabled": "TRUE"}, (False, False), id="disabled"
        ),
        pytest.param(
            {"otel_exporter_otlp_endpoint": "http://c", "otel_traces_exporter": "none"}, (False, True), id="no-traces"
        ),
        pytest.param(
            {"otel_exporter_otlp_endpoint": "http://c", "otel_exporter_otlp_protocol": "grpc"},
            (False, False),
            id="another-protocol",
        ),
    ],
)
def test_the_standard_variables_turn_it_on(given: dict[str, str], expected: tuple[bool, bool]) -> None:
    """Without an endpoint, or where the variables say no, nothing is sent."""
    found = wanted_signals(OtelEnvironment.model_validate(given))
    assert (found.traces, found.metrics) == expected
    assert bool(found.warning) == ("otel_exporter_otlp_protocol" in given)


def test_a_variable_that_the_sdk_refuses_is_one_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """A night is not stopped by a wrong variable of a thing beside it."""
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", planted.TOKEN)
    told: list[str] = []
    assert open_trace("s3://out", date(2026, 11, 19), RUN_ID, told.append, Signals(True, False)) is None
    assert len(told) == 1
    assert planted.leaks([("warning", told[0])]) == []


def test_without_an_endpoint_nothing_is_imported() -> None:
    """A night that sends nothing does not pay for OpenTelemetry's SDK."""
    script = (
        "import json, sys\n"
        "from datetime import date\n"
        "from tasks.adapters.telemetry.night_trace import open_trace\n"
        "assert open_trace('s3://out', date(2026, 11, 19), 'run-1', print) is None\n"
        "print(json.dumps([name for name in sys.modules if name.startswith(('opentelemetry', 'google.protobuf'))]))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env={"PATH": ""})
    assert json.loads(ran.stdout) == []


def test_the_names_are_those_of_the_conventions() -> None:
    """Every GenAI name in the table is one that the version of the conventions has; the scope tells which it is."""
    theirs = {value for key, value in vars(gen_ai_attributes).items() if key.startswith("GEN_AI_")}
    ours = {value for value in vars(names).values() if isinstance(value, str) and value.startswith("gen_ai.")}
    assert ours - {names.EVALUATION_EVENT} <= theirs
    assert list(Schemas)[-1].value == names.SCHEMA_URL
