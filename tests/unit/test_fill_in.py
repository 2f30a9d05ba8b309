"""Whatever the documents say is to be filled in: each command is run as it stands there, and what it makes is used."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.register import deployments
from tasks.base.settings import Settings

ROOT = Path(__file__).parents[2]
#: Pages with something to fill in lie beside it.
FOLDERS = [ROOT / "infra" / "iam", ROOT / "infra" / "ecs"]
PLACEHOLDER = re.compile(r"<[A-Z_]+>")


def blocks(page: Path) -> list[str]:
    """The shell commands of a page, block by block."""
    return re.findall(r"^```(?:sh)?\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module", params=FOLDERS, ids=lambda path: path.name)
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of a folder whose page's fill-in was run, in the shell that people have."""
    source: Path = request.param
    folder = tmp_path_factory.mktemp("fill-in") / source.name
    shutil.copytree(source, folder)
    (script,) = [block for block in blocks(folder / "README.md") if "sed " in block]
    done = subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("", ""), "the last line shows what was forgotten"
    return folder


def named(value: Any, place: str = "") -> Iterator[str]:
    """The place of every value: what a fill-in must leave alone."""
    match value:
        case dict():
            for name, item in value.items():
                yield from named(item, f"{place}/{name}")
        case list():
            for number, item in enumerate(value):
                yield from named(item, f"{place}/{number}")
        case _:
            yield place


def test_every_file_is_filled_in_and_no_name_is_touched(filled: Path) -> None:
    """What comes out is JSON without a placeholder, and has the names of what went in."""
    sources = sorted(filled.glob("*.json"))
    assert sources
    for source in sources:
        before, text = source.read_text(encoding="utf-8"), (filled / "filled" / source.name).read_text(encoding="utf-8")
        assert PLACEHOLDER.search(before)
        assert not PLACEHOLDER.search(text)
        assert list(named(json.loads(text))) == list(named(json.loads(before)))


@pytest.mark.parametrize("path", [path for folder in FOLDERS for path in sorted(folder.glob("*.json"))], ids=str)
def test_a_placeholder_is_part_of_no_name(path: Path) -> None:
    """No word in capitals stands in a file that is neither in brackets nor a name of the environment's."""
    text = PLACEHOLDER.sub("", path.read_text(encoding="utf-8"))
    words = set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b|\bREGION\b|\bIMAGE\b|\bCLUSTER\b", text))
    assert {word for word in words if not word.startswith(("MODERATION_", "AWS_", "PREFECT_"))} == set()


def test_the_ecs_job_is_what_was_filled_in(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run of it reads the settings that were meant: the model and the Region above all."""
    folder = tmp_path_factory.mktemp("job") / "ecs"
    shutil.copytree(ROOT / "infra" / "ecs", folder)
    (script,) = [block for block in blocks(folder / "README.md") if "sed " in block]
    subprocess.run(["bash", "-c", script], cwd=folder, check=False, timeout=60)
    variables = json.loads((folder / "filled" / "job-variables.json").read_text(encoding="utf-8"))
    for name, value in variables["env"].items():
        monkeypatch.setenv(name, value)
    settings = Settings.load()
    assert settings.model_id == "jp.anthropic.claude-haiku-4-5-20251001-v1:0"
    assert (settings.output_uri, settings.batch_uri) == ("s3://moderation", "s3://moderation-batch/jobs")
    assert variables["env"]["AWS_REGION"] == "ap-northeast-1"
    project = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
    made = deployments(project, settings.timezone, "moderation", variables)
    assert {json.dumps(item["work_pool"]["job_variables"]) for item in made["deployments"]} == {json.dumps(variables)}


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed here")
def test_the_job_template_gets_disk_secrets_and_time_to_stop(tmp_path: Path) -> None:
    """The jq line is run on a template of the worker's form."""
    (block,) = [block for block in blocks(ROOT / "infra" / "ecs" / "README.md") if "\njq " in block]
    command = re.search(r"^jq .*?> moderation\.json$", block, re.MULTILINE | re.DOTALL)
    assert command
    container = {"image": "{{ image }}", "name": "{{ container_name }}"}
    template = {"job_configuration": {"task_definition": {"containerDefinitions": [container]}}, "variables": {}}
    (tmp_path / "template.json").write_text(json.dumps(template), encoding="utf-8")
    subprocess.run(["bash", "-c", command[0]], cwd=tmp_path, check=True, timeout=60)
    made = json.loads((tmp_path / "moderation.json").read_text(encoding="utf-8"))
    definition = made["job_configuration"]["task_definition"]
    assert definition["ephemeralStorage"] == {"sizeInGiB": 50}
    (changed,) = definition["containerDefinitions"]
    assert container.items() <= changed.items()
    assert changed["stopTimeout"] == 120
    assert [secret["name"] for secret in changed["secrets"]] == ["MODERATION_ALERT_URLS"]
    assert not PLACEHOLDER.search(json.dumps(made))


def test_the_workers_own_rights_are_named() -> None:
    """What prefect-aws's worker calls, and what its log options ask of ECS.

    Source: prefect-aws 0.7.12, `prefect_aws/workers/ecs_worker.py`.
    """

    def actions(name: str) -> set[str]:
        policy = json.loads((ROOT / "infra" / "ecs" / name).read_text(encoding="utf-8"))
        granted = [item["Action"] for item in policy["Statement"]]
        return {action for each in granted for action in ([each] if isinstance(each, str) else each)}

    assert actions("worker-policy.json") == {
        "ecs:RegisterTaskDefinition",
        "ecs:DescribeTaskDefinition",
        "ecs:RunTask",
        "ecs:TagResource",
        "ecs:StopTask",
        "ecs:DescribeTasks",
        "iam:PassRole",
        "ec2:DescribeVpcs",
        "ec2:DescribeSubnets",
    }
    assert actions("execution-policy.json") == {"logs:CreateLogGroup", "secretsmanager:GetSecretValue"}
