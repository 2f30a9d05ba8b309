"""The direction of imports, the rooms of `tasks`, and the fences around libraries."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = ("flows", "tasks", "data_contracts", "prompts")
AROUND = ("sandbox", "benchmarks")

#: Which of our packages a package may import.
ALLOWED = {
    "flows": {"flows", "tasks", "prompts", "data_contracts"},
    "tasks": {"tasks", "prompts", "data_contracts"},
    "prompts": {"prompts", "data_contracts"},
    "data_contracts": {"data_contracts"},
    "sandbox": {*OURS, "sandbox"},
    "benchmarks": {*OURS, *AROUND, "tests"},
}
#: Flows that run another flow. A module with a flow is loaded by its path too: two imports would make two flows.
RUNS_FLOWS = {"flows/__main__.py", "flows/backfill.py", "flows/backfill_day.py", "flows/backfill_run.py"}

#: The rooms of `tasks`, lowest first: a room imports rooms below it, never one above.
ROOMS = (
    "base",
    "llm",
    "adapters",
    "ledger",
    "measure",
    "intake",
    "batch",
    "jobs",
    "verdicts",
    "labels",
    "alerts",
    "watch",
    "reports",
    "past_days",
)
#: Packages whose `__init__` holds code: the seams where one of several is picked.
SEAMS = {"adapters", "llm/families", "alerts/words", "measure/detect"}
#: Most modules in a folder, its `__init__` aside.
MOST_MODULES = 14

FENCES = {
    "boto3": "tasks/adapters/",
    "botocore": "tasks/adapters/",
    "s3fs": "tasks/adapters/",
    "fsspec": "tasks/adapters/",
    "deltalake": "tasks/adapters/",
    "apprise": "tasks/adapters/",
    "urllib.request": "tasks/adapters/",
    "great_expectations": "data_contracts/expectations.py",
    "pandas": "data_contracts/expectations.py",
}
ONLY_IN_FLOWS = ("get_run_logger", "prefect.runtime", "os.environ", "date.today")

FILES = {
    str(path.relative_to(ROOT)): path for package in (*OURS, *AROUND) for path in sorted((ROOT / package).rglob("*.py"))
}
PARTS = [name for name in FILES if name.split("/")[0] in OURS]
TASKS = [name for name in FILES if name.startswith("tasks/")]
MODULES = {name.removesuffix(".py").removesuffix("/__init__").replace("/", "."): name for name in FILES}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in FILES.items()}


def imports(name: str) -> Iterator[tuple[str, set[str]]]:
    """Every imported module of a file with the names taken from it; those in functions and for type checks too."""
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Import):
            yield from ((alias.name, set[str]()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: relative import"
            yield node.module or "", {alias.name for alias in node.names}


def files_imported(name: str) -> set[str]:
    """The files of ours that a file imports: modules, and the packages that it takes names from."""
    found = set[str]()
    for module, names in imports(name):
        inner = {MODULES[f"{module}.{part}"] for part in names if f"{module}.{part}" in MODULES}
        outer = {MODULES[module]} if module in MODULES and (not names or len(inner) < len(names)) else set()
        found |= inner | outer
    return found - {name}


def decorators(name: str) -> dict[str, set[str]]:
    """The functions of a file, each with the names of its decorators."""
    return {
        node.name: {ast.unparse(item).split("(")[0] for item in node.decorator_list}
        for node in TREES[name].body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


STAGE_KINDS = {"stage", "paid_stage", "telling_stage", "single_stage"}
#: Every stage with its file.
STAGES = {function: name for name in TASKS for function, marks in decorators(name).items() if marks & STAGE_KINDS}
FLOW_FILES = {name for name in FILES if any("flow" in marks for marks in decorators(name).values())}


def room_of(name: str) -> str:
    """The room of a file of `tasks`."""
    return name.split("/")[1]


@pytest.mark.parametrize("name", FILES)
def test_imports_point_one_way(name: str) -> None:
    """flows -> tasks -> {prompts, data_contracts}; sandbox and benchmarks stand beside; nothing imports them."""
    package = name.split("/")[0]
    for module, _ in imports(name):
        top = module.split(".")[0]
        if top in (*OURS, *AROUND, "tests"):
            assert top in ALLOWED[package], f"{name} imports {module}"


@pytest.mark.parametrize("name", FILES)
def test_a_flow_is_imported_only_by_what_runs_it(name: str) -> None:
    """A module with a Prefect flow is imported by the command line and by flows that run it; a night by its players."""
    for imported in files_imported(name):
        if imported in FLOW_FILES:
            assert name in RUNS_FLOWS or name.startswith(("flows/commands/", "benchmarks/")), f"{name}: {imported}"
        elif imported.startswith("flows/") and not name.startswith("flows/"):
            assert imported in ("flows/night.py", "flows/__main__.py") or name.startswith("benchmarks/"), (
                f"{name}: {imported}"
            )


@pytest.mark.parametrize("name", TASKS)
def test_rooms_import_the_rooms_below(name: str) -> None:
    """A room takes from those below it in ROOMS, and from itself."""
    if name == "tasks/__init__.py":
        return
    for imported in files_imported(name):
        if imported.startswith("tasks/"):
            assert ROOMS.index(room_of(imported)) <= ROOMS.index(room_of(name)), f"{name} imports {imported}"


def test_no_circle_of_files() -> None:
    """No file is reached from itself by imports."""
    graph = {name: files_imported(name) for name in FILES}
    done = set[str]()

    def walk(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join((*way[way.index(name) :], name))
        if name not in done:
            for imported in sorted(graph[name]):
                walk(imported, (*way, name))
            done.add(name)

    for name in graph:
        walk(name, ())


@pytest.mark.parametrize("name", PARTS)
def test_prefect_stays_in_flows_and_in_one_module(name: str) -> None:
    """How a stage is run by Prefect is written once."""
    if any(module.split(".")[0] == "prefect" for module, _ in imports(name)):
        assert name.startswith("flows/") or name == "tasks/base/stage.py"
        assert name != "flows/night.py", "a night is played without Prefect too"


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_is_the_door_of_its_module(stage: str) -> None:
    """A stage is found by its name: its module bears it. Two alerts that share all else stand in one."""
    assert Path(STAGES[stage]).stem in (stage, "send_alerts")


@pytest.mark.parametrize("name", TASKS)
def test_no_stage_calls_a_stage(name: str) -> None:
    """What two stages need is a function in a noun beside them; only types that a stage returns are taken from it."""
    for module, names in imports(name):
        assert not (names & STAGES.keys() and MODULES.get(module) in STAGES.values()), f"{name} imports {names}"


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_has_a_sign_and_nothing_else_in_it(room: str) -> None:
    """`__init__.py` of a room, and of the folders in it, says what lives there; only a seam has code."""
    for name in TASKS:
        if name.startswith(f"tasks/{room}/") and name.endswith("__init__.py"):
            body = TREES[name].body
            assert isinstance(body[0], ast.Expr)
            seam = name.removeprefix("tasks/").removesuffix("/__init__.py") in SEAMS
            assert seam or len(body) == 1, f"{name} holds code"


@pytest.mark.parametrize("folder", sorted({str(Path(name).parent) for name in FILES if not name.startswith("tests")}))
def test_no_folder_is_crowded(folder: str) -> None:
    """A folder that needs more modules lacks a room."""
    modules = [name for name in FILES if str(Path(name).parent) == folder and not name.endswith("__init__.py")]
    assert len(modules) <= MOST_MODULES


@pytest.mark.parametrize("name", PARTS)
def test_libraries_stay_behind_their_fence(name: str) -> None:
    """AWS libraries and whatever opens a URL live in the adapters alone, Great Expectations in one module."""
    for module, _ in imports(name):
        for library in (module, module.split(".")[0]):
            assert name.startswith(FENCES.get(library, "")), f"{name} imports {module}"


@pytest.mark.parametrize("name", [name for name in PARTS if not name.startswith("flows/")])
def test_only_flows_know_time_and_environment(name: str) -> None:
    """The clock's date, the environment and Prefect's run are read in flows and handed down."""
    used = {ast.unparse(node) for node in ast.walk(TREES[name]) if isinstance(node, ast.Attribute | ast.Name)}
    assert not used & {*ONLY_IN_FLOWS, "datetime.now", "datetime.utcnow", "os.getenv"}


@pytest.mark.parametrize("name", [name for name in PARTS if not name.startswith("flows/")])
def test_only_the_adapters_wait(name: str) -> None:
    """Time passes by the clock that stages connect to, so that a test or a storm can let it pass at once."""
    assert name.startswith("tasks/adapters/") or "time" not in {module for module, _ in imports(name)}


def test_benches_are_not_shipped() -> None:
    """What plays storms and measures speed stays in the checkout."""
    targets = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"]
    assert set(targets["wheel"]["only-include"]) == {*OURS, "sandbox", "prices.toml"}


@pytest.mark.parametrize("path", sorted((ROOT / "tests").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_test_imports_a_test(path: Path) -> None:
    """What two tests need stands in a module beside the tiers."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            parts = node.module.split(".")
            assert parts[0] != "tests" or len(parts) <= 2, f"{path} imports {node.module}"
