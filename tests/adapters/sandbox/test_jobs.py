"""The life of a batch job in the sandbox: statuses, counters, records, output."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import botocore.loaders
import orjson
import pytest

from sandbox.bedrock.jobs import TERMINAL, Status
from sandbox.bedrock.processing import Limits
from sandbox.serve import running

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.bench import Bench


@pytest.fixture
def small_limits(bench: Bench) -> Iterator[Bench]:
    """Quotas that a test can exceed."""
    before = bench.bedrock.engine.limits
    bench.bedrock.engine.limits = Limits(max_records=150, max_file_bytes=200_000, max_job_bytes=300_000)
    yield bench
    bench.bedrock.engine.limits = before


def shape_of(value: Any) -> Any:
    """The keys and JSON types of a value."""
    if isinstance(value, dict):
        return {key: shape_of(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape_of(item) for item in value[:1]]
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def test_the_statuses_are_botocores() -> None:
    """The sandbox knows exactly the statuses of the service model, five of them final."""
    model = botocore.loaders.create_loader().load_service_model("bedrock", "service-2")
    assert {str(status) for status in Status} == set(model["shapes"]["ModelInvocationJobStatus"]["enum"])
    assert len(TERMINAL) == 5


def test_a_job_walks_through_its_statuses(bench: Bench) -> None:
    """Submitted, Validating, Scheduled, InProgress, Completed; counters are 0 until records are processed."""
    arn = bench.submit()
    seen = []
    for _ in range(5):
        job = bench.job(arn)
        counters = [job[f"{name}RecordCount"] for name in ("total", "processed", "success", "error")]
        seen.append((job["status"], counters))
        bench.bedrock.advance()
    assert seen == [
        ("Submitted", [0, 0, 0, 0]),
        ("Validating", [0, 0, 0, 0]),
        ("Scheduled", [0, 0, 0, 0]),
        ("InProgress", [0, 0, 0, 0]),
        ("Completed", [100, 100, 100, 0]),
    ]


def test_counters_grow_while_a_job_runs(bench: Bench) -> None:
    """In progress, processed is successes plus errors and at most the total; the output comes only at the end."""
    bench.sandbox.set_speed(60)
    records = bench.records(200)
    records[7]["modelInput"].pop("max_tokens")
    arn = bench.submit(records)
    bench.bedrock.advance(4)
    half_way = bench.job(arn)
    assert half_way["status"] == "InProgress"
    assert 0 < half_way["processedRecordCount"] < half_way["totalRecordCount"] == 200
    assert half_way["processedRecordCount"] == half_way["successRecordCount"] + half_way["errorRecordCount"]
    assert bench.output_keys() == []
    bench.bedrock.finish()
    assert bench.job(arn)["errorRecordCount"] == 1


def test_jobs_move_by_themselves(bench: Bench) -> None:
    """Without a hand on it, a job of the endpoint ends in its own time."""
    bench.bedrock.engine.resume()
    bench.sandbox.set_speed(0.2)
    started = time.monotonic()
    arn = bench.submit()
    deadline = started + 20
    while bench.job(arn)["status"] not in TERMINAL and time.monotonic() < deadline:
        time.sleep(0.01)
    assert bench.job(arn)["status"] == "Completed"
    assert time.monotonic() - started >= 0.2


def test_output_and_manifest_lie_in_the_jobs_folder(bench: Bench) -> None:
    """The output is <prefix>/<jobId>/<file>.out beside manifest.json.out, with one line a record."""
    job = bench.run()
    job_id = job["jobArn"].rpartition("/")[2]
    assert bench.output_keys() == [f"out/{job_id}/manifest.json.out", f"out/{job_id}/records.jsonl.out"]
    assert len(bench.lines(job)) == 100


def test_lines_and_manifest_are_as_documented(bench: Bench, documented: Mapping[str, Any]) -> None:
    """Success lines, error lines and the manifest have the members and types of AWS's examples."""
    records = bench.records(101)
    records[50]["modelInput"] = bench.body(max_tokens=None)
    job = bench.run(records)
    lines = {line["recordId"]: line for line in bench.lines(job)}
    assert lines["r0"].keys() == documented["batch_output_success"].keys()
    assert lines["r0"]["modelInput"] == records[0]["modelInput"]
    assert shape_of(lines["r50"]["error"]) == shape_of(documented["batch_output_error"]["error"])
    assert lines["r50"].keys() == documented["batch_output_error"].keys()
    manifest = bench.manifest(job)
    assert shape_of(manifest) == shape_of(documented["batch_manifest"])
    usages = [line["modelOutput"]["usage"] for line in lines.values() if "modelOutput" in line]
    assert manifest == {
        "totalRecordCount": 101,
        "processedRecordCount": 101,
        "successRecordCount": 100,
        "errorRecordCount": 1,
        "inputTokenCount": sum(usage["input_tokens"] for usage in usages),
        "outputTokenCount": sum(usage["output_tokens"] for usage in usages),
    }


def test_output_is_shuffled_and_joins_by_record_id(bench: Bench) -> None:
    """The lines stand in another order than the records, and each holds its own record's answer."""
    records = [
        {"recordId": f"r{number}", "modelInput": bench.body("bad" if number % 7 == 0 else f"fine {number}")}
        for number in range(200)
    ]
    lines = bench.lines(bench.run(records))
    assert [line["recordId"] for line in lines] != [record["recordId"] for record in records]
    verdicts = {
        line["recordId"]: orjson.loads(line["modelOutput"]["content"][0]["text"].strip("`json\n")) for line in lines
    }
    assert {name: verdict["violation"] for name, verdict in verdicts.items()} == {
        f"r{number}": number % 7 == 0 for number in range(200)
    }


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        pytest.param(99, "Batch job contains less records (99) than the required minimum of: 100", id="99"),
        pytest.param(1, "Batch job contains less records (1) than the required minimum of: 100", id="1"),
    ],
)
def test_too_few_records_fail_the_job_after_its_creation(bench: Bench, lines: int, message: str) -> None:
    """Below 100 records the job is created, then Failed with AWS's message, with no output and nothing paid."""
    job = bench.run(bench.records(lines))
    assert (job["status"], job["message"]) == ("Failed", message)
    assert job["endTime"] >= job["submitTime"]
    assert bench.output_keys() == []
    assert not bench.bedrock.paid_records


@pytest.mark.parametrize(
    ("bad_line", "words"),
    [
        pytest.param(b"{not json", "line 101", id="not-json"),
        pytest.param(b'["a"]', "line 101", id="not-an-object"),
        pytest.param(b'{"recordId": "x"}', "modelInput", id="no-model-input"),
        pytest.param(b'{"recordId": "x", "modelInput": "text"}', "modelInput", id="model-input-is-text"),
    ],
)
def test_a_broken_line_fails_the_job(bench: Bench, bad_line: bytes, words: str) -> None:
    """Validating checks that each line is a JSON object in the right format."""
    lines = b"\n".join(map(orjson.dumps, bench.records())) + b"\n" + bad_line
    bench.s3.put_object(Bucket="moderation-batch", Key="in/records.jsonl", Body=lines)
    arn = bench.control.create_model_invocation_job(**bench.request())["jobArn"]
    bench.bedrock.finish()
    job = bench.job(arn)
    assert job["status"] == "Failed"
    assert words in job["message"]


def test_bad_bodies_do_not_fail_the_job(bench: Bench) -> None:
    """Validating does not look at bodies: a job of nothing but bad ones is Completed, every line an error."""
    job = bench.run([{"recordId": f"r{n}", "modelInput": {"prompt": "hello"}} for n in range(100)])
    assert job["status"] == "Completed"
    assert (job["successRecordCount"], job["errorRecordCount"]) == (0, 100)
    errors = [line["error"] for line in bench.lines(job)]
    assert {error["errorCode"] for error in errors} == {400}
    assert "required key [anthropic_version] not found" in errors[0]["errorMessage"]
    assert "extraneous key [prompt] is not permitted" in errors[0]["errorMessage"]


def test_every_jsonl_below_the_prefix_is_processed(bench: Bench) -> None:
    """A folder is read whole, other files are left alone, and each input file has its output file."""
    bench.put([{**record, "recordId": f"a{record['recordId']}"} for record in bench.records(60)], "in/a.jsonl")
    bench.put([{**record, "recordId": f"b{record['recordId']}"} for record in bench.records(60)], "in/more/b.jsonl")
    bench.put(bench.records(3), "in/readme.txt")
    bench.put(bench.records(3), "in-other/c.jsonl")
    arn = bench.control.create_model_invocation_job(**bench.request())["jobArn"]
    bench.bedrock.finish()
    job = bench.job(arn)
    assert (job["status"], job["totalRecordCount"]) == ("Completed", 120)
    names = [key.partition("/")[2].partition("/")[2] for key in bench.output_keys()]
    assert names == ["a.jsonl.out", "manifest.json.out", "more/b.jsonl.out"]


def test_one_file_can_be_named(bench: Bench) -> None:
    """An input URI of one .jsonl object means that object alone."""
    bench.put(bench.records(), "in/b.jsonl")
    uri = {"s3InputDataConfig": {"s3Uri": "s3://moderation-batch/in/records.jsonl"}}
    job = bench.run(inputDataConfig=uri)
    assert job["totalRecordCount"] == 100


def test_an_absent_input_fails_the_job(bench: Bench) -> None:
    """No .jsonl below the prefix, or no such bucket: the job is created, then Failed."""
    for uri in ("s3://moderation-batch/nothing/", "s3://no-such-bucket/in/"):
        job = bench.run(inputDataConfig={"s3InputDataConfig": {"s3Uri": uri}})
        assert job["status"] == "Failed"
        assert uri.rstrip("/") in job["message"]


def test_an_absent_output_bucket_fails_the_job(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """Output that cannot be written ends the job with a message, not the server."""
    job = bench.run(outputDataConfig={"s3OutputDataConfig": {"s3Uri": "s3://no-such-bucket/out/"}})
    assert job["status"] == "Failed"
    assert "could not be written" in job["message"]
    caplog.clear()


def test_missing_record_ids_are_added(bench: Bench) -> None:
    """A record without an id gets one in the output."""
    records = [{"modelInput": record["modelInput"]} for record in bench.records()]
    ids = [line["recordId"] for line in bench.lines(bench.run(records))]
    assert len(set(ids)) == 100
    assert all(len(record_id) == 11 and record_id.isalnum() for record_id in ids)


def test_too_many_records_fail_the_job(small_limits: Bench) -> None:
    """Past the quota of records in a job the job fails when it is validated."""
    job = small_limits.run(small_limits.records(151))
    assert job["status"] == "Failed"
    assert "more records (151)" in job["message"]


def test_too_large_files_fail_the_job(small_limits: Bench) -> None:
    """Past the quota of bytes in a file the job fails when it is validated."""
    records = small_limits.records(100)
    records[0]["modelInput"]["system"] = "x" * 200_000
    job = small_limits.run(records)
    assert job["status"] == "Failed"
    assert "larger" in job["message"]


def test_a_repeated_token_makes_no_second_job(bench: Bench) -> None:
    """The same clientRequestToken gives the first job's ARN and no error, whatever else the request says."""
    first = bench.submit(clientRequestToken="token-1")
    again = bench.submit(clientRequestToken="token-1")
    other = bench.submit(clientRequestToken="token-1", jobName="another-name")
    assert first == again == other
    assert len(bench.control.list_model_invocation_jobs()["invocationJobSummaries"]) == 1
    assert bench.submit(clientRequestToken="token-2") != first


def test_a_job_answers_what_it_was_asked(bench: Bench) -> None:
    """Get repeats the request, by ARN and by id."""
    arn = bench.submit(clientRequestToken="token-1", timeoutDurationInHours=48, tags=[{"key": "k", "value": "v"}])
    job = bench.job(arn)
    expected = bench.request(clientRequestToken="token-1", timeoutDurationInHours=48, modelInvocationType="InvokeModel")
    assert {key: job[key] for key in expected} == expected
    assert job["jobExpirationTime"] - job["submitTime"] == timedelta(hours=48)
    assert bench.job(arn.rpartition("/")[2])["jobArn"] == arn


def test_an_unknown_job_is_not_found(bench: Bench) -> None:
    """Get and Stop of a job that is not there answer 404."""
    for call in (bench.control.get_model_invocation_job, bench.control.stop_model_invocation_job):
        error = bench.refused(call, jobIdentifier="abcdefghijkl")
        assert error.response["Error"]["Code"] == "ResourceNotFoundException"


def test_a_stopped_job_keeps_what_it_answered(bench: Bench) -> None:
    """Stop: Stopping, then Stopped, with the output and the price of the records that were answered."""
    bench.sandbox.set_speed(60)
    arn = bench.submit(bench.records(400))
    bench.bedrock.advance(5)
    bench.control.stop_model_invocation_job(jobIdentifier=arn)
    assert bench.job(arn)["status"] == "Stopping"
    bench.bedrock.advance()
    job = bench.job(arn)
    assert job["status"] == "Stopped"
    answered = [line["recordId"] for line in bench.lines(job)]
    assert 0 < len(answered) == job["processedRecordCount"] == bench.manifest(job)["processedRecordCount"] < 400
    assert bench.bedrock.paid_records == Counter(answered)
    error = bench.refused(bench.control.stop_model_invocation_job, jobIdentifier=arn)
    assert error.response["Error"]["Code"] == "ConflictException"


def test_a_job_stopped_before_its_records_has_no_output(bench: Bench) -> None:
    """Stopped before it began, a job has answered nothing and writes nothing."""
    arn = bench.submit()
    bench.control.stop_model_invocation_job(jobIdentifier=arn)
    bench.bedrock.finish()
    assert bench.job(arn)["status"] == "Stopped"
    assert bench.output_keys() == []


def test_list_filters_sorts_and_pages(bench: Bench) -> None:
    """List filters by name, status and time, sorts by creation and pages without gaps or repeats."""
    for number in range(5):
        bench.submit(jobName=f"nm-2026-11-19-{number}")
    stopped = bench.submit(jobName="other")
    bench.control.stop_model_invocation_job(jobIdentifier=stopped)
    bench.bedrock.advance()

    def names(**query: Any) -> list[str]:
        found = bench.control.list_model_invocation_jobs(**query)["invocationJobSummaries"]
        return [job["jobName"] for job in found]

    expected = [f"nm-2026-11-19-{number}" for number in range(5)]
    assert names(sortBy="CreationTime", sortOrder="Ascending") == [*expected, "other"]
    assert names() == ["other", *reversed(expected)]
    assert names(nameContains="11-19-3") == ["nm-2026-11-19-3"]
    assert names(statusEquals="Stopped") == ["other"]
    hour = timedelta(hours=1)
    now = datetime.now(UTC)
    assert len(names(submitTimeAfter=now - hour, submitTimeBefore=now + hour)) == 6
    assert names(submitTimeAfter=now + hour) == []
    pages = bench.control.get_paginator("list_model_invocation_jobs").paginate(PaginationConfig={"PageSize": 4})
    sizes_and_names = [[job["jobName"] for job in page["invocationJobSummaries"]] for page in pages]
    assert [len(page) for page in sizes_and_names] == [4, 2]
    assert [name for page in sizes_and_names for name in page] == ["other", *reversed(expected)]
    error = bench.refused(bench.control.list_model_invocation_jobs, nextToken="nonsense")
    assert error.response["Error"]["Code"] == "ValidationException"


def test_a_lost_job_is_found_by_name_and_token(bench: Bench) -> None:
    """List shows each job's name, token, model and input: enough to recognise one whose ARN was lost."""
    arn = bench.submit(clientRequestToken="token-9", jobName="nm-lost")
    (found,) = bench.control.list_model_invocation_jobs(nameContains="nm-lost")["invocationJobSummaries"]
    assert (found["jobArn"], found["clientRequestToken"]) == (arn, "token-9")
    assert found["inputDataConfig"] == bench.request()["inputDataConfig"]


def test_records_are_paid_once(bench: Bench) -> None:
    """Each answered record is counted once a job; a second job of the same records pays again."""
    bench.run(clientRequestToken="a")
    assert set(bench.bedrock.paid_records.values()) == {1}
    bench.run(clientRequestToken="b")
    assert set(bench.bedrock.paid_records.values()) == {2}


def test_odd_text_comes_back_as_it_was(bench: Bench) -> None:
    """Escapes, line separators and lone surrogates in a record are echoed unharmed, on one line."""
    texts = ["a\u2028b\u0085c\r\nd", "\x00\x1b", "</comment", "\U0001f600", "日本語 ｶﾞ", '"\\']
    records = bench.records()
    for record, text in zip(records, texts, strict=False):
        record["modelInput"] = bench.body(text)
    lines = b"\n".join(map(orjson.dumps, records[1:])).decode()
    surrogate = '{"recordId": "lone", "modelInput": {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 99, '
    surrogate += '"messages": [{"role": "user", "content": "<comment>\\ud800</comment>"}]}}\n'
    bench.s3.put_object(Bucket="moderation-batch", Key="in/records.jsonl", Body=(surrogate + lines).encode())
    arn = bench.control.create_model_invocation_job(**bench.request())["jobArn"]
    bench.bedrock.finish()
    data = bench.output(bench.job(arn))
    raw = [line for line in data.split(b"\n") if line]
    assert len(raw) == 100
    assert sum(b"\\ud800" in line for line in raw) == 1
    echoed = {
        line["recordId"]: line["modelInput"] for line in map(orjson.loads, (r for r in raw if b'"lone"' not in r))
    }
    assert all(echoed[record["recordId"]] == record["modelInput"] for record in records[1:])


def test_a_failing_model_fails_the_job_and_not_the_server(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """An exception while records are answered ends the job as Failed with a message; on demand it is a 500."""

    class Confused(type(bench.mind)):  # type: ignore[misc]  # its base is whichever mind the bench was given
        def judge(self, texts: Any) -> Any:
            raise ArithmeticError

    with running(mind=Confused(), job_seconds=0) as other:
        other.bedrock.engine.pause()
        control, runtime = other.client("bedrock"), other.client("bedrock-runtime")
        bench.put(bench.records())
        arn = control.create_model_invocation_job(**bench.request())["jobArn"]
        other.bedrock.finish()
        job = control.get_model_invocation_job(jobIdentifier=arn)
        assert (job["status"], job["message"][:21]) == ("Failed", "Internal server error")
        body = orjson.dumps(bench.body())
        error = bench.refused(runtime.invoke_model, modelId=bench.request()["modelId"], body=body)
        assert error.response["Error"]["Code"] == "InternalServerException"
    caplog.clear()


def test_many_clients_at_once_lose_nothing(bench: Bench) -> None:
    """Creates, lists and runs from many threads give one job a token and pay each record once a job."""
    bench.put(bench.records())
    bench.bedrock.engine.resume()

    def create(number: int) -> str:
        request = bench.request(jobName=f"job-{number % 10}", clientRequestToken=f"token-{number % 10}")
        arn: str = bench.control.create_model_invocation_job(**request)["jobArn"]
        bench.control.list_model_invocation_jobs()
        return arn

    with ThreadPoolExecutor(8) as pool:
        arns = set(pool.map(create, range(40)))
    deadline = time.monotonic() + 20
    while any(bench.job(arn)["status"] not in TERMINAL for arn in arns) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(arns) == 10
    assert {bench.job(arn)["status"] for arn in arns} == {"Completed"}
    assert set(bench.bedrock.paid_records.values()) == {10}
