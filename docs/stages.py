"""The table of a night's stages, from the code: their order from `flows/night.py`, the rest from their docstrings."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tasks.base.advice import ADVICE

ROOT = Path(__file__).parents[1]
NIGHT = "flows/night.py"
#: What a stage's docstring says of it, in this order.
FACTS = ("Reads", "Writes", "Stops when")


class Stage(NamedTuple):
    """A stage as it stands in a night: its module, when it is called if not once in each night, its three facts."""

    name: str
    module: str
    when: str
    facts: tuple[str, ...]


def night() -> list[Stage]:
    """The stages in the order in which `flows/night.py` calls them, found in its source by `step(STAGE, ...)`."""
    tree = ast.parse((ROOT / NIGHT).read_text(encoding="utf-8"))
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    modules = {
        alias.name: f"{node.module.replace('.', '/')}.py"
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }

    def walk(node: ast.AST, when: str) -> Iterator[Stage]:
        for child in ast.iter_child_nodes(node):
            inner = _when(node, child) or when
            if isinstance(child, ast.Call) and isinstance(child.func, ast.Name):
                called = child.func.id
                if called == "step" and isinstance(child.args[0], ast.Name):
                    name = child.args[0].id
                    yield Stage(name, modules[name], inner, stage_facts(modules[name], name))
                elif called in functions:
                    yield from walk(functions[called], inner)
            yield from walk(child, inner)

    return list(walk(functions["judge_day"], ""))


def _when(node: ast.AST, child: ast.AST) -> str:
    """When a part of the night is played, if not always."""
    if isinstance(child, ast.While):
        return "each round"
    if isinstance(child, ast.ExceptHandler):
        return "of a night that stopped"
    if isinstance(node, ast.If) and child in node.body:
        test = re.sub(r"settings\.(\w+)", lambda found: f"MODERATION_{found[1].upper()}", ast.unparse(node.test))
        return f"if {test.replace('options.', '').replace('(not is_backfill)', 'not is_backfill')}"
    return ""


def stage_facts(module: str, name: str) -> tuple[str, ...]:
    """What a stage reads, writes and stops on, from the lines of its docstring that say so.

    Raises:
        ValueError: if one of them is not there.
    """
    tree = ast.parse((ROOT / module).read_text(encoding="utf-8"))
    doc = next(ast.get_docstring(node) for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name)
    matches = [re.search(rf"^{fact}: (.+(?:\n +.+)*)", doc or "", re.MULTILINE) for fact in FACTS]
    if not all(matches):
        raise ValueError(f"the docstring of {name} in {module} lacks one of the lines {', '.join(FACTS)}")
    return tuple(" ".join(match[1].split()).removesuffix(".") for match in matches if match)


def stages_for_people() -> str:
    """The table of stages in Markdown, each error with its place in the runbook."""
    rows = [
        (f"[{stage.name}](../{stage.module})" + (f" ({stage.when})" if stage.when else ""), *stage.facts)
        for stage in night()
    ]
    links = {name: f"[{name}](runbook.md#{name.lower()})" for name in ADVICE}
    return table(["stage", *map(str.lower, FACTS)], [[_replace(cell, links) for cell in row] for row in rows])


def stages_for_code() -> str:
    """The same as plain text for a docstring, in lines of at most 120 characters."""
    widths = (21, 28, 33, 28)
    heads = ("stage", *map(str.lower, FACTS))
    lines = [_aligned(heads, widths), _aligned(["-" * width for width in widths], widths)]
    for stage in night():
        name = f"{stage.name} ({stage.when})" if stage.when else stage.name
        cells = [
            textwrap.wrap(cell, width, break_long_words=False, break_on_hyphens=False)
            for cell, width in zip((name, *stage.facts), widths, strict=True)
        ]
        for number in range(max(map(len, cells))):
            lines.append(_aligned([cell[number] if number < len(cell) else "" for cell in cells], widths))
    return "\n".join(lines)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [heads, ["---"] * len(heads), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |".replace("|  |", "| |") for line in lines)


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    return " | ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip()


def _replace(text: str, links: dict[str, str]) -> str:
    return re.sub(r"\b\w+\b", lambda word: links.get(word[0], word[0]), text)
