"""The sandbox as a program, and the folder that its buckets live in."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from sandbox.s3 import DataFolder, file_names, key_of
from sandbox.serve import BUCKETS, CannotServe, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.serve import Sandbox
    from tests.bench import Bench

ROOT = Path(__file__).parents[3]
NAMES = [
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL_BEDROCK",
    "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
    "AWS_ENDPOINT_URL_BEDROCK_AGENT_RUNTIME",
    "AWS_ENDPOINT_URL_SERVICE_QUOTAS",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "NO_PROXY",
    "MODERATION_COMMENTS_URI",
    "MODERATION_LABELS_URI",
    "MODERATION_OUTPUT_URI",
    "MODERATION_BATCH_URI",
    "MODERATION_ROLE_ARN",
    "MODERATION_MODEL_ID",
    "MODERATION_POLL_INTERVAL_S",
]


@contextmanager
def serving(*options: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """The command in a process of its own, and the environment that it printed."""
    command = [sys.executable, "-m", "sandbox", "serve", *options]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in NAMES]
            words = [shlex.split(line) for line in lines]
            assert all(word[0] == "export" for word in words)
            yield process, dict(word[1].split("=", 1) for word in words)
        finally:
            if process.poll() is None:
                process.kill()


def failing(*options: str) -> tuple[int, str, str]:
    """The command where it cannot run: exit code, stdout, stderr."""
    command = [sys.executable, "-m", "sandbox", "serve", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def files_below(folder: Path) -> dict[str, bytes]:
    """Every file of a folder by its relative name."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_serve_prints_exports_and_ends_on_sigterm(tmp_path: Path) -> None:
    """Only export lines are printed, an unmodified boto3 works with them, and SIGTERM saves and ends with 0."""
    (tmp_path / "moderation-input" / "comments" / "date=2026-11-19").mkdir(parents=True)
    (tmp_path / "moderation-input" / "comments" / "date=2026-11-19" / "a.parquet").write_bytes(b"PAR1")
    with serving("--data", str(tmp_path), "--fault", "not_entitled=true", "--job-seconds", "0") as (process, env):
        assert list(env) == NAMES
        code = (
            "import boto3; s3 = boto3.client('s3');"
            "assert s3.get_object(Bucket='moderation-input', Key='comments/date=2026-11-19/a.parquet')['Body'].read();"
            "s3.put_object(Bucket='moderation-output', Key='runs/x.json', Body=b'{}');"
            "print(boto3.client('bedrock').list_model_invocation_jobs()['invocationJobSummaries'])"
        )
        client = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, **env},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert client.stdout.strip() == "[]"
        process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        assert process.stdout.read() == ""
        assert process.wait(timeout=30) == 0
    assert files_below(tmp_path)["moderation-output/runs/x.json"] == b"{}"


def test_serve_ends_on_sigint() -> None:
    """Ctrl-C ends it with 0 as well."""
    with serving() as (process, _):
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0


def test_a_port_in_use_is_one_clear_line() -> None:
    """A taken port is named in one line on stderr, with exit code 2 and nothing on stdout."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, out, err = failing("--bedrock-port", str(port))
    assert (code, out) == (2, "")
    assert err.startswith(f"sandbox: cannot listen on 127.0.0.1:{port}: ")
    assert err.count("\n") == 1


def test_bad_arguments_are_one_clear_line(tmp_path: Path) -> None:
    """An unknown fault, or a data folder that is a file, is one line and exit code 2."""
    code, out, err = failing("--fault", "rain=1")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("sandbox: unknown fault 'rain'")
    (tmp_path / "file").write_text("x")
    with pytest.raises(CannotServe, match="data folder"), running(data=tmp_path / "file" / "data"):
        pass


def test_the_three_buckets_are_there(sandbox: Sandbox) -> None:
    """A fresh sandbox has the buckets that its environment names."""
    assert {bucket["Name"] for bucket in sandbox.s3.list_buckets()["Buckets"]} == set(BUCKETS)
    assert sandbox.env["MODERATION_BATCH_URI"] == "s3://moderation-batch"


def test_the_environment_serves_an_unmodified_boto3(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the environment alone, boto3 finds S3 and both Bedrock services."""
    for name, value in sandbox.env.items():
        monkeypatch.setenv(name, value)
    assert boto3.client("s3").list_objects_v2(Bucket="moderation-input")["KeyCount"] == 0
    assert boto3.client("bedrock").list_model_invocation_jobs()["invocationJobSummaries"] == []
    profile = boto3.client("bedrock").get_inference_profile(
        inferenceProfileIdentifier=sandbox.env["MODERATION_MODEL_ID"]
    )
    assert profile["status"] == "ACTIVE"


def test_conditional_writes_hold(sandbox: Sandbox) -> None:
    """PutObject with If-None-Match and If-Match is refused with 412 when the condition fails."""
    put = sandbox.s3.put_object
    etag = put(Bucket="moderation-output", Key="k", Body=b"1", IfNoneMatch="*")["ETag"]
    for condition in ({"IfNoneMatch": "*"}, {"IfMatch": '"0"'}):
        with pytest.raises(sandbox.s3.exceptions.ClientError) as caught:
            put(Bucket="moderation-output", Key="k", Body=b"2", **condition)
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412
    put(Bucket="moderation-output", Key="k", Body=b"3", IfMatch=etag)


KEYS = [
    "plain.parquet",
    "comments/date=2026-11-19/a b+c.parquet",
    "日本語/コメント.json",
    "../../escape",
    "/absolute",
    "double//slash",
    "folder/",
    "a/./b/../c",
    ".hidden/.file",
    "both",
    "both/file",
    "100%/%2E%file",
    "tab\there\x7f",
    "back\\slash",
    "long-" + "x" * 500,
    "%empty",
    "%+",
]


def test_a_folder_keeps_every_key(sandbox: Sandbox, tmp_path: Path) -> None:
    """Any key is saved below the folder and comes back as the same key with the same bytes."""
    for number, key in enumerate(KEYS):
        sandbox.s3.put_object(Bucket="moderation-input", Key=key, Body=str(number).encode())
    home = tmp_path / "data"
    home.mkdir()
    DataFolder(home, sandbox.s3).save()
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
    assert len(files_below(home)) == len(KEYS)
    for bucket in BUCKETS:
        for item in sandbox.s3.list_objects_v2(Bucket=bucket).get("Contents", []):
            sandbox.s3.delete_object(Bucket=bucket, Key=item["Key"])
        sandbox.s3.delete_bucket(Bucket=bucket)
    assert DataFolder(home, sandbox.s3).load() == sorted(BUCKETS)
    for number, key in enumerate(KEYS):
        assert sandbox.s3.get_object(Bucket="moderation-input", Key=key)["Body"].read() == str(number).encode(), key


def test_only_changes_are_written_and_deletions_followed(sandbox: Sandbox, tmp_path: Path) -> None:
    """Saving again writes what changed, removes what was deleted and leaves the rest untouched."""
    folder = DataFolder(tmp_path, sandbox.s3)
    for key in ("a/same", "a/changed", "b/deleted"):
        sandbox.s3.put_object(Bucket="moderation-output", Key=key, Body=b"1")
    assert folder.save() == 3
    times = {name: (tmp_path / "moderation-output" / name).stat().st_mtime_ns for name in ("a/same", "a/changed")}
    sandbox.s3.put_object(Bucket="moderation-output", Key="a/changed", Body=b"2")
    sandbox.s3.delete_object(Bucket="moderation-output", Key="b/deleted")
    assert folder.save() == 2
    assert folder.save() == 0
    assert files_below(tmp_path) == {"moderation-output/a/same": b"1", "moderation-output/a/changed": b"2"}
    assert (tmp_path / "moderation-output" / "a/same").stat().st_mtime_ns == times["a/same"]
    assert not (tmp_path / "moderation-output" / "b").exists()


def test_a_key_may_become_a_folder(sandbox: Sandbox, tmp_path: Path) -> None:
    """A key whose name is later a folder of other keys is kept, and so is the other way round."""
    folder = DataFolder(tmp_path, sandbox.s3)
    sandbox.s3.put_object(Bucket="moderation-output", Key="x", Body=b"1")
    folder.save()
    sandbox.s3.put_object(Bucket="moderation-output", Key="x/y", Body=b"2")
    folder.save()
    assert files_below(tmp_path) == {"moderation-output/x%file": b"1", "moderation-output/x/y": b"2"}
    sandbox.s3.delete_object(Bucket="moderation-output", Key="x/y")
    folder.save()
    assert files_below(tmp_path) == {"moderation-output/x": b"1"}


def test_running_saves_and_loads_its_data(sandbox: Sandbox, tmp_path: Path) -> None:
    """A sandbox with a data folder saves at its end and on demand."""
    with running(data=tmp_path) as other:
        other.s3.put_object(Bucket="moderation-output", Key="k", Body=b"1")
        assert other.save() == 1
        other.s3.put_object(Bucket="moderation-output", Key="k", Body=b"2")
    assert files_below(tmp_path) == {"moderation-output/k": b"2"}


def test_a_restart_forgets_no_job(bench: Bench, tmp_path: Path) -> None:
    """As with the real Bedrock: an ended job stays ended, one that was not over is done by the next sandbox."""
    bench.put(bench.records())

    def submit(control: Any, token: str) -> str:
        return str(control.create_model_invocation_job(**bench.request(clientRequestToken=token * 40))["jobArn"])

    with running(mind=bench.mind, data=tmp_path, job_seconds=0) as first:
        first.bedrock.engine.pause()
        ended = submit(first.client("bedrock"), "a")
        first.bedrock.finish()
        cut_off = submit(first.client("bedrock"), "b")
        first.bedrock.advance(4)
    with running(mind=bench.mind, data=tmp_path, job_seconds=0) as second:
        second.bedrock.engine.pause()
        assert submit(second.client("bedrock"), "b") == cut_off
        assert [job.arn for job in second.bedrock.store] == [ended, cut_off]
        assert second.bedrock.finish() == ["Completed", "Completed"]


def test_time_is_the_clocks(bench: Bench) -> None:
    """With a clock of its own, a job that does not begin in time expires, and none of it takes any time."""
    now = [1_800_000_000.0]
    with running(mind=bench.mind, clock=lambda: now[0], faults={"stuck_status": "Scheduled"}) as other:
        other.bedrock.engine.pause()
        control = other.client("bedrock")
        bench.put(bench.records())
        arn = control.create_model_invocation_job(**bench.request(timeoutDurationInHours=24))["jobArn"]
        other.bedrock.finish()
        assert control.get_model_invocation_job(jobIdentifier=arn)["status"] == "Scheduled"
        now[0] += 24 * 3600
        other.bedrock.finish()
        job = control.get_model_invocation_job(jobIdentifier=arn)
        assert job["status"] == "Expired"
        assert job["endTime"].timestamp() == now[0]


def test_help_is_quick() -> None:
    """Help comes without loading boto3 or moto."""
    code = "import sys, sandbox.__main__; print([name for name in ('boto3', 'moto', 'sklearn') if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1), unique=True, max_size=8))
def test_file_names_are_reversible(keys: list[str]) -> None:
    """Distinct keys have distinct names that stay below the folder and give the keys back."""
    names = list(file_names(keys))
    assert [key_of(name) for name in names] == keys
    assert len(set(names)) == len(names)
    for name in names:
        parts = name.split("/")
        assert not {"", ".", ".."} & set(parts)
        assert all(len(part.encode()) <= 255 for part in parts)
        assert not any(other != name and other.startswith(f"{name}/") for other in names)


def test_a_bucket_of_another_account_is_refused(sandbox: Sandbox) -> None:
    """A call that expects another owner is denied, as by S3; the owner itself is not."""
    mine = {"Bucket": "moderation-input", "ExpectedBucketOwner": "123456789012"}
    assert sandbox.s3.list_objects_v2(**mine)["KeyCount"] == 0
    for call in (sandbox.s3.list_objects_v2, partial(sandbox.s3.put_object, Key="a", Body=b"")):
        with pytest.raises(ClientError) as refused:
            call(**mine | {"ExpectedBucketOwner": "999999999999"})
        assert refused.value.response["Error"]["Code"] == "AccessDenied"
