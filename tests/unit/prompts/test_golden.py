"""Golden packs: what the shipped one holds, and what a broken one is told."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

import prompts
from prompts import PromptFileError
from prompts.golden import GoldenPack, pack_of, read_pack
from tasks.base.errors import SettingsInvalid
from tasks.llm.golden import load_planned, planned_pack
from tests import factories

ITEM = {
    "item_id": "a-1",
    "text": "Buy at http://a.example.com",
    "language": "en",
    "violation": True,
    "category": "spam",
    "is_attack": False,
}


def shipped() -> GoldenPack:
    """The pack of the shipped prompt."""
    path = pack_of("comment_review")
    assert path is not None
    return read_pack(path, prompts.load("comment_review", "v1").categories)


def write(folder: Path, *items: object) -> Path:
    """A pack with these lines."""
    path = folder / "pack.jsonl"
    path.write_text("".join(f"{item if isinstance(item, str) else json.dumps(item)}\n" for item in items))
    return path


def test_the_shipped_pack_covers_the_guideline() -> None:
    """150 items at least; of each category violations and near misses in both languages."""
    items = shipped().items
    assert len(items) >= 150
    honest = Counter((item.category, item.language) for item in items if not item.is_attack)
    near = Counter((item.item_id.split("-")[1], item.language) for item in items if item.item_id.startswith("near-"))
    for category in prompts.load("comment_review", "v1").categories:
        for language in ("ja", "en"):
            assert honest[category, language] >= 3
            assert category == "none" or near[category, language] >= 2


def test_the_shipped_pack_attacks_in_a_dozen_ways() -> None:
    """50 attacks at least, of twelve kinds, in both languages, for both wrong verdicts."""
    attacks = [item for item in shipped().items if item.is_attack]
    assert len(attacks) >= 50
    assert len({item.item_id.rsplit("-", 1)[0] for item in attacks}) >= 12
    assert {item.language for item in attacks} == {"ja", "en"}
    assert {item.violation for item in attacks} == {True, False}


def test_the_hash_is_of_what_the_items_say(tmp_path: Path) -> None:
    """The order of keys and empty lines are free; a text is not."""
    before = read_pack(write(tmp_path, ITEM)).sha256
    assert read_pack(write(tmp_path, dict(reversed(ITEM.items())), "")).sha256 == before
    assert read_pack(write(tmp_path, ITEM | {"text": "Buy here"})).sha256 != before


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        pytest.param([], "needs at least one item", id="empty"),
        pytest.param(["{"], "line 1: the line: Invalid JSON", id="no-json"),
        pytest.param([ITEM, ITEM | {"text": "other"}], "line 2: its item_id is that of line 1", id="same-id"),
        pytest.param([ITEM, ITEM | {"item_id": "b"}], "line 2: its text is that of line 1", id="same-text"),
        pytest.param([ITEM | {"category": "rudeness"}], "line 1: the prompt has no category 'rudeness'", id="category"),
        pytest.param([ITEM | {"violation": False}], "line 1: violation is true exactly when", id="at-odds"),
        pytest.param([ITEM | {"violation": "true"}], "line 1: violation: ", id="text-for-a-flag"),
        pytest.param([ITEM | {"item_id": "A 1"}], "line 1: item_id: ", id="id"),
        pytest.param([ITEM | {"note": "?"}], "line 1: note: ", id="unknown-key"),
        pytest.param([{key: ITEM[key] for key in ITEM if key != "is_attack"}], "line 1: is_attack: ", id="missing-key"),
        pytest.param(['{"text": "\\ud800"}'], "line 1: ", id="half-a-character"),
    ],
)
def test_a_broken_pack_is_told_by_line(tmp_path: Path, lines: list[object], told: str) -> None:
    """File, line and what is wrong; never the text."""
    with pytest.raises(PromptFileError) as error:
        read_pack(write(tmp_path, *lines), ("spam", "none"))
    assert told in str(error.value)
    assert str(tmp_path / "pack.jsonl") in str(error.value)


def test_a_pack_in_another_encoding_is_told(tmp_path: Path) -> None:
    """A pack is UTF-8."""
    (tmp_path / "pack.jsonl").write_bytes("商品".encode("shift_jis"))
    with pytest.raises(PromptFileError, match=r"pack\.jsonl: .*utf-8"):
        read_pack(tmp_path / "pack.jsonl")


def test_the_settings_choose_the_pack(tmp_path: Path) -> None:
    """The prompt's own, another file, or none; a prompt without a pack goes without."""
    prompt = prompts.load("comment_review", "v1")
    own = planned_pack(factories.settings(golden_pack="prompt"), prompt)
    assert own is not None
    assert own.sha256 == shipped().sha256
    other = planned_pack(factories.settings(golden_pack=str(write(tmp_path, ITEM))), prompt)
    assert other is not None
    assert other.item_count == 1
    assert planned_pack(factories.settings(golden_pack="none"), prompt) is None
    assert planned_pack(factories.settings(golden_pack="prompt"), factories.prompt()) is None


def test_a_pack_that_is_not_there_is_a_wrong_setting() -> None:
    """The error names the setting."""
    with pytest.raises(SettingsInvalid, match=r"MODERATION_GOLDEN_PACK.*must be a file"):
        factories.settings(golden_pack="nowhere.jsonl")


def test_a_pack_that_does_not_fit_the_prompt_is_a_wrong_setting(tmp_path: Path) -> None:
    """The error names the setting, the file and the line."""
    path = write(tmp_path, ITEM | {"category": "fraud"})
    with pytest.raises(SettingsInvalid, match=r"MODERATION_GOLDEN_PACK: .*pack\.jsonl, line 1: the prompt has no"):
        planned_pack(factories.settings(golden_pack=str(path)), factories.prompt())


def test_a_pack_that_changes_during_a_night_stops_it(tmp_path: Path) -> None:
    """What was asked and what is expected must be of one pack."""
    prompt = prompts.load("comment_review", "v1")
    planned = planned_pack(factories.settings(golden_pack=str(write(tmp_path, ITEM))), prompt)
    plan = factories.plan(golden=planned)
    pack = load_planned(plan, prompt)
    assert pack is not None
    assert pack.items[0].item_id == "a-1"
    write(tmp_path, ITEM | {"text": "other"})
    with pytest.raises(SettingsInvalid, match="was changed while the night ran"):
        load_planned(plan, prompt)
