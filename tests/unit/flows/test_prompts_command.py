"""`python -m flows prompts`, `erase` and `restore`, called in this process without AWS."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import prompts
from flows.__main__ import app
from flows.command_line import last_words
from prompts import freeze
from tasks import adapters
from tasks.adapters.lake import Lake
from tasks.base.settings import Settings
from tests import factories


class Call:
    """A call of the command line: exit code, what was printed, and the last line for stderr."""

    def __init__(self, *arguments: str) -> None:
        last_words.clear()
        done = CliRunner().invoke(app, arguments)
        self.exit_code, self.output = done.exit_code, done.output
        self.last = last_words[-1] if last_words else ""
        last_words.clear()


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings in the environment, whose roots are folders."""
    for name in ("comments", "labels", "output", "batch"):
        monkeypatch.setenv(f"MODERATION_{name.upper()}_URI", str(tmp_path / name))
    monkeypatch.setenv("MODERATION_ROLE_ARN", factories.ROLE_ARN)
    outside = factories.local_adapters()
    monkeypatch.setattr(adapters, "connect", lambda _: outside)


def test_the_catalog_is_listed_without_settings() -> None:
    """Exit 0: every version is there, and the uses are unknown for a reason."""
    call = Call("prompts")
    assert call.exit_code == 0, call.output
    for name, version in prompts.versions():
        assert f"{name}/{version}" in call.output
        assert prompts.load(name, version).sha256 in call.output
    assert "is unknown: MODERATION_COMMENTS_URI is not set" in call.output


@pytest.mark.usefixtures("settings")
def test_the_catalog_is_listed_with_its_uses() -> None:
    """Before the first night no version was used."""
    call = Call("prompts")
    assert call.exit_code == 0, call.output
    assert "used         never" in call.output


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        pytest.param("PROMPT_VERSION", "v999", "there is no prompt comment_review/v999; the catalog has", id="absent"),
        pytest.param("PROMPT_VERSION", "2", "MODERATION_PROMPT_VERSION: ", id="no-version"),
        pytest.param("PROMPT", "other", "there is no prompt other/v1; the catalog has", id="no-such-prompt"),
        pytest.param("PROMPT_VERSON", "v1", "the nearest is MODERATION_PROMPT_VERSION", id="misspelt"),
    ],
)
@pytest.mark.parametrize("arguments", [(), ("--diff", "v1", "v1")], ids=["list", "diff"])
@pytest.mark.parametrize("is_set_up", [True, False])
def test_a_wrong_prompt_is_exit_2(
    name: str,
    value: str,
    said: str,
    arguments: tuple[str, ...],
    is_set_up: bool,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A list that called an absent version active would mislead, whether or not the other settings are there."""
    if is_set_up:
        request.getfixturevalue("settings")
    monkeypatch.setenv(f"MODERATION_{name}", value)
    call = Call("prompts", *arguments)
    assert (call.exit_code, call.output) == (2, "")
    assert call.last.startswith("prompts: ")
    assert said in call.last


def test_the_list_goes_by_the_settings_that_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without roots the model that is set is priced nevertheless."""
    monkeypatch.setenv("MODERATION_MODEL_ID", "amazon.nova-lite-v1:0")
    assert "Cost: amazon.nova-lite-v1:0, batch price" in Call("prompts").output


def test_two_versions_are_compared() -> None:
    """The same version twice has no difference; a version that is not there is wrong usage, named last."""
    assert Call("prompts", "--diff", "v1", "v1").output == "v1 and v1 are the same\n"
    call = Call("prompts", "--diff", "v1", "v999")
    assert call.exit_code == 2
    assert call.last.startswith("prompts: there is no prompt comment_review/v999; the catalog has ")


def test_freezing_tells_what_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing new is told as such; a frozen version that changed is exit 2."""
    monkeypatch.setattr(freeze, "freeze", dict)
    assert Call("prompts", "--freeze").output == "nothing is new\n"
    monkeypatch.setattr(freeze, "freeze", lambda: {"tiny/v2": "abc"})
    assert Call("prompts", "--freeze").output == "frozen: tiny/v2 abc\n"

    def refuse() -> dict[str, str]:
        raise prompts.PromptFileError("tiny/v1 is frozen")

    monkeypatch.setattr(freeze, "freeze", refuse)
    call = Call("prompts", "--freeze")
    assert (call.exit_code, call.last) == (2, "prompts: tiny/v1 is frozen")


@pytest.mark.usefixtures("settings")
def test_erasing_an_unknown_comment_exits_1() -> None:
    """The line says that nothing knows it, and the last one that nothing was done."""
    call = Call("erase", "--comment-id", "nobody", "--date", "2026-11-19", "--yes")
    assert call.exit_code == 1
    assert "nothing holds comment 'nobody'" in call.output
    assert call.last == "erase nobody: not done, or not proven: see above"


@pytest.mark.usefixtures("settings")
def test_erasing_exits_0_when_it_is_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    """The day, the time and --yes arrive; what is told is printed."""
    from tasks.past_days.erasure import erase_comment

    asked: list[object] = []

    def erase(_: object, *arguments: object) -> erase_comment.Erasure:
        asked.extend(arguments)
        return erase_comment.Erasure(("0 hits",), True)

    monkeypatch.setattr(erase_comment, "erase_comment", erase)
    call = Call("erase", "--comment-id", "c1", "--date", "2026-11-19", "--yes")
    assert (call.exit_code, call.output, call.last) == (0, "0 hits\n", "")
    comment_id, day, now, is_sure = asked
    assert (comment_id, day, is_sure) == ("c1", date(2026, 11, 19), True)
    assert getattr(now, "tzinfo", None) is UTC


def test_erasing_without_settings_exits_2() -> None:
    """Wrong settings are named, as for every command."""
    call = Call("erase", "--comment-id", "c1")
    assert call.exit_code == 2
    assert "MODERATION_OUTPUT_URI" in call.last


class Refusing:
    """A lake of a store that refuses to be read, in S3's own words."""

    def __getattr__(self, name: str) -> Any:
        def refuse(*_: object) -> None:
            plan = "".join(f"\t[{number}] a step of the query\n" for number in range(200))
            answer = "<?xml version='1.0'?><Error><Code>AccessDenied</Code><HostId>SECRET</HostId></Error>"
            raise OSError(f"object-store error: not privileged\n{plan}{answer}")

        return refuse


@pytest.mark.usefixtures("settings")
@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("erase", "--comment-id", "c1"), id="erase"),
        pytest.param(("restore", "--date", "2026-11-19"), id="restore-lists"),
        pytest.param(("restore", "--date", "2026-11-19", "--version", "1", "--reason", "r"), id="restore"),
        pytest.param(("prompts",), id="prompts"),
    ],
)
def test_a_store_that_refuses_is_told_in_few_words(arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """As by the nightly: what failed and S3's code, not its whole answer."""
    refusing = replace(adapters.connect(Settings.load()), lake=cast("Lake", Refusing()))
    monkeypatch.setattr(adapters, "connect", lambda _: refusing)
    call = Call(*arguments)
    told = call.output if arguments == ("prompts",) else call.last
    (line,) = (line for line in told.splitlines() if "object-store error: not privileged" in line)
    assert line.endswith(": AccessDenied")
    assert len(line) < 200
    assert "SECRET" not in told
    assert call.exit_code == (0 if arguments == ("prompts",) else 1)


@pytest.mark.usefixtures("settings")
def test_erasing_finds_a_comment_among_strings_that_are_no_utf8() -> None:
    """The file is named that still holds it, and its own text, as a night mends it, is searched for."""
    settings, outside = Settings.load(), adapters.connect(Settings.load())
    ids, texts = pa.array(["c1", "c2"]), pa.array([b"a very long text \xff of mine", b"\xed\xa0\x80"])
    rows = pa.table({"comment_id": ids, "text": pa.Array.from_buffers(pa.string(), 2, texts.buffers())})
    body = BytesIO()
    pq.write_table(rows, body)
    uri = f"{settings.comments_uri}/date=2026-11-19/part-0.parquet"
    outside.storage.put(uri, body.getvalue())
    outside.storage.put(f"{settings.output_uri}/notes.txt", "a very long text \ufffd of mine".encode())
    call = Call("erase", "--comment-id", "c1", "--date", "2026-11-19")
    assert call.exit_code == 0, call.last
    assert f"  {uri}" in call.output
    assert "notes.txt: 1, unknown how" in call.output
    assert "not searched for" not in call.output
