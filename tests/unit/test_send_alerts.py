"""Each channel is told once, whatever the others do, and a failing one never fails the night."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from data_contracts.metrics import METRICS
from tasks import adapters
from tasks.adapters import Adapters
from tasks.deliver_alerts import PAUSES_S, AlertState, deliver, load_state, save_state
from tasks.errors import SettingsInvalid, StorageUnavailable
from tasks.paths import DayPaths
from tasks.ports import AlertMessage, AlertUndelivered
from tasks.send_alerts import AlertSummary, alert_stopped_night, find_examples, send_alerts, showing
from tasks.settings import Settings
from tests.factories import local_adapters
from tests.nights import DAY, NOW, publish_verdicts, settings_in, verdict, verdicts_frame

MESSAGE = AlertMessage(title="t", body="b", is_failure=False)


class FakeChannel:
    """A channel that fails its first sends, and keeps what it was given."""

    def __init__(self, name: str, failures: int = 0, error: Exception | None = None) -> None:
        self.name, self.failures, self.tries, self.sent = name, failures, 0, list[AlertMessage]()
        self.error = error or AlertUndelivered(f"{name}: no")

    def send(self, message: AlertMessage) -> None:
        """Fail or keep."""
        self.tries += 1
        if self.tries <= self.failures:
            raise self.error
        self.sent.append(message)


class Night:
    """A published day with channels; `send` and `stop` run the stage."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, *channels: FakeChannel) -> None:
        self.settings, self.channels, self.paused = settings_in(folder), list(channels), list[float]()
        monkeypatch.setattr(adapters, "connect", self.connect)
        self.run_id = "run-1"

    def connect(self, _: Settings) -> Adapters:
        """Local storage and lake, and the fake channels."""
        local = local_adapters()
        return Adapters(local.storage, local.lake, local.bedrock, tuple(self.channels))

    def measure(self, *degraded: tuple[str, str], later: int = 0) -> None:
        """Append these degraded measurements, and one that is not."""
        base: dict[str, Any] = dict.fromkeys(METRICS.names) | {
            "date": DAY, "kind": "rate", "n": 9, "value": 0.5, "ci_low": 0.2, "ci_high": 0.8, "state": "degraded",
            "since": DAY, "method": "m", "measured_at": NOW + timedelta(later), "verdicts_run_id": "r", "run_id": "r",
            "effect": 0.3,
        }  # fmt: skip
        rows = [base | {"metric": metric, "slice": part} for metric, part in degraded]
        rows.append(base | {"metric": "duplicate_rate", "slice": "all", "state": "ok"})
        lake = self.connect(self.settings).lake
        lake.append(
            DayPaths(self.settings, DAY).lake("metrics"), METRICS, pl.DataFrame(rows, METRICS.polars_schema), {}
        )

    def send(self) -> AlertSummary:
        """The stage."""
        return send_alerts.fn(self.settings, DAY, self.run_id, NOW, self.paused.append)

    def stop(self, reason: str = "too dear", hours: float = 0) -> AlertSummary:
        """The alert of a stopped night."""
        now = NOW + timedelta(hours=hours)
        return alert_stopped_night.fn(self.settings, DAY, "run-1", "OverBudget", reason, now, self.paused.append)


def test_nothing_degraded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A good night sends nothing."""
    channel = FakeChannel("a")
    night = Night(tmp_path, monkeypatch, channel)
    night.measure()
    assert night.send() == AlertSummary()
    assert channel.sent == []


def test_one_alert_a_night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that is degraded goes in one alert, with at most five ids that show it, and never a text."""
    channel = FakeChannel("a")
    night = Night(tmp_path, monkeypatch, channel)
    night.measure(("refused_rate", "all"), ("language_share", "language=ja"))
    publish_verdicts(night.settings, DAY, verdicts_frame([verdict(f"c{n}", status="refused") for n in range(9)]))
    summary = night.send()
    assert (summary.degraded_count, summary.delivered, len(channel.sent)) == (2, ("a",), 1)
    assert "for example comments c0, c1, c2, c3, c4\n" in channel.sent[0].body
    assert summary.titles == (f"nightly {DAY}: 2 measures degraded (inputs, pipeline)",)


def test_rerun_tells_only_news(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rerun sends nothing twice; when another measure is degraded, the channel hears of it."""
    channel = FakeChannel("a")
    night = Night(tmp_path, monkeypatch, channel)
    night.measure(("accuracy", "all"))
    night.send()
    night.run_id = "run-2"
    again = night.send()
    assert (again.known, again.delivered, len(channel.sent)) == (("a",), (), 1)
    night.measure(("volume", "all"), later=1)
    assert night.send().delivered == ("a",)
    night.channels.append(FakeChannel("b"))
    assert night.send().delivered == ("b",)


def test_failing_channel_holds_up_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A channel that fails is tried again after each pause and reported; the others get the alert, once."""
    bad, late, good = FakeChannel("bad", 99), FakeChannel("late", 2), FakeChannel("good")
    night = Night(tmp_path, monkeypatch, bad, late, good)
    night.measure(("accuracy", "all"))
    summary = night.send()
    assert (summary.delivered, summary.failed, bad.tries) == (("late", "good"), ("bad: no",), 3)
    assert night.paused == [*PAUSES_S, *PAUSES_S]
    bad.failures = 0
    again = night.send()
    assert (again.delivered, again.known, len(good.sent)) == (("bad",), ("late", "good"), 1)


def test_no_channel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a channel the summary says so."""
    night = Night(tmp_path, monkeypatch)
    night.measure(("accuracy", "all"))
    summary = night.send()
    assert (summary.degraded_count, summary.delivered, summary.failed) == (1, (), ())
    assert "MODERATION_ALERT_URLS" in summary.note


def test_stopped_night_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same stop is told once, another reason at once, and the same again after 20 hours."""
    channel = FakeChannel("a")
    night = Night(tmp_path, monkeypatch, channel)
    told = [bool(night.stop(reason, hours).delivered) for reason, hours in
            (("x", 0), ("x", 1), ("y", 2), ("y", 21.9), ("y", 22))]  # fmt: skip
    assert told == [True, False, True, False, True]
    assert channel.sent[0].is_failure


def test_stop_without_storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stopped night is told even when the record of alerts can be neither read nor written."""
    channel = FakeChannel("a")
    night = Night(tmp_path, monkeypatch, channel)

    class Broken:
        def get(self, _: str) -> bytes:
            raise StorageUnavailable("down")

        def put(self, *_: object) -> None:
            raise StorageUnavailable("down")

    local = night.connect(night.settings)
    broken: Any = Broken()
    monkeypatch.setattr(adapters, "connect", lambda _: Adapters(broken, local.lake, local.bedrock, (channel,)))
    assert night.stop().delivered == ("a",)


def test_stop_without_region(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An alert that cannot even be addressed never hides what stopped the night."""
    night = Night(tmp_path, monkeypatch)

    def no_region(_: Settings) -> Adapters:
        raise SettingsInvalid("AWS_REGION is not set")

    monkeypatch.setattr(adapters, "connect", no_region)
    assert night.stop().note == "nobody was told: AWS_REGION is not set"


def test_unexpected_error_hides_its_text() -> None:
    """A channel's unexpected error is named by its type only: its text may hold the URL's secret."""
    channel = FakeChannel("json (alert URL 1)", 9, TypeError("json://user:secret@host"))
    found = deliver(MESSAGE, [channel], lambda _: False, lambda _: None, lambda _: None)
    assert found.failed == ("json (alert URL 1): TypeError",)


def test_unreadable_state_is_no_state(tmp_path: Path) -> None:
    """A record that cannot be read counts as none: an alert twice is better than none."""
    storage, uri = local_adapters().storage, str(tmp_path / "state.json")
    assert load_state(storage, uri) == AlertState()
    storage.put(uri, b"{not json")
    assert load_state(storage, uri) == AlertState()
    state = AlertState().with_degraded("a", ["x all"]).with_stop("b", "k", NOW)
    save_state(storage, uri, state)
    assert load_state(storage, uri) == state


@pytest.mark.parametrize(
    ("metric", "part", "effect", "expected"),
    [
        ("malformed_rate", "all", None, ["m"]),
        ("violation_rate", "all", 0.1, ["j", "v"]),
        ("violation_rate", "all", -0.1, []),
        ("violation_rate", "language=ja", 0.1, ["j"]),
        ("violation_category_share", "category=spam", 0.1, ["v"]),
        ("language_share", "language=ja", 0.1, ["j"]),
        ("product_share", "product=p7", 0.1, ["m"]),
        ("product_share", "product=other", 0.1, []),
        ("volume", "all", 9.0, []),
    ],
)
def test_examples(metric: str, part: str, effect: float | None, expected: list[str]) -> None:
    """Ids are shown where single comments explain something, and only for what grew."""
    rows = [
        verdict("v", violation=True, category="spam"),
        verdict("j", violation=True, category="hate", language="ja"),
        verdict("m", status="malformed", violation=None, category=None, product_id="p7"),
    ]
    found = find_examples([{"metric": metric, "slice": part, "effect": effect}], verdicts_frame(rows).lazy())
    assert list(found[0].comment_ids) == expected
    assert (showing(found[0].row) is None) == (expected == [])


def test_dates_keep_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was told about one day says nothing about another."""
    channel = FakeChannel("a")
    night = Night(tmp_path, monkeypatch, channel)
    night.stop()
    alert_stopped_night.fn(night.settings, date(2026, 11, 20), "r", "OverBudget", "too dear", NOW, night.paused.append)
    assert len(channel.sent) == 2
