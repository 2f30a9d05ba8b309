"""The image: what it takes from the checkout is there and reaches the builder, and it is what the lock says."""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path

import pytest

from flows.__main__ import PREFECT_DEFAULTS
from flows.register import IMAGE_FOLDER, deployments

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "infra" / "docker" / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
STEPS = [line.split(maxsplit=1) for line in TEXT.splitlines() if line and not line.startswith("#")]
SOURCES = [
    source for name, rest in STEPS if name == "COPY" and not rest.startswith("--from") for source in rest.split()[:-1]
]


def pinned(name: str) -> dict[str, set[str]]:
    """The hashes of each version that a lock names."""
    found: dict[str, set[str]] = {}
    for block in re.split(r"\n(?=[a-z0-9])", (ROOT / name).read_text(encoding="utf-8")):
        if match := re.match(r"[^ ;]+==[^ ;]+", block):
            found.setdefault(match[0], set()).update(re.findall(r"sha256:[0-9a-f]{64}", block))
    return found


@pytest.mark.parametrize("source", SOURCES)
def test_what_is_copied_exists_and_is_not_ignored(source: str) -> None:
    """Every file or folder of a COPY is in the checkout, and .dockerignore lets it through."""
    assert (ROOT / source).exists()
    ignored = False
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#") and fnmatch.fnmatch(source, line.removeprefix("!")):
            ignored = not line.startswith("!")
    assert not ignored


def test_the_code_that_runs_is_in_the_image() -> None:
    """The image has all packages that flows import, the prices and what `register` reads, and no sandbox."""
    assert {"flows", "tasks", "data_contracts", "prompts", "prices.toml", "prefect.yaml", "infra/automations"} <= set(
        SOURCES
    )
    assert "sandbox" not in SOURCES


def test_only_locked_packages_are_installed() -> None:
    """pip checks every hash and resolves nothing; the image's lock is the tests' lock without their tools."""
    install = next(rest for name, rest in STEPS if name == "RUN" and "pip install" in rest)
    assert "--require-hashes" in install
    assert "--no-deps" in install
    image, everything = pinned("requirements-runtime.lock"), pinned("requirements.lock")
    assert all(hashes and hashes == everything.get(package) for package, hashes in image.items())
    named = {package.split("==")[0] for package in image}
    assert {"prefect", "boto3", "polars", "deltalake"} <= named
    assert not named & {"pytest", "mypy", "ruff", "moto", "playwright", "hypothesis"}


def test_it_runs_as_nobody_special_and_names_no_host() -> None:
    """The last user is not root, the base has a version, and no package index is named."""
    users = [rest for name, rest in STEPS if name == "USER"]
    assert users
    assert users[-1].split(":")[0] not in ("root", "0")
    assert re.search(r"^ARG PYTHON_IMAGE=python:3\.\d+\.\d+-", TEXT, re.MULTILINE)
    assert ":latest" not in TEXT
    assert not re.search(r"https?://|index-url|trusted-host", TEXT)


def test_the_image_tells_nobody_anything() -> None:
    """What the command line sets against telemetry is set in the image too, where Prefect's own command starts."""
    environment = next(rest for name, rest in STEPS if name == "ENV" and "PATH=" in rest)
    silent = {name: value for name, value in PREFECT_DEFAULTS.items() if "EPHEMERAL" not in name}
    assert {name: value for name, value in silent.items() if f"{name}={value}" not in environment} == {}


def test_a_worker_finds_the_flows_in_the_image() -> None:
    """Deployments with an image enter the folder that the image has the code in; others take none from the project."""
    project = {"deployments": [{"name": "nightly", "work_pool": {"name": "x"}}]}
    made = deployments(project, "UTC", "ecs-pool", {"image": "repository/image"})
    assert made["pull"] == [{"prefect.deployments.steps.set_working_directory": {"directory": IMAGE_FOLDER}}]
    assert ["WORKDIR", IMAGE_FOLDER] in STEPS
    assert "pull" not in deployments(project, "UTC", "moderation")
