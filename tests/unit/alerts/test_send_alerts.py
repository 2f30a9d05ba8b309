"""Each channel is told once, whatever the others do, and a failing one never fails the night."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tasks.alerts.incident_memory import AlertMemory
from tasks.alerts.incidents import News, Trouble

from data_contracts.tables.metrics import METRICS, Kind, MetricRow, State
from tasks import adapters
from tasks.adapters import Adapters
from tasks.alerts.delivery import PAUSES_S, deliver
from tasks.alerts.send_alerts import AlertSummary, alert_stopped_night, find_examples, send_alerts, showing
from tasks.base.errors import SettingsInvalid, StorageUnavailable
from tasks.base.paths import DayPaths
from tasks.base.ports import AlertMessage, AlertUndelivered, Severity
from tasks.base.settings import Settings
from tests.factories import local_adapters
from tests.fakes import FakeClock
from tests.measured_nights import DAY, NOW, publish_verdicts, settings_in, verdict, verdicts_frame

MESSAGE = AlertMessage(title="t", ascii_title="t", body="b", severity=Severity.REPORT)
ACCURACY = Trouble(metric="accuracy", severity=Severity.PAGE)


class FakeChannel:
    """A channel that fails its first sends, and keeps what it was given."""

    def __init__(
        self, name: str, failures: int = 0, error: Exception | None = None, wants: frozenset[Severity] | None = None
    ) -> None:
        self.name, self.failures, self.tries, self.sent = name, failures, 0, list[AlertMessage]()
        self.severities = frozenset(Severity) if wants is None else wants
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
        self.settings, self.channels, self.clock = settings_in(folder), list(channels), FakeClock()
        monkeypatch.setattr(adapters, "connect", self.connect)
        self.run_id = "run-1"

    def connect(self, _: Settings) -> Adapters:
        """Local storage and lake, and the fake channels."""
        local = local_adapters()
        return replace(local, alerts=tuple(self.channels), clock=self.clock)

    def measure(
        self,
        *degraded: tuple[str, str],
        later: int = 0,
        day: date = DAY,
        ok: tuple[str, ...] = (),
        volume: str = "report",
    ) -> None:
        """Append these degraded measurements, one that is not, and metrics that are ok."""
        base: dict[str, Any] = dict.fromkeys(METRICS.names) | {
            "date": day, "kind": "rate", "n": 9, "value": 0.5, "ci_low": 0.2, "ci_high": 0.8, "state": "degraded",
            "since": DAY, "method": "m", "measured_at": NOW + timedelta(later), "verdicts_run_id": "r", "run_id": "r",
            "effect": 0.3,
        }  # fmt: skip
        urgent = {"accuracy": "page", "language_share": "report", "volume": volume}
        rows = [
            base | {"metric": name, "slice": part, "severity": urgent.get(name, "ticket")} for name, part in degraded
        ]
        rows += [base | {"metric": metric, "slice": "all", "state": "ok"} for metric in ("duplicate_rate", *ok)]
        lake = self.connect(self.settings).lake
        lake.append(
            DayPaths(self.settings, DAY).lake("metrics"), METRICS, pl.DataFrame(rows, METRICS.polars_schema), {}
        )

    def send(self, day: date = DAY, **options: bool) -> AlertSummary:
        """The stage."""
        return send_alerts.fn(self.settings, day, self.run_id, NOW, **options)

    def stop(self, reason: str = "too dear", hours: float = 0) -> AlertSummary:
        """The alert of a stopped night."""
        now = NOW + timedelta(hours=hours)
        return alert_stopped_night.fn(self.settings, DAY, "run-1", "OverBudget", reason, now)


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
    assert night.clock.sleeps == [*PAUSES_S, *PAUSES_S]
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
    assert channel.sent[0].severity is Severity.PAGE


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
    found = deliver([channel], lambda _: MESSAGE, lambda _: None, FakeClock())
    assert found.failed == ("json (alert URL 1): TypeError",)


@pytest.mark.parametrize("body", [None, b"{not json", b'{"degraded": {"a": 1}, "open": 3}'])
def test_unreadable_record_is_no_record(tmp_path: Path, body: bytes | None) -> None:
    """A record that is not there or broken counts as none; what is noted reads back."""
    storage, paths = local_adapters().storage, DayPaths(settings_in(tmp_path), DAY)
    for uri in (paths.alert_state(), paths.incidents()):
        if body is not None:
            storage.put(uri, body)
    memory = AlertMemory(storage, paths)
    assert memory.find_news("a", {ACCURACY}, set()) is News.OPENING
    memory.note("a", News.OPENING, {ACCURACY})
    memory.note_stop("a", "k", NOW)
    again = AlertMemory(storage, paths)
    assert again.day == memory.day
    assert again.incident("a") == memory.incident("a") is not None
    assert again.find_news("a", {ACCURACY}, set()) is None


def test_incidents_that_cannot_be_read_are_not_overwritten(tmp_path: Path) -> None:
    """While the store fails to read, what other nights told is left alone; the alert goes out all the same."""
    storage, paths = local_adapters().storage, DayPaths(settings_in(tmp_path), DAY)
    AlertMemory(storage, paths).note("a", News.OPENING, {ACCURACY})
    before = storage.get(paths.incidents())

    class Deaf:
        def get(self, _: str) -> bytes:
            raise StorageUnavailable("down")

        def put(self, uri: str, body: bytes) -> None:
            storage.put(uri, body)

    deaf: Any = Deaf()
    memory = AlertMemory(deaf, paths)
    assert memory.find_news("a", {ACCURACY}, set()) is News.OPENING
    memory.note("a", News.OPENING, {ACCURACY})
    memory.look()
    assert storage.get(paths.incidents()) == before


def play_nights(night: Night, accuracy: str) -> list[tuple[int, str]]:
    """Play nights whose accuracy is `d`egraded, `o`k or `-` unknown, by the letters; which night sent what."""
    told = []
    for number, letter in enumerate(accuracy):
        day = DAY + timedelta(number)
        night.measure(*([("accuracy", "all")] if letter == "d" else []), day=day, ok=("accuracy",) * (letter == "o"))
        for _ in range(2):  # a rerun of the night tells nothing more
            summary = night.send(day)
            if summary.delivered:
                told.append((number, summary.titles[0].partition(": ")[2].partition(" (")[0].partition(",")[0]))
    return told


@pytest.mark.parametrize(
    ("accuracy", "expected"),
    [
        pytest.param("do", [(0, "1 measure degraded"), (1, "ok again")], id="one bad night"),
        pytest.param("ddddddo", [(0, "1 measure degraded"), (6, "ok again")], id="a bad week less a day"),
        pytest.param(
            "d" * 15 + "o",
            [(0, "1 measure degraded"), (7, "still degraded"), (14, "still degraded"), (15, "ok again")],
            id="a reminder every seven nights",
        ),
        pytest.param(
            "dodo",
            [(0, "1 measure degraded"), (1, "ok again"), (2, "1 measure degraded"), (3, "ok again")],
            id="two incidents",
        ),
        pytest.param("d--o", [(0, "1 measure degraded"), (3, "ok again")], id="a night without labels ends nothing"),
        pytest.param("oo", [], id="good nights"),
    ],
)
def test_an_unbroken_run_of_degraded_nights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, accuracy: str, expected: list[tuple[int, str]]
) -> None:
    """One opening alert, a reminder every seven nights, one recovery; a rerun of any night sends nothing twice."""
    night = Night(tmp_path, monkeypatch, FakeChannel("a"))
    assert play_nights(night, accuracy) == expected


def test_more_trouble_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While something is degraded, another metric is news on its first night, and the end waits for both."""
    channel = FakeChannel("a")
    night = Night(tmp_path, monkeypatch, channel)
    plays: list[tuple[list[tuple[str, str]], tuple[str, ...]]] = [
        ([("volume", "all")], ()),
        ([("volume", "all"), ("accuracy", "all")], ()),
        ([("accuracy", "all")], ("volume",)),
        ([], ("volume", "accuracy")),
    ]
    for number, (degraded, ok) in enumerate(plays):
        night.measure(*degraded, day=DAY + timedelta(number), ok=ok)
        night.send(DAY + timedelta(number))
    assert [message.title.partition(": ")[2] for message in channel.sent] == [
        "1 measure degraded (inputs)",
        "more is degraded, 2 in all (quality, inputs)",
        f"ok again, was degraded since {DAY} (quality, inputs)",
    ]
    assert [message.severity for message in channel.sent] == [Severity.REPORT, Severity.PAGE, Severity.PAGE]


def test_what_becomes_urgent_is_news(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A metric that gets more urgent is told again; one that gets less so is not."""
    channel = FakeChannel("a")
    night = Night(tmp_path, monkeypatch, channel)
    for number, severity in enumerate(("report", "page", "ticket", "page")):
        night.measure(("volume", "all"), day=DAY + timedelta(number), volume=severity)
        night.send(DAY + timedelta(number))
    assert [message.severity for message in channel.sent] == [Severity.REPORT, Severity.PAGE]


def test_labels_that_stopped_coming_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A day that got no labels is a ticket on the night that finds it out, though its state is no_data."""
    channel = FakeChannel("a")
    night = Night(tmp_path, monkeypatch, channel)
    night.measure(day=DAY - timedelta(13), ok=("accuracy",))
    row: dict[str, Any] = dict.fromkeys(METRICS.names) | {
        "date": DAY - timedelta(12), "metric": "accuracy", "slice": "all", "kind": "rate", "n": 0, "state": "no_data",
        "severity": "ticket", "reason_code": "no_labels", "method": "m", "measured_at": NOW, "verdicts_run_id": "r",
        "run_id": "r",
    }  # fmt: skip
    lake = night.connect(night.settings).lake
    lake.append(DayPaths(night.settings, DAY).lake("metrics"), METRICS, pl.DataFrame([row], METRICS.polars_schema), {})
    night.measure()
    assert night.send().delivered == ("a",)
    assert channel.sent[0].severity is Severity.TICKET
    assert "No labels came" in channel.sent[0].body


def test_routes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A channel hears of nights with trouble that it wants to hear of, and of nothing else."""
    page, report = (FakeChannel(name, wants=frozenset({Severity(name)})) for name in ("page", "report"))
    night = Night(tmp_path, monkeypatch, page, report)
    night.measure(("language_share", "language=ja"))
    assert (night.send().delivered, len(page.sent)) == (("report",), 0)
    night.measure(("language_share", "language=ja"), ("accuracy", "all"), day=DAY + timedelta(1))
    summary = night.send(DAY + timedelta(1))
    assert (summary.delivered, summary.known) == (("page",), ("report",))
    night.measure(day=DAY + timedelta(2), ok=("accuracy", "language_share"))
    assert night.send(DAY + timedelta(2)).delivered == ("page", "report")
    assert night.stop().delivered == ("page",)


def test_nobody_wants_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An alert that the routes give to nobody says so."""
    night = Night(tmp_path, monkeypatch, FakeChannel("page", wants=frozenset({Severity.PAGE})))
    night.measure(("language_share", "language=ja"))
    assert "MODERATION_ALERT_ROUTES" in night.send().note


def test_quiet_runs_tell_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A quiet night says what it found, sends nothing, and leaves no trace in what channels were told."""
    channel = FakeChannel("a")
    night = Night(tmp_path, monkeypatch, channel)
    night.measure(("accuracy", "all"))
    quiet = night.send(is_quiet=True)
    assert (quiet.degraded_count, quiet.delivered, channel.sent) == (1, (), [])
    assert "nobody was told" in quiet.note
    stopped = alert_stopped_night.fn(night.settings, DAY, "run-1", "OverBudget", "x", NOW, is_quiet=True)
    assert (stopped.delivered, channel.sent) == ((), [])
    assert night.send().delivered == ("a",)


def test_an_old_night_opens_no_incident(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A night that is played after newer ones is told once, and says nothing about how things are now."""
    channel = FakeChannel("a")
    night = Night(tmp_path, monkeypatch, channel)
    night.measure(day=DAY + timedelta(1))
    night.send(DAY + timedelta(1))
    night.measure(("error_rate", "all"))
    assert [bool(night.send().delivered) for _ in range(2)] == [True, False]
    night.measure(day=DAY + timedelta(2), ok=("error_rate",))
    assert night.send(DAY + timedelta(2)).titles == ()


def test_late_labels_are_tonights_news(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What labels say of an earlier day is told on the night that they come, unless a newer day is known to be ok."""
    channel = FakeChannel("a")
    night = Night(tmp_path, monkeypatch, channel)
    night.measure(("accuracy", "all"), day=DAY - timedelta(3))
    night.measure(("violation_rate", "all"), day=DAY - timedelta(3))
    night.measure()
    assert night.send().degraded_count == 1
    assert f"labels on {DAY - timedelta(3)}" in channel.sent[0].body
    night.measure(day=DAY - timedelta(2), ok=("accuracy",))
    night.measure(day=DAY + timedelta(1))
    assert night.send(DAY + timedelta(1)).titles[0].startswith(f"nightly {DAY + timedelta(1)}: ok again")


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
    row = MetricRow(date=DAY, metric=metric, slice=part, kind=Kind.RATE, effect=effect, state=State.DEGRADED)
    found = find_examples([row], verdicts_frame(rows).lazy())
    assert list(found[0].comment_ids) == expected
    assert (showing(found[0].row) is None) == (expected == [])


def test_dates_keep_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was told about one day says nothing about another."""
    channel = FakeChannel("a")
    night = Night(tmp_path, monkeypatch, channel)
    night.stop()
    alert_stopped_night.fn(night.settings, date(2026, 11, 20), "r", "OverBudget", "too dear", NOW)
    assert len(channel.sent) == 2
