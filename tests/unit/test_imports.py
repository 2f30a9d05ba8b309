"""The direction of imports, the rooms of `tasks`, and the fences around libraries."""

from __future__ import annotations

import ast
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

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
RUNS_FLOWS = {
    "flows/__main__.py",
    "flows/backfill.py",
    "flows/backfill_day.py",
    "flows/backfill_run.py",
    "flows/nightly.py",  # the parts of its stages, on a cluster
}

#: The rooms of `tasks`, lowest first: a room imports rooms below it, never one above.
ROOMS = (
    "base",
    "llm",
    "adapters",
    "ledger",
    "measure",
    "intake",
    "route",
    "batch",
    "jobs",
    "verdicts",
    "labels",
    "evaluate",
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
    "fsspec": "tasks/adapters/",
    "deltalake": "tasks/adapters/",
    "apprise": "tasks/adapters/",
    "urllib.request": "tasks/adapters/",
    "starlette": "tasks/labels/reviewer/",
    "uvicorn": "tasks/labels/reviewer/",
    "great_expectations": "data_contracts/expectations.py",
    "pandas": "data_contracts/expectations.py",
    "lets_plot": "tasks/reports/charts/drawing.py",
    "opentelemetry": "tasks/adapters/telemetry/",
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
    for module, names in IMPORTS[name]:
        inner = {MODULES[f"{module}.{part}"] for part in names if f"{module}.{part}" in MODULES}
        outer = {MODULES[module]} if module in MODULES and (not names or len(inner) < len(names)) else set()
        found |= inner | outer
    return found - {name}


IMPORTS = {name: list(imports(name)) for name in FILES}
FILES_IMPORTED = {name: files_imported(name) for name in FILES}


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


def test_imports_point_one_way() -> None:
    """flows -> tasks -> {prompts, data_contracts}; sandbox and benchmarks stand beside; nothing imports them."""
    wrong = []
    for name in FILES:
        for module, _ in IMPORTS[name]:
            top = module.split(".")[0]
            if top in (*OURS, *AROUND, "tests") and top not in ALLOWED[name.split("/")[0]]:
                wrong.append(f"{name} imports {module}")
    assert not wrong


def test_a_flow_is_imported_only_by_what_runs_it() -> None:
    """A module with a Prefect flow is imported by the command line and by flows that run it; a night by its players."""
    wrong = []
    for name, found in FILES_IMPORTED.items():
        runs_flows = name in RUNS_FLOWS or name.startswith(("flows/commands/", "benchmarks/"))
        is_outside = not name.startswith(("flows/", "benchmarks/"))
        for imported in found:
            is_open = imported in ("flows/night.py", "flows/__main__.py") or not imported.startswith("flows/")
            if not runs_flows if imported in FLOW_FILES else is_outside and not is_open:
                wrong.append(f"{name} imports {imported}")
    assert not wrong


def test_rooms_import_the_rooms_below() -> None:
    """A room takes from those below it in ROOMS, and from itself."""
    wrong = [
        f"{name} imports {imported}"
        for name in TASKS
        if name != "tasks/__init__.py"
        for imported in FILES_IMPORTED[name]
        if imported.startswith("tasks/") and ROOMS.index(room_of(imported)) > ROOMS.index(room_of(name))
    ]
    assert not wrong


def test_no_circle_of_files() -> None:
    """No file is reached from itself by imports."""
    done = set[str]()

    def walk(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join((*way[way.index(name) :], name))
        if name not in done:
            for imported in sorted(FILES_IMPORTED[name]):
                walk(imported, (*way, name))
            done.add(name)

    for name in FILES:
        walk(name, ())


def test_prefect_stays_in_flows_and_in_one_module() -> None:
    """How a stage is run by Prefect is written once; a night is played without Prefect too."""
    users = {name for name in PARTS if any(module.split(".")[0] == "prefect" for module, _ in IMPORTS[name])}
    wrong = {name for name in users if not name.startswith("flows/") or name == "flows/night.py"}
    assert not wrong - {"tasks/base/stage.py"}


def test_a_stage_is_the_door_of_its_module() -> None:
    """A stage is found by its name: its module bears it. Two alerts that share all else stand in one."""
    assert STAGES
    wrong = {stage: name for stage, name in STAGES.items() if Path(name).stem not in (stage, "send_alerts")}
    assert not wrong


def test_no_stage_calls_a_stage() -> None:
    """What two stages need is a function in a noun beside them; only types that a stage returns are taken from it."""
    wrong = [
        f"{name} imports {names} from {module}"
        for name in TASKS
        for module, names in IMPORTS[name]
        if names & STAGES.keys() and MODULES.get(module) in STAGES.values()
    ]
    assert not wrong


def test_a_room_has_a_sign_and_nothing_else_in_it() -> None:
    """`__init__.py` of a room, and of the folders in it, says what lives there; only a seam has code."""
    wrong = []
    for name in TASKS:
        folder = name.removeprefix("tasks/").removesuffix("/__init__.py")
        if name.endswith("__init__.py") and name.split("/")[1] in ROOMS:
            body = TREES[name].body
            if not (body and isinstance(body[0], ast.Expr) and (folder in SEAMS or len(body) == 1)):
                wrong.append(f"{name} lacks a sign or holds code")
    assert not wrong


def test_no_folder_is_crowded() -> None:
    """A folder that needs more modules lacks a room."""
    modules = Counter(str(Path(name).parent) for name in FILES if not name.endswith("__init__.py"))
    assert not {folder: count for folder, count in modules.items() if count > MOST_MODULES}


def test_libraries_stay_behind_their_fence() -> None:
    """AWS libraries and whatever opens a URL live in the adapters alone, Great Expectations in one module."""
    wrong = [
        f"{name} imports {module}"
        for name in PARTS
        for module, _ in IMPORTS[name]
        if not all(name.startswith(FENCES.get(library, "")) for library in (module, module.split(".")[0]))
    ]
    assert not wrong


def test_only_flows_know_time_and_environment() -> None:
    """The clock's date, the environment and Prefect's run are read in flows and handed down."""
    wrong = []
    for name in PARTS:
        if not name.startswith("flows/"):
            used = {ast.unparse(node) for node in ast.walk(TREES[name]) if isinstance(node, ast.Attribute | ast.Name)}
            known = used & {*ONLY_IN_FLOWS, "datetime.now", "datetime.utcnow", "os.getenv"}
            wrong += [f"{name} uses {item}" for item in known]
    assert not wrong


def test_only_the_adapters_wait() -> None:
    """Time passes by the clock that stages connect to, so that a test or a storm can let it pass at once."""
    waiting = {name for name in PARTS if "time" in {module for module, _ in IMPORTS[name]}}
    assert not {name for name in waiting if not name.startswith(("flows/", "tasks/adapters/"))}


def test_benches_are_not_shipped() -> None:
    """What plays storms and measures speed stays in the checkout."""
    targets = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"]
    beside = {"prices.toml", "prefect.yaml", "infra/automations", "infra/cloudformation/moderation.yaml"}
    assert set(targets["wheel"]["only-include"]) == {*OURS, "sandbox", *beside}


def test_no_test_imports_a_test() -> None:
    """What two tests need stands in a module beside the tiers."""
    wrong = []
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                parts = node.module.split(".")
                if parts[0] == "tests" and len(parts) > 2:
                    wrong.append(f"{path.relative_to(ROOT)} imports {node.module}")
    assert not wrong
