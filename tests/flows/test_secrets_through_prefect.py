"""A night as an operator runs it, with secrets planted wherever a deployment has them: none of them gets out."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.days import sample_day
from tests import secrets_planted as planted
from tests.prefect_site import RUN_DATE, Site, call

#: What a Prefect server keeps of runs, by the path that lists it.
KEPT = ("flow_runs", "task_runs", "flow_run_states", "logs", "artifacts", "events", "deployments", "block_documents")
PAGE = 200


@pytest.fixture
def hook() -> Iterator[list[dict[str, Any]]]:
    """A web hook that takes alerts: what it was sent, after the number of its port."""
    taken: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def do_GET(self) -> None:
            self.send_response(503)  # a heartbeat that fails may be told of, and its URL may not
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    taken.append({"port": server.server_port})
    yield taken
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def environment(hook: list[dict[str, Any]], prefect_server: str, tmp_path: Path) -> dict[str, str]:
    """The environment of a deployment: AWS's credentials, and a TOML file with the alerts' URLs."""
    config, port = tmp_path / "moderation.toml", hook[0]["port"]
    config.write_text(
        f'alert_urls = ["{planted.web_hook(port)}"]\n'
        f'[alert_routes]\nticket = ["{planted.web_hook(port, planted.ROUTE_TOKEN)}"]\n'
    )
    # What Prefect keeps beside its database would be below this folder.
    kept = {"PREFECT_LOCAL_STORAGE_PATH": str(tmp_path / "results"), "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "true"}
    pings = {
        f"MODERATION_{name}_URL": f"http://127.0.0.1:{port}/ping/{planted.TOKEN}" for name in ("HEARTBEAT", "WATCHDOG")
    }
    elsewhere = {"MODERATION_CONFIG": str(config), "PREFECT_API_URL": prefect_server}
    return {**planted.AWS_ENVIRONMENT, **kept, **pings, **elsewhere}


def stored_by_prefect(api: str) -> Iterator[tuple[str, str]]:
    """Everything that the server tells of runs, page by page."""
    with httpx.Client(timeout=60) as client:
        for kind in KEPT:
            if kind == "flow_run_states":
                runs = client.post(f"{api}/flow_runs/filter", json={"limit": PAGE}).json()
                for run in runs:
                    yield kind, client.get(f"{api}/flow_run_states/", params={"flow_run_id": run["id"]}).text
                continue
            body: dict[str, Any] = {"limit": 50} if kind == "events" else {"limit": PAGE}
            for offset in range(0, 10_000, PAGE):
                answer = client.post(
                    f"{api}/{kind}/filter", json=body if kind == "events" else body | {"offset": offset}
                )
                assert answer.status_code == 200, f"{kind}: {answer.text}"
                yield kind, answer.text
                if kind == "events" or len(answer.json()) < PAGE:
                    break


def stored_in_s3(site: Site) -> Iterator[tuple[str, bytes]]:
    """Every object that the night wrote."""
    for bucket in ("moderation-output", "moderation-batch"):
        for page in site.sandbox.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for item in page.get("Contents", ()):
                yield item["Key"], site.sandbox.s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()


def test_a_published_and_a_stopped_night_keep_their_secrets(
    site: Site, environment: dict[str, str], hook: list[dict[str, Any]], tmp_path: Path
) -> None:
    """Nothing that a night prints, stores, alerts or leaves on the Prefect server has a password, token or key."""
    site.put_day(sample_day(RUN_DATE))
    site.sandbox.faults.set("non_json", "0.2")
    published = call("nightly", "--run-date", str(RUN_DATE), MODERATION_MAX_ATTEMPTS="1", **environment)
    assert published.returncode == 0, published.stderr
    stopped = call("nightly", "--run-date", "2026-11-17", **environment)
    assert stopped.returncode == 1
    assert len(hook) == 3, "both nights alerted over a URL with a password"
    results = [(str(path), path.read_bytes()) for path in (tmp_path / "results").rglob("*") if path.is_file()]
    assert results
    told: defaultdict[str, str] = defaultdict(str)
    for kind, page in stored_by_prefect(environment["PREFECT_API_URL"]):
        told[kind] += page
    assert set(told) >= {"flow_runs", "task_runs", "logs", "artifacts"}
    assert "merge_verdicts" in told["logs"]
    assert (
        planted.leaks(
            [
                ("stdout", published.stdout + stopped.stdout),
                ("stderr", published.stderr + stopped.stderr),
                *stored_in_s3(site),
                *results,
                *stored_by_prefect(environment["PREFECT_API_URL"]),
                *(("alert", json.dumps(item)) for item in hook[1:]),
            ]
        )
        == []
    )


def test_wrong_settings_are_named_and_not_shown(site: Site, environment: dict[str, str], tmp_path: Path) -> None:
    """A file of settings that is wrong where its secrets are stops the command with the setting's name alone."""
    config = tmp_path / "wrong.toml"
    config.write_text(f'alert_urls = [["{planted.web_hook(1)}"]]\nrole_arn = "{planted.TOKEN}"\n')
    done = call("nightly", **environment | {"MODERATION_CONFIG": str(config), "MODERATION_ROLE_ARN": ""})
    assert done.returncode == 2
    assert "MODERATION_ALERT_URLS" in done.stderr
    assert "MODERATION_ROLE_ARN" in done.stderr
    assert planted.leaks([("stdout", done.stdout), ("stderr", done.stderr)]) == []
