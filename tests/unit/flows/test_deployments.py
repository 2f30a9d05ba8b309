"""What is registered with Prefect."""

from __future__ import annotations

import ast
import asyncio
import importlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import prefect.states
import pytest
import yaml
from prefect.client.schemas.objects import StateType
from prefect.input import RunInput
from prefect.utilities.callables import parameter_schema
from pydantic import ValidationError

from flows.approval import Approval, FlipsApproval
from flows.evaluation.forms import PromotionApproval, RunApproval
from flows.pages.form_words import asked_within, japanese, worded_form, worded_project, worded_schema
from flows.register import AUTOMATIONS, deployments
from tasks.reports.ending import Ending

ROOT = Path(__file__).parents[3]
PROJECT = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))


def named(project: dict[str, object], name: str) -> dict[str, object]:
    """A deployment of a project."""
    found = {item["name"]: item for item in project["deployments"]}  # type: ignore[attr-defined]
    return dict(found[name])


def test_a_registration_takes_zone_pool_and_job_variables_of_the_caller() -> None:
    """Every schedule gets the settings' zone, every deployment the pool; the file itself stays as it is."""
    project = deployments(PROJECT, "Europe/Berlin", "fargate", {"cpu": 1024})
    pools = [item["work_pool"] for item in project["deployments"]]
    assert pools == [{"name": "fargate", "job_variables": {"cpu": 1024}}] * len(PROJECT["deployments"])
    zones = [schedule["timezone"] for item in project["deployments"] for schedule in item.get("schedules", ())]
    assert set(zones) == {"Europe/Berlin"}
    assert named(PROJECT, "nightly")["work_pool"] == {"name": "moderation"}


def test_a_night_waits_for_its_input_and_for_no_other_night() -> None:
    """At 02:00, once its input stands still; without a limit by which a stuck night would hold up the next."""
    nightly = named(PROJECT, "nightly")
    assert [(item["cron"], item["parameters"]) for item in nightly["schedules"]] == [  # type: ignore[attr-defined]
        ("0 2 * * *", {"waits_for_input": True})
    ]
    assert "concurrency_limit" not in nightly


@pytest.mark.parametrize(
    ("day_before", "nights"),
    [
        pytest.param(
            datetime(2027, 3, 26, 12, tzinfo=UTC),
            ["2027-03-27T02:00:00+01:00", "2027-03-28T03:00:00+02:00", "2027-03-29T02:00:00+02:00"],
            id="02:00-does-not-exist",
        ),
        pytest.param(
            datetime(2027, 10, 29, 12, tzinfo=UTC),
            ["2027-10-30T02:00:00+02:00", "2027-10-31T02:00:00+02:00", "2027-11-01T02:00:00+01:00"],
            id="02:00-comes-twice",
        ),
    ],
)
def test_a_night_starts_once_a_day_also_when_the_clock_changes(day_before: datetime, nights: list[str]) -> None:
    """By Prefect's own reading of the schedule, in the zone that it is registered with."""
    from prefect.server.schemas.schedules import CronSchedule

    schedules: Any = named(deployments(PROJECT, "Europe/Berlin", "moderation"), "nightly")["schedules"]
    cron = CronSchedule(cron=schedules[0]["cron"], timezone=schedules[0]["timezone"])
    assert [run.isoformat() for run in asyncio.run(cron.get_dates(3, start=day_before))] == nights


def test_a_backfill_may_pause() -> None:
    """Prefect would end a run that has paused over the slot of a limit of its deployment."""
    assert "concurrency_limit" not in named(PROJECT, "backfill")


@pytest.mark.parametrize("deployment", PROJECT["deployments"], ids=lambda item: item["name"])
def test_each_deployment_is_described_and_its_flow_is_there(deployment: dict[str, str]) -> None:
    """An operator reads the description in the UI."""
    assert len(deployment["description"]) > 80
    path, flow = deployment["entrypoint"].split(":")
    assert f"def {flow}(" in (ROOT / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted(AUTOMATIONS.glob("*.yaml")), ids=lambda path: path.stem)
def test_prefect_takes_each_automation(path: Path) -> None:
    """By the name of its file, described, and switched on."""
    from prefect.events.schemas.automations import AutomationCore

    automation = AutomationCore.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    assert automation.name == path.stem
    assert automation.description
    assert automation.enabled


def named_states() -> set[str]:
    """The names of states that are made in flows/, read from the code; a call with a name that is no text has none."""
    calls = (
        node
        for path in (ROOT / "flows").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    )
    makers = {kind.value.capitalize() for kind in StateType} & vars(prefect.states).keys()
    states = [call for call in calls if call.func.id in makers]  # type: ignore[attr-defined]
    assert states, "flows make states of their own"
    names = {keyword.value for call in states for keyword in call.keywords if keyword.arg == "name"}
    # The one place that takes a name from elsewhere takes it from Ending.
    assert sum(not isinstance(name, ast.Constant) for name in names) == 1
    kinds = {call.func.id for call in states}  # type: ignore[attr-defined]
    return kinds | {str(name.value) for name in names if isinstance(name, ast.Constant)} | {str(end) for end in Ending}


def test_no_end_of_a_run_is_taken_for_its_death() -> None:
    """end-dead-runs waits for every name in which a run can end, or it would mark good nights as crashed."""
    automation = yaml.safe_load((AUTOMATIONS / "end-dead-runs.yaml").read_text(encoding="utf-8"))
    expected = {event.removeprefix("prefect.flow-run.") for event in automation["trigger"]["expect"]}
    assert named_states() <= expected
    assert {"Completed", "Failed", "Cancelled", "Crashed", "Paused"} <= expected


def test_the_ecs_job_names_settings_that_exist() -> None:
    """A setting renamed is renamed there too."""
    from tasks.base.settings import Settings

    variables = json.loads((ROOT / "infra" / "ecs" / "job-variables.json").read_text(encoding="utf-8"))
    named = {name.removeprefix("MODERATION_").lower() for name in variables["env"] if name.startswith("MODERATION_")}
    assert named <= set(Settings.model_fields)
    required = {name for name, field in Settings.model_fields.items() if field.is_required()}
    assert required <= named


#: The questions that runs ask, by the name of their words.
FORMS: list[tuple[type[RunInput], str]] = [
    (Approval, "approval"),
    (FlipsApproval, "flips"),
    (RunApproval, "evaluation"),
    (PromotionApproval, "promotion"),
]


def parameters_of(deployment: dict[str, Any]) -> dict[str, Any]:
    """The form of a deployment as Prefect makes it of the flow's docstring."""
    file, function = deployment["entrypoint"].split(":")
    flow = getattr(importlib.import_module(file.removesuffix(".py").replace("/", ".")), function)
    return dict(parameter_schema(flow).model_dump())


def test_every_deployment_and_every_field_has_japanese_words() -> None:
    """What a form takes stays what it was, its order included; only titles and descriptions are Japanese."""
    assert set(japanese()) == {item["name"] for item in PROJECT["deployments"]} | {name for _, name in FORMS}
    for deployment in worded_project(PROJECT, "ja")["deployments"]:
        assert not deployment["description"].isascii()
        given = parameters_of(deployment)
        assert set(japanese()[deployment["name"]].fields) == set(given["properties"])
        worded = worded_schema(deployment["name"], given)
        for field, shape in given["properties"].items():
            said = {key: worded["properties"][field][key] for key in ("title", "description")}
            assert worded["properties"][field] == shape | said
            assert not any(text.isascii() for text in said.values())
        assert worded["required"] == given["required"]
    assert worded_project(PROJECT, "en") == PROJECT


@pytest.mark.parametrize(("form", "name"), FORMS)
def test_a_question_is_asked_in_the_language_with_the_same_limits(form: type[RunInput], name: str) -> None:
    """The answer is read alike whatever the language; a budget that no budget can be is refused in both."""
    fields = japanese()[name].fields
    assert set(form.model_fields) == set(fields)
    worded = worded_form(form, name, "ja")
    assert {field: info.title for field, info in worded.model_fields.items()} == {
        field: words.title for field, words in fields.items()
    }
    for field, info in form.model_fields.items():
        now = worded.model_fields[field]
        assert (now.annotation, now.default, now.metadata) == (info.annotation, info.default, info.metadata)
    english = worded_form(Approval, "approval", "en", budget_usd=12.5)
    assert english().budget_usd == 12.5
    assert english.model_fields["budget_usd"].title == "Budget (USD)"
    with pytest.raises(ValidationError):
        english(budget_usd=-1)
    assert asked_within("approval", "計画", 24, "ja").startswith("計画\n\n24 時間以内")
