"""The commands about alerts: exit codes, what is printed, and that nobody needs Prefect for them."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows import command_line
from flows.__main__ import app
from tasks.base.settings import Settings


@pytest.fixture(autouse=True)
def _deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "ap-northeast-1")
    monkeypatch.setenv("MODERATION_ROLE_ARN", "arn:aws:iam::123456789012:role/AmazonBedrockTest")
    for name in ("COMMENTS", "LABELS", "OUTPUT", "BATCH"):
        monkeypatch.setenv(f"MODERATION_{name}_URI", str(tmp_path / name))
    monkeypatch.setattr(command_line, "last_words", [])


def test_snooze_status_unsnooze() -> None:
    """What a person asks for is said back, is seen by whoever looks, and can be taken back."""
    until = datetime.now(Settings.load().zone).date() + timedelta(days=5)
    runner = CliRunner()
    asked = runner.invoke(app, ["alerts", "snooze", "outputs", "--until", str(until), "--reason", "a test"])
    assert asked.exit_code == 0
    assert asked.stdout.startswith(f"outputs: silent until {until}")
    status = runner.invoke(app, ["alerts", "status"]).stdout.splitlines()
    assert [line.split()[0] for line in status] == ["quality", "outputs", "inputs", "pipeline", "money"]
    assert status[1] == f"outputs   quiet; silent until {until} (a test)"
    assert "sent again" in runner.invoke(app, ["alerts", "unsnooze", "outputs"]).stdout
    assert "was not snoozed" in runner.invoke(app, ["alerts", "unsnooze", "outputs"]).stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["snooze", "outputs", "--until", "2020-01-01"], "give one of the next 92 days"),
        (["snooze", "all", "--until", "2999-01-01"], "all is no group of alerts"),
        (["unsnooze", "qualtiy"], "qualtiy is no group of alerts"),
    ],
)
def test_a_wrong_call_is_exit_2(arguments: list[str], said: str) -> None:
    """The last line says what is wrong with it."""
    found = CliRunner().invoke(app, ["alerts", *arguments])
    assert found.exit_code == 2
    assert said in command_line.last_words[-1]
