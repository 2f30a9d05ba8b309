"""Two questions to a Prefect server over its REST API, without importing Prefect, which takes seconds."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

_ANSWER_S = 10.0
#: States in which a run has a process, or is about to get one, and what it becomes when that is gone. A paused run's
#: process waits for the answer.
_LOST = {"RUNNING": "CRASHED", "PENDING": "CRASHED", "PAUSED": "CRASHED", "CANCELLING": "CANCELLED"}
_MESSAGE = "Everything was ended while this ran; what was paid for is in the ledger, and a new run goes on from it."
_AGAIN = {"type": "SCHEDULED", "name": "AwaitingRetry", "message": "Everything was ended while this ran; it goes on."}


def is_answering(api_url: str) -> bool:
    """Whether the server is ready."""
    try:
        return bool(_call(f"{api_url}/health", None))
    except (OSError, ValueError):  # not listening yet, or half-way up
        return False


def settle_lost_runs(api_url: str, again: tuple[str, ...]) -> dict[str, str]:
    """Settle the deployed runs that nobody works on any more; what each becomes, by name. Only while no worker runs.

    Args:
        again: the deployments whose cut-off runs go on as soon as a worker is there.
    """
    wanted = {"flow_runs": {"state": {"type": {"any_": list(_LOST)}}, "deployment_id": {"is_null_": False}}}
    settled = {}
    names = {item["id"]: item["name"] for item in _call(f"{api_url}/deployments/filter", {})}
    for run in _call(f"{api_url}/flow_runs/filter", wanted):
        state = {"type": _LOST[run["state_type"]], "message": _MESSAGE}
        if state["type"] == "CRASHED" and names.get(run["deployment_id"]) in again:
            state = _AGAIN
        _call(f"{api_url}/flow_runs/{run['id']}/set_state", {"state": state, "force": True})
        settled[str(run["name"])] = "it goes on when a worker is there" if state is _AGAIN else state["type"].lower()
    return settled


def _call(url: str, body: dict[str, Any] | None) -> Any:
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})  # noqa: S310 (our own server)
    # No proxy of the environment between us and our own server.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=_ANSWER_S) as answer:
        return json.load(answer)
