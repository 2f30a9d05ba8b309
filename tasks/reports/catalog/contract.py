"""What was promised with a release, as data; and what a change of the tables breaks for whom.

A published column may come in, nullable; it may not go, change its type, its unit or its name, or become nullable. An
input is promised the other way round: it may ask for less than before, never for more.
"""

from __future__ import annotations

from typing import Any

from data_contracts.tables.table import Column, Table
from tasks.reports.catalog.publications import INPUTS, PUBLISHED, sql_type

Contract = dict[str, Any]

ADVICE = (
    "A promise to readers is broken. If it must be: say it under 'Breaking' in CHANGELOG.md, raise the version in "
    "pyproject.toml, give the column another name beside the old one where that is possible, and write the new "
    "contract: python -m flows catalog --contract tests/contracts/vVERSION.json"
)


def today(version: str) -> Contract:
    """The contract as the code has it."""
    return {
        "version": version,
        "published": {
            item.table.name: _table(item.table) | {"way": item.way, "has_plain": item.has_plain} for item in PUBLISHED
        },
        "inputs": {table.name: _table(table) for table in INPUTS},
    }


def broken_promises(released: Contract, now: Contract) -> list[str]:
    """What readers of the released tables, and writers of the released inputs, cannot rely on any more."""
    lines: list[str] = []
    for name, before in released["published"].items():
        after = now["published"].get(name)
        if after is None:
            lines.append(f"table {name} is gone")
        else:
            lines += _published(name, before, after)
    for name, before in released["inputs"].items():
        after = now["inputs"].get(name)
        lines += [] if after is None else _input(name, before, after)
    return lines


def undated_columns(released: Contract, now: Contract) -> list[str]:
    """New columns that claim a version that was released without them; one line each."""
    return [
        f"{name}.{column} is newer than {released['version']}: give it since=... of the version that first writes it"
        for name, table in now["published"].items()
        for column, about in table["columns"].items()
        if column not in released["published"].get(name, {"columns": {}})["columns"]
        and _number(about["since"]) <= _number(released["version"])
    ]


def _published(name: str, before: Contract, after: Contract) -> list[str]:
    lines = [
        f"{name}: {what} was {before[what]}, is {after[what]}" for what in ("key", "way") if before[what] != after[what]
    ]
    if before["has_plain"] and not after["has_plain"]:
        lines.append(f"{name}: its plain objects are gone")
    for column, old in before["columns"].items():
        new = after["columns"].get(column)
        if new is None:
            lines.append(f"{name}.{column} is gone, or has another name")
            continue
        lines += _retyped(f"{name}.{column}", old, new)
        if new["nullable"] and not old["nullable"]:
            lines.append(f"{name}.{column} was never null and may be now")
    for column, new in after["columns"].items():
        if column not in before["columns"] and not new["nullable"]:
            lines.append(f"{name}.{column} is new and not nullable: earlier days lack it")
    return lines


def _input(name: str, before: Contract, after: Contract) -> list[str]:
    lines = []
    for column, new in after["columns"].items():
        old = before["columns"].get(column)
        if old is None:
            if not new["nullable"]:
                lines.append(f"{name}.{column} is newly required of what comes in")
            continue
        lines += _retyped(f"{name}.{column}", old, new)
        if old["nullable"] and not new["nullable"]:
            lines.append(f"{name}.{column} might come as null and may not now")
    return lines


def _retyped(name: str, old: Contract, new: Contract) -> list[str]:
    return [f"{name}: {what} was {old[what]}, is {new[what]}" for what in ("type", "unit") if old[what] != new[what]]


def _table(table: Table) -> Contract:
    return {"key": list(table.key), "columns": {column.name: _column(column) for column in table}}


def _column(column: Column) -> Contract:
    return {
        "type": sql_type(column.dtype),
        "nullable": column.nullable,
        "unit": column.unit,
        "since": column.since,
    }


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
