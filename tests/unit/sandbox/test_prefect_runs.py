"""What becomes of runs that nobody works on any more, asked of a server that speaks as much of Prefect's API."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from sandbox.prefect_runs import is_answering, settle_lost_runs


class FakePrefect(HTTPServer):
    """Knows some runs, and notes which states they are set to."""

    def __init__(self, runs: list[dict[str, str]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.runs = runs
        self.states: dict[str, dict[str, str]] = {}

    @property
    def api(self) -> str:
        """Its address, as in PREFECT_API_URL."""
        return f"http://127.0.0.1:{self.server_port}/api"


class _Handler(BaseHTTPRequestHandler):
    server: FakePrefect

    def do_GET(self) -> None:
        """Only /health."""
        self._say(True)

    def do_POST(self) -> None:
        """Deployments, runs by their states, and a state for a run."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.endswith("/deployments/filter"):
            self._say([{"id": "d1", "name": "nightly"}, {"id": "d2", "name": "backfill"}])
        elif self.path.endswith("/flow_runs/filter"):
            wanted = body["flow_runs"]["state"]["type"]["any_"]
            self._say([run for run in self.server.runs if run["state_type"] in wanted])
        else:
            self.server.states[self.path.split("/")[-2]] = body["state"]
            self._say({})

    def _say(self, answer: Any) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_: object) -> None:
        """Nothing."""


def run(name: str, deployment: str, state: str) -> dict[str, str]:
    """A run as the API shows it."""
    return {"id": f"id-{name}", "name": name, "deployment_id": deployment, "state_type": state}


@pytest.fixture
def prefect() -> Iterator[FakePrefect]:
    """A server with a run of each kind."""
    runs = [
        run("night", "d1", "RUNNING"),
        run("stopping", "d1", "CANCELLING"),
        run("asking", "d2", "PAUSED"),
        run("later", "d1", "SCHEDULED"),
        run("done", "d2", "COMPLETED"),
    ]
    with FakePrefect(runs) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_night_goes_on_and_the_others_end(prefect: FakePrefect) -> None:
    """A night is scheduled again; what waited for a person is Crashed, a cancel is done; the rest is left alone."""
    settled = settle_lost_runs(prefect.api, again=("nightly",))
    assert list(settled) == ["night", "stopping", "asking"]
    assert {key: state["type"] for key, state in prefect.states.items()} == {
        "id-night": "SCHEDULED",
        "id-stopping": "CANCELLED",
        "id-asking": "CRASHED",
    }
    assert prefect.states["id-night"]["name"] == "AwaitingRetry"


def test_a_server_that_is_not_up_yet_answers_nothing(prefect: FakePrefect) -> None:
    """Neither a closed port nor a listening one is taken for the other."""
    assert is_answering(prefect.api)
    assert not is_answering("http://127.0.0.1:9/api")
