"""The wheel: whoever installs it has what a run reads, without the checkout."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]
#: Beside the packages: read by the prices, `register` and `stack`.
BESIDE = ("prices.toml", "prefect.yaml", "infra/cloudformation/moderation.yaml")


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Every file of the wheel."""
    made = next(WheelBuilder(str(ROOT)).build(directory=str(tmp_path_factory.mktemp("wheel")), versions=["standard"]))
    with zipfile.ZipFile(made) as wheel:
        return {name: wheel.read(name) for name in wheel.namelist()}


def test_whatever_a_run_reads_is_in_it(packed: dict[str, bytes]) -> None:
    """Code, prompts, golden pack, policies, rules, templates, style sheets, words, prices, deployments, the stack."""
    folders = ("flows", "tasks", "data_contracts", "prompts", "sandbox", "infra/automations")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    wanted = {str(path.relative_to(ROOT)) for path in files if "__pycache__" not in path.parts}
    wanted |= set(BESIDE)
    assert wanted - set(packed) == set()
    assert all(packed[name] == (ROOT / name).read_bytes() for name in wanted)


def test_nothing_else_is_installed(packed: dict[str, bytes]) -> None:
    """No tests, measurements or documents land beside other people's packages."""
    tops = {name.split("/")[0] for name in packed}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "flows", "tasks", "data_contracts", "prompts", "sandbox", "infra", "prices.toml", "prefect.yaml",
    }  # fmt: skip


def test_it_brings_the_command(packed: dict[str, bytes]) -> None:
    """`moderation` is there once it is installed."""
    entry = next(text for name, text in packed.items() if name.endswith("entry_points.txt"))
    assert b"moderation = flows.__main__:main" in entry
