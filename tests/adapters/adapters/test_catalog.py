"""The catalog as somebody uses it: the command as a process, Glue over HTTP, tables copied out of S3."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from polars.testing import assert_frame_equal

from data_contracts.tables.verdicts import VERDICTS
from sandbox.serve import Sandbox
from tasks.adapters.aws import AwsEnvironment, shared
from tasks.adapters.lake import Lake
from tasks.reports.catalog.publications import PUBLISHED
from tests.factories import verdicts

ROOT = Path(__file__).parents[3]
ROOTS = ("--from", "s3://moderation", "--comments", "s3://site/comments", "--labels", "s3://site/labels")


def catalog(*arguments: str | Path, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """`python -m flows catalog`, with nothing of this machine's AWS or settings."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MODERATION_"))}
    return subprocess.run(
        [sys.executable, "-m", "flows", "catalog", *map(str, arguments)],
        cwd=ROOT,
        env=bare | (environment or {}),
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_without_options_it_prints_the_tables() -> None:
    """What the tables mean can be read with no account, no settings and no file."""
    done = catalog()
    assert done.returncode == 0
    assert done.stdout.startswith("# The tables\n")
    assert done.stderr == ""


def test_wrong_usage_is_exit_2_and_one_line(tmp_path: Path) -> None:
    """Without settings, and with no root named, the last line says which setting is missing."""
    done = catalog("--duckdb", tmp_path / "x.duckdb")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith("catalog: ")
    assert "MODERATION_OUTPUT_URI" in done.stderr


def test_glue_registers_every_table(sandbox: Sandbox, tmp_path: Path) -> None:
    """Each file that the command writes is taken by a Glue over HTTP, from an unmodified boto3, and comes back."""
    assert catalog("--athena", tmp_path, *ROOTS).returncode == 0
    files = sorted((tmp_path / "glue").glob("*.json"))
    assert {path.stem for path in files} >= {item.table.name for item in PUBLISHED}
    import boto3

    glue = boto3.session.Session(aws_access_key_id="x", aws_secret_access_key="x", region_name="ap-northeast-1").client(
        "glue", endpoint_url=sandbox.environment["AWS_ENDPOINT_URL_S3"]
    )
    glue.create_database(DatabaseInput={"Name": "moderation"})
    for path in files:
        wanted = json.loads(path.read_text(encoding="utf-8"))
        glue.create_table(**wanted)
        found = glue.get_table(DatabaseName="moderation", Name=path.stem)["Table"]
        for part, value in wanted["TableInput"].items():
            assert found[part] == value


def test_a_copy_out_of_s3(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where DuckDB has no extension, `--copy` brings the published rows from S3 into its file."""
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    frame = verdicts({"comment_id": "a"}, {"comment_id": "b"})
    batches = frame.to_arrow().cast(VERDICTS.arrow_schema).to_batches()
    uri = "s3://moderation-output/lake/verdicts"
    Lake(shared(AwsEnvironment())).replace_day(uri, VERDICTS, frame["date"][0], batches, {})
    done = catalog("--duckdb", tmp_path / "copy.duckdb", "--copy", environment=sandbox.environment)
    assert done.returncode == 0, done.stderr
    with duckdb.connect(str(tmp_path / "copy.duckdb"), read_only=True) as connection:
        found = connection.sql("SELECT comment_id, date, cost_usd, violation FROM verdicts").pl()
        assert connection.execute("SELECT count(*) FROM nights").fetchall() == [(0,)]
    assert_frame_equal(found, frame.select(found.columns), check_row_order=False)
