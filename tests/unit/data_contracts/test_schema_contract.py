"""What was promised with the last release still holds: readers' queries and upstream's exports go on working."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.base.errors import WrongUsage
from tasks.reports.catalog.contract import ADVICE, Contract, broken_promises, today, undated_columns
from tasks.reports.catalog.write_catalog import write_contract

CONTRACTS = Path(__file__).parents[2] / "contracts"
RELEASED = sorted(CONTRACTS.glob("v*.json"), key=lambda path: [int(part) for part in path.stem[1:].split(".")])
NOW = today("9.9.9")


def load(path: Path) -> Contract:
    contract: Contract = json.loads(path.read_text(encoding="utf-8"))
    return contract


def test_no_promise_of_the_last_release_is_broken() -> None:
    """Columns were added at most, nullable; none was removed, renamed, retyped, given another unit or made nullable."""
    broken = broken_promises(load(RELEASED[-1]), NOW)
    assert not broken, "\n".join([f"{RELEASED[-1].name}:", *broken, ADVICE])


def test_new_columns_say_since_when() -> None:
    """A column that the last release did not have names the version that first writes it."""
    assert undated_columns(load(RELEASED[-1]), NOW) == []


@pytest.mark.parametrize("path", RELEASED, ids=lambda path: path.stem)
def test_a_contract_is_of_its_version(path: Path) -> None:
    """The file's name is the version that it holds."""
    assert f"v{load(path)['version']}" == path.stem


def _verdicts(now: Contract) -> dict[str, Any]:
    columns: dict[str, Any] = now["published"]["verdicts"]["columns"]
    return columns


def _comments(now: Contract) -> dict[str, Any]:
    columns: dict[str, Any] = now["inputs"]["comments"]["columns"]
    return columns


NEW = {"type": "string", "nullable": True, "unit": None, "since": "9.9.9"}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda now: _verdicts(now).update(new=NEW), id="a nullable column more"),
        pytest.param(lambda now: _verdicts(now)["violation"].update(nullable=False), id="null no more"),
        pytest.param(lambda now: now["published"].update(more=now["published"]["verdicts"]), id="a table more"),
        pytest.param(lambda now: now["published"]["verdicts"].update(has_plain=True), id="a plain object more"),
        pytest.param(lambda now: _comments(now).update(new=NEW), id="an input column that may be null"),
        pytest.param(lambda now: _comments(now).pop("user_id"), id="an input column less"),
        pytest.param(lambda now: _comments(now)["text"].update(nullable=True), id="an input that may be null"),
    ],
)
def test_what_may_change(change: Callable[[Contract], object]) -> None:
    """Readers that name their columns, and an upstream that sends what it sent, notice none of these."""
    after = copy.deepcopy(NOW)
    change(after)
    assert broken_promises(NOW, after) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param(lambda now: _verdicts(now).pop("category"), "verdicts.category is gone", id="removed"),
        pytest.param(
            lambda now: _verdicts(now).update(kind=_verdicts(now).pop("category")), "has another name", id="renamed"
        ),
        pytest.param(
            lambda now: _verdicts(now)["attempt"].update(type="bigint"), "type was int, is bigint", id="retyped"
        ),
        pytest.param(
            lambda now: _verdicts(now)["cost_usd"].update(unit="JPY"), "unit was USD, is JPY", id="another unit"
        ),
        pytest.param(lambda now: _verdicts(now)["language"].update(nullable=True), "was never null", id="null now"),
        pytest.param(
            lambda now: _verdicts(now).update(new=NEW | {"nullable": False}), "new and not nullable", id="required"
        ),
        pytest.param(lambda now: now["published"].pop("metrics"), "table metrics is gone", id="no table"),
        pytest.param(
            lambda now: now["published"]["verdicts"].update(key=["comment_id", "attempt"]), "key was", id="another key"
        ),
        pytest.param(
            lambda now: now["published"]["metrics"].update(way="replaced"), "way was appended", id="another way"
        ),
        pytest.param(
            lambda now: now["published"]["verdicts"].update(has_plain=False), "plain objects are gone", id="not plain"
        ),
        pytest.param(
            lambda now: _comments(now).update(new=NEW | {"nullable": False}), "newly required", id="input required"
        ),
        pytest.param(lambda now: _comments(now)["rating"].update(nullable=False), "may not now", id="input never null"),
        pytest.param(lambda now: _comments(now)["rating"].update(type="string"), "type was", id="input retyped"),
    ],
)
def test_what_breaks_a_promise(change: Callable[[Contract], object], told: str) -> None:
    """Each breaking change is one line that names the column; the advice says what to do about it."""
    after = copy.deepcopy(NOW)
    change(after)
    (line,) = broken_promises(NOW, after)
    assert told in line
    assert "CHANGELOG.md" in ADVICE


def test_an_undated_column_is_told() -> None:
    """A new column that leaves `since` at an older version is found."""
    after = copy.deepcopy(NOW)
    _verdicts(after).update(new=NEW | {"since": "9.9.9"}, newer=NEW | {"since": "9.10.0"})
    (line,) = undated_columns(NOW, after)
    assert "verdicts.new is newer than 9.9.9" in line


def test_a_released_contract_is_written_once(tmp_path: Path) -> None:
    """The command writes today's schemas under a version, and never over what was released."""
    path = tmp_path / "v1.2.3.json"
    write_contract(path)
    assert load(path) == today("1.2.3")
    with pytest.raises(WrongUsage, match="does not change"):
        write_contract(path)
