"""What `python -m flows register` does with the automations that a Prefect server has already, and with its forms."""

from __future__ import annotations

from typing import Any

import httpx
from prefect.client.orchestration import get_client
from prefect.utilities.callables import parameter_schema

from flows.alerts.snooze import snooze
from flows.register import AUTOMATIONS, register_automation, word_forms

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


def test_a_form_gets_its_japanese_words_and_keeps_what_it_takes(prefect_server: str) -> None:
    """The server's own form, as Prefect read it from the flow, but for titles and descriptions."""
    schema = parameter_schema(snooze).model_dump()
    with get_client(sync_client=True) as client:
        flow_id = client.create_flow(snooze)
        made = client.create_deployment(flow_id, "snooze", entrypoint="x.py:snooze", parameter_openapi_schema=schema)
        word_forms()
        found = client.read_deployment(made)
    form = found.parameter_openapi_schema or {}
    assert form["properties"]["until"]["title"] == "再開日"
    assert form["properties"]["group"]["enum"] == schema["properties"]["group"]["enum"]
    assert (form["required"], found.entrypoint) == (schema["required"], "x.py:snooze")
