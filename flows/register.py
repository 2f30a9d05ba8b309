"""Tells a Prefect server what this project has to run: the work pool, the deployments, the automations.

Not a flow: `python -m flows register` calls it, as often as you like; what is there already is brought up to date.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from flows.pages.form_words import japanese, worded_project, worded_schema
from tasks.base.errors import WrongUsage
from tasks.base.settings import Language

ROOT = Path(__file__).parents[1]
AUTOMATIONS = ROOT / "infra" / "automations"

#: A global concurrency limit of earlier versions. Its slot stayed taken for ever if the server ended before its run.
OLD_LIMIT = "moderation-backfill"

#: Where the image has the code (infra/docker/Dockerfile). Without a pull step Prefect takes the folder it deploys from,
#: and /opt/prefect once an image is named.
IMAGE_FOLDER = "/app"


class NotRegistered(WrongUsage):
    """The Prefect server refused, or does not answer; the text carries its words."""


def deployments(
    project: dict[str, Any], timezone: str, pool: str, job_variables: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The project (prefect.yaml) with this time zone in its schedules, and this work pool and its job variables."""
    work_pool = {"name": pool} | ({"job_variables": job_variables} if job_variables else {})
    enter_image = {"prefect.deployments.steps.set_working_directory": {"directory": IMAGE_FOLDER}}
    project = project | ({"pull": [enter_image]} if "image" in (job_variables or {}) else {})
    return project | {
        "deployments": [
            deployment
            | {"work_pool": work_pool}
            | (
                {"schedules": [schedule | {"timezone": timezone} for schedule in deployment["schedules"]]}
                if "schedules" in deployment
                else {}
            )
            for deployment in project["deployments"]
        ]
    }


def register(
    timezone: str, pool: str, job_variables: dict[str, Any] | None = None, language: Language = "en"
) -> list[str]:
    """Register everything; one line for each thing that is registered now.

    Args:
        timezone: the settings' own, whose 02:00 starts the night.
        pool: the work pool that the deployments run in; a process pool is made if there is none.
        job_variables: what the pool's jobs are given, by the names of its base job template (image, cpu ...).
        language: of the deployments' descriptions and the fields of their forms.

    Raises:
        NotRegistered: if the server cannot be reached or refuses.
    """
    if not (ROOT / "prefect.yaml").is_file():
        raise NotRegistered(f"there is no prefect.yaml in {ROOT}: register from a checkout, the wheel or the image")
    try:
        lines = [_ensure_pool(pool)]
        lines += _deploy(timezone, pool, job_variables, language)
        if language != "en":
            word_forms()
        _remove_old_limit()
        return lines + [register_automation(path) for path in sorted(AUTOMATIONS.glob("*.yaml"))]
    except NotRegistered:
        raise
    except Exception as error:
        raise NotRegistered(f"the Prefect server did not take it: {type(error).__name__}: {error}") from None


def _ensure_pool(name: str) -> str:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectNotFound

    with get_client(sync_client=True) as client:
        try:
            pool = client.read_work_pool(name)
        except ObjectNotFound:
            pool = client.create_work_pool(WorkPoolCreate(name=name, type="process"))
    return f"work pool   {pool.name} ({pool.type})"


def _remove_old_limit() -> None:
    """Delete the limit that earlier versions kept backfills apart with: now a lease in S3 does."""
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    with get_client(sync_client=True) as client, suppress(ObjectNotFound):
        client.delete_global_concurrency_limit_by_name(OLD_LIMIT)


def word_forms() -> None:
    """Put the Japanese titles and descriptions into the forms: Prefect's command takes them from the docstrings."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import DeploymentUpdate

    with get_client(sync_client=True) as client:
        for present in client.read_deployments():
            if present.name in japanese():
                schema = worded_schema(present.name, dict(present.parameter_openapi_schema or {}))
                client.update_deployment(present.id, DeploymentUpdate(parameter_openapi_schema=schema))


def _deploy(timezone: str, pool: str, job_variables: dict[str, Any] | None, language: Language) -> list[str]:
    """Have Prefect's own command deploy, from a copy of prefect.yaml that names zone and pool."""
    project = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
    project = worded_project(deployments(project, timezone, pool, job_variables), language)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "prefect.yaml"
        copy.write_text(yaml.safe_dump(project, sort_keys=False), encoding="utf-8")
        done = subprocess.run(  # noqa: S603 (our own interpreter)
            [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(copy)],
            cwd=ROOT,
            env=os.environ | {"COLUMNS": "200"},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise NotRegistered(
            "\n".join(["prefect deploy failed:", done.stdout.strip()[-2000:], done.stderr.strip()[-2000:]])
        )
    return [f"deployment  {_described(deployment, timezone)}" for deployment in project["deployments"]]


def _described(deployment: dict[str, Any], timezone: str) -> str:
    when = ", ".join(f"cron {schedule['cron']}, {timezone}" for schedule in deployment.get("schedules", ()))
    flow = Path(deployment["entrypoint"]).name.split(":")[1]
    return f"{flow}/{deployment['name']}" + (f" ({when})" if when else "")


def register_automation(path: Path) -> str:
    """Make the automation, or bring the one of its name up to date: `prefect automation create` would add a second.

    One that is as it should be is left alone: an update makes the server forget the runs that it watches by it, and one
    that had just died would stay Running.
    """
    from prefect.client.orchestration import get_client
    from prefect.events.schemas.automations import AutomationCore

    wanted = AutomationCore.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    with get_client(sync_client=True) as client:
        present = client.read_automations_by_name(wanted.name)
        if not present:
            client.create_automation(wanted)
        else:  # one that was switched off stays off
            wanted = wanted.model_copy(update={"enabled": present[0].enabled})
            if wanted.model_dump() != present[0].model_dump(exclude={"id"}):
                client.update_automation(present[0].id, wanted)
    return f"automation  {wanted.name}"
