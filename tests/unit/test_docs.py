"""The documents tell the truth where a machine can check it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from data_contracts.tolerances import Tolerances
from docs.generate import COMMAND, PARTS, ROOT, with_part
from docs.stages import night
from flows.__main__ import app
from sandbox.__main__ import app as sandbox_app
from sandbox.bedrock.faults import FAULTS
from tasks.base.advice import ADVICE
from tasks.base.setting_names import ENV_PREFIX
from tasks.base.settings import Settings, Thresholds

README = (ROOT / "README.md").read_text(encoding="utf-8")
#: Written by hand, at least in part; docs/tables.md and docs/athena have tests of their own.
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("infra/**/*.md")])
}
ROOMS = sorted(path.parent.name for path in ROOT.glob("tasks/*/__init__.py"))
COMMANDS = {
    package: {str(info.name or info.callback.__name__) for info in typer.registered_commands if info.callback}
    | {str(group.typer_instance.info.name) for group in typer.registered_groups if group.typer_instance}
    for package, typer in (("flows", app), ("sandbox", sandbox_app))
}


def anchors(text: str) -> set[str]:
    """What a link into a page may name: its headings, as GitHub spells them."""
    heads = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def links(page: str) -> Iterator[tuple[str, str]]:
    """The files that a page links to, from the checkout's root, and the place in each."""
    for target in re.findall(r"\]\(([^)\s]+)\)", PAGES[page]):
        if not target.startswith(("http://", "https://")):
            file, _, anchor = target.partition("#")
            path = (ROOT / page).parent / file if file else ROOT / page
            yield str(path.resolve().relative_to(ROOT)), anchor


@pytest.mark.parametrize(("file", "name", "make"), PARTS, ids=lambda value: value if isinstance(value, str) else "")
def test_what_is_made_from_code_is_current(file: str, name: str, make: object) -> None:
    """A table that is made from the code says what the code says."""
    assert callable(make)
    text = (ROOT / file).read_text(encoding="utf-8")
    assert text == with_part(text, name, make()), f"{name} in {file} is not current: run {COMMAND}"


def test_a_part_without_its_markers_is_refused() -> None:
    """A marker that is lost is an error, not a table that nobody holds."""
    with pytest.raises(ValueError, match="must stand there once"):
        with_part("# A page without markers\n", "stages", "| stage |")


def test_both_commands_are_on_the_first_screen() -> None:
    """What a newcomer types stands in the first twenty lines of the README, which is read in one go."""
    first = "\n".join(README.splitlines()[:20])
    assert "make night" in first
    assert "make test" in first
    assert len(README.splitlines()) <= 120


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_every_fault_is_listed(name: str) -> None:
    """Each fault of the sandbox stands in the table of its page."""
    assert f"| `{name}` |" in PAGES["docs/sandbox.md"]


@pytest.mark.parametrize("name", ADVICE)
def test_every_error_is_a_heading_of_the_runbook(name: str) -> None:
    """Each error that can end a run is found by its name."""
    assert f"\n### {name}\n" in PAGES["docs/runbook.md"]


@pytest.mark.parametrize("room", [*ROOMS, "alerts/words"])
def test_the_readme_shows_the_house(room: str) -> None:
    """Each room of `tasks` is named in the README, the words of the alerts among them."""
    assert room in README


@pytest.mark.parametrize("room", ROOMS)
def test_a_sign_names_the_stages_of_the_night(room: str) -> None:
    """A room's sign lists its stages in the order in which a night calls them, and what must never happen there."""
    sign = ast.get_docstring(ast.parse((ROOT / "tasks" / room / "__init__.py").read_text(encoding="utf-8"))) or ""
    listed = re.search(r"^Stages, in order: ([\w, ]+)\.$", sign, re.MULTILINE)
    stages = [stage.name for stage in night() if stage.module.startswith(f"tasks/{room}/")]
    assert (listed[1].split(", ") if listed else []) == stages
    assert "\nNever here: " in sign


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """A link within the project leads to a file that is there, and to a heading that it has."""
    for file, anchor in links(page):
        assert (ROOT / file).exists(), file
        assert not anchor or anchor in anchors(PAGES[file]), f"{file}#{anchor}"


@pytest.mark.parametrize("page", PAGES)
def test_named_files_exist(page: str) -> None:
    """A path that a page names is there, and so is the function that is named with it."""
    folders = "tasks|flows|data_contracts|tests|prompts|docs|sandbox|benchmarks|infra"
    for path, name in re.findall(rf"`((?:{folders})/[\w/.-]*[\w/])(?::(\w+))?`", PAGES[page]):
        assert (ROOT / path).exists() or re.search("ROOM|MODULE|/vN", path), path
        assert not name or re.search(rf"\b{name}\b", (ROOT / path).read_text(encoding="utf-8")), f"{path}:{name}"


@pytest.mark.parametrize("page", PAGES)
def test_named_settings_exist(page: str) -> None:
    """A setting that a page names is one."""
    known = {*Settings.model_fields, *(f"thresholds__{name}" for name in Thresholds.model_fields), "config"}
    known |= {f"tolerances__{name}" for name in Tolerances.model_fields}
    named = set(re.findall(rf"\b{ENV_PREFIX}([A-Z][A-Z_]*[A-Z])\b", PAGES[page])) - {"NAME", "SERVICE_HOST"}
    assert {name.lower() for name in named} <= known


@pytest.mark.parametrize("page", PAGES)
def test_named_commands_exist(page: str) -> None:
    """A command that a page tells people to type is one."""
    for package, command in re.findall(r"python -m (flows|sandbox) (\w+)", PAGES[page]):
        assert command in COMMANDS[package]


def test_code_points_at_documents_that_exist() -> None:
    """Nothing points at the documents by a name that they do not have."""
    for path in [*ROOT.glob("tasks/**/*.py"), *ROOT.glob("flows/**/*.py"), ROOT / "prefect.yaml"]:
        for named in re.findall(r"\bdocs/[\w/]+\.md\b", path.read_text(encoding="utf-8")):
            assert (ROOT / Path(named)).exists(), f"{path}: {named}"
