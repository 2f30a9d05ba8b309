"""What `python -m flows register` does with the automations that a Prefect server has already."""

from __future__ import annotations

from typing import Any

import httpx

from flows.register import AUTOMATIONS, register_automation

NAME = "end-dead-runs"


def registered(api: str) -> dict[str, Any]:
    """The automation as the server has it after one more registration."""
    register_automation(AUTOMATIONS / f"{NAME}.yaml")
    found = httpx.post(f"{api}/automations/filter", json={}, timeout=60).json()
    (automation,) = [item for item in found if item["name"] == NAME]
    return dict(automation)


def test_an_automation_as_it_should_be_is_left_alone(prefect_server: str) -> None:
    """The server knows the runs that it watches by the trigger's id: a new one would forget a run that just died."""
    made = registered(prefect_server)
    assert registered(prefect_server) == made
    switched_off = httpx.patch(f"{prefect_server}/automations/{made['id']}", json={"enabled": False}, timeout=60)
    assert switched_off.is_success
    again = registered(prefect_server)
    assert (again["enabled"], again["trigger"]) == (False, made["trigger"])


def test_an_automation_of_an_older_release_is_brought_up_to_date(prefect_server: str) -> None:
    """One that was switched off stays off."""
    made = registered(prefect_server)
    older = {key: made[key] for key in ("name", "actions")}
    older |= {"enabled": False, "trigger": made["trigger"] | {"within": 600}}
    assert httpx.put(f"{prefect_server}/automations/{made['id']}", json=older, timeout=60).is_success
    again = registered(prefect_server)
    assert (again["id"], again["enabled"], again["trigger"]["within"]) == (made["id"], False, made["trigger"]["within"])
