"""The direction of imports and the fences around libraries."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = ("flows", "tasks", "data_contracts", "prompts")

#: Which of our packages a package may import.
ALLOWED = {
    "flows": {"tasks", "prompts", "data_contracts"},
    "tasks": {"tasks", "prompts", "data_contracts"},
    "prompts": {"prompts", "data_contracts"},
    "data_contracts": {"data_contracts"},
}
#: Flows that run another flow; the commands may run any.
RUNS_FLOWS = {"flows/__main__.py", "flows/backfill.py", "flows/backfill_day.py", "flows/backfill_run.py"}

FENCES = {
    "boto3": "tasks/adapters/",
    "botocore": "tasks/adapters/",
    "s3fs": "tasks/adapters/",
    "fsspec": "tasks/adapters/",
    "deltalake": "tasks/adapters/",
    "apprise": "tasks/adapters/",
    "great_expectations": "data_contracts/expectations.py",
    "pandas": "data_contracts/expectations.py",
}
#: All that a stage may take from Prefect.
PREFECT_IN_TASKS = {"task", "NO_CACHE"}
ONLY_IN_FLOWS = ("get_run_logger", "prefect.runtime", "os.environ", "date.today")

FILES = [path for package in OURS for path in sorted((ROOT / package).rglob("*.py"))]


def imports(path: Path) -> list[tuple[str, set[str]]]:
    """Every imported module of a file with the names taken from it, imports inside functions included."""
    found: list[tuple[str, set[str]]] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.extend((alias.name, set()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.append((node.module or "", {alias.name for alias in node.names}))
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path: Path) -> None:
    """flows -> tasks -> {prompts, data_contracts}; only a flow that runs another imports flows."""
    name = str(path.relative_to(ROOT))
    package = name.split("/")[0]
    for module, _ in imports(path):
        top = module.split(".")[0]
        if top == "flows":
            assert name in RUNS_FLOWS or name.startswith("flows/commands/")
        elif top in (*OURS, "sandbox", "benchmarks", "tests"):
            assert top in ALLOWED[package], f"{name} imports {module}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_libraries_stay_behind_their_fence(path: Path) -> None:
    """AWS libraries live in the adapters alone, Great Expectations in one module, Prefect in flows and @task lines."""
    name = str(path.relative_to(ROOT))
    for module, names in imports(path):
        top = module.split(".")[0]
        assert name.startswith(FENCES.get(top, "")), f"{name} imports {module}"
        if top == "prefect" and not name.startswith("flows/"):
            assert name.startswith("tasks/")
            assert names <= PREFECT_IN_TASKS, f"{name} takes {names} from {module}"


@pytest.mark.parametrize(
    "path", [p for p in FILES if p.relative_to(ROOT).parts[0] != "flows"], ids=lambda path: str(path.relative_to(ROOT))
)
def test_only_flows_know_time_and_environment(path: Path) -> None:
    """The clock's date, the environment and Prefect's run are read in flows and handed down."""
    code = path.read_text(encoding="utf-8")
    tree = ast.parse(code)
    used = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute | ast.Name)}
    assert not used & {*ONLY_IN_FLOWS, "datetime.now", "datetime.utcnow", "os.getenv"}
