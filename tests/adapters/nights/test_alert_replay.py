"""Thirty nights with an incident: every message that they send, in both languages, as the golden files have them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.alert_replay import BACK, FALL, SALE, SNOOZED, STOPPED, WAVE, Replay, replay, show

GOLDEN = Path(__file__).parents[2] / "golden"
#: `WRITE_GOLDEN=1` writes them anew; read them before you commit them.
WRITES = bool(os.environ.get("WRITE_GOLDEN"))


@pytest.fixture(scope="module", params=["en", "ja"])
def played(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Replay, str]:
    """The nights in one language, and their messages as text."""
    root = tmp_path_factory.mktemp("replay")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_REGION", "ap-northeast-1")
        found = replay(root, request.param)
    return request.param, found, "\n".join(show(found)).replace(str(root), "s3://bucket") + "\n"


def test_every_message_is_as_it_was_read(played: tuple[str, Replay, str]) -> None:
    """The messages are those that somebody has read, word by word."""
    language, _, text = played
    file = GOLDEN / f"alert_replay{'' if language == 'en' else f'.{language}'}.txt"
    if WRITES:
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


def test_few_messages_tell_it_all(played: tuple[str, Replay, str]) -> None:
    """Each group opens once, is reminded of weekly and ends once; the sale that was announced rings nowhere."""
    _, found, _ = played
    told = [(item.night, item.message.ascii_title.partition(" [")[2].partition(":")[0]) for item in found.sent]
    assert told == [
        (STOPPED, "page] pipeline"),
        (STOPPED, "ok] pipeline"),
        (FALL, "ticket] quality"),
        (FALL, "ticket] outputs"),
        (FALL + 1, "page] quality, was ticket"),
        (SNOOZED + 4, "ticket] outputs, day 6"),
        (FALL + 8, "page] quality, day 9"),
        (SNOOZED + 11, "ticket] outputs, day 13"),
        (BACK, "ok] quality"),
        (BACK + 1, "ok] outputs"),
        (WAVE, "report] inputs"),
    ]
    assert all("inputs report" not in found.open_after[night] for night in SALE)
    assert found.open_after[BACK + 1] == ()


def test_each_language_says_the_same(played: tuple[str, Replay, str]) -> None:
    """No sentence of the other language is in a message; what takes no other letters has the English title."""
    language, found, _ = played
    bodies = "\n".join(item.message.body for item in found.sent)
    assert ("緊急度" in bodies) is (language == "ja")
    assert ("Severity:" in bodies) is (language == "en")
    assert all(item.message.ascii_title.isascii() for item in found.sent)
