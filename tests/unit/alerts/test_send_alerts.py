"""Each channel is told once, whatever the others do, and a failing one never fails the night."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from data_contracts.tables.metrics import METRICS, Kind, MetricRow, State
from tasks import adapters
from tasks.adapters import Adapters
from tasks.alerts.delivery import PAUSES_S, deliver
from tasks.alerts.examples import find_examples, showing
from tasks.alerts.open_alerts import read_alerts
from tasks.alerts.send_alerts import AlertSummary, alert_stopped_night, send_alerts
from tasks.alerts.snooze_alerts import describe_groups, snooze_alerts
from tasks.alerts.tell import Telling
from tasks.alerts.tell_published import tell_published
from tasks.base.errors import SettingsInvalid, StorageUnavailable, WrongUsage
from tasks.base.paths import DayPaths
from tasks.base.ports import AlertMessage, AlertUndelivered, Severity
from tasks.base.settings import Settings
from tests.factories import local_adapters
from tests.fakes import FakeClock
from tests.measured_nights import DAY, NOW, publish_night, publish_verdicts, settings_in, verdict, verdicts_frame

MESSAGE = AlertMessage(title="t", ascii_title="t", body="b", severity=Severity.REPORT)


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

    def send(self, day: date = DAY, *, is_quiet: bool = False) -> AlertSummary:
        """The stage, on the morning after the day."""
        return send_alerts.fn(self.settings, day, self.run_id, NOW + (day - DAY), is_quiet=is_quiet)

    def stop(self, reason: str = "too dear", hours: float = 0, day: date = DAY) -> AlertSummary:
        """The alert of a stopped night."""
        now = NOW + timedelta(hours=hours)
        return alert_stopped_night.fn(self.settings, day, "run-1", "OverBudget", reason, now)

    def publish(self, *days: date, hours: float = 0) -> Telling:
        """Close the nights of these days, and run the stage after that."""
        for day in days:
            publish_night(self.settings, day)
        return tell_published.fn(self.settings, DAY, "run-1", NOW + timedelta(hours=hours))


def test_nothing_degraded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A good night sends nothing."""
    channel = FakeChannel("a")
    night = Night(tmp_path, monkeypatch, channel)
    night.measure()
    assert night.send() == AlertSummary()
    assert channel.sent == []


def test_one_message_a_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is degraded goes in one message a group, with at most five ids that show it, and never a text."""
    channel = FakeChannel("a")
    night = Night(tmp_path, monkeypatch, channel)
    night.measure(("refused_rate", "all"), ("error_rate", "all"), ("language_share", "language=ja"))
    publish_verdicts(night.settings, DAY, verdicts_frame([verdict(f"c{n}", status="refused") for n in range(9)]))
    summary = night.send()
    assert (summary.degraded_count, summary.delivered) == (3, ("a",))
    assert "for example comments c0, c1, c2, c3, c4\n" in channel.sent[1].body
    assert summary.titles == (
        f"nightly {DAY} [report] inputs: share of comments by language (language=ja) 50.0%",
        f"nightly {DAY} [ticket] pipeline: records that Bedrock failed 50.0% (+1)",
    )
    assert summary.titles == tuple(message.title for message in channel.sent)


def test_rerun_tells_only_news(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rerun sends nothing twice; when another group is degraded, the channels hear of it."""
    channel = FakeChannel("a")
    night = Night(tmp_path, monkeypatch, channel)
    night.measure(("accuracy", "all"))
    night.send()
    night.run_id = "run-2"
    again = night.send()
    assert (again.delivered, again.titles, len(channel.sent)) == ((), (), 1)
    night.measure(("volume", "all"), later=1)
    night.channels.append(FakeChannel("b"))
    assert night.send().delivered == ("a", "b")


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
    assert (again.delivered, again.titles, len(good.sent)) == (("bad",), (), 1)


def test_no_channel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a channel the summary says so."""
    night = Night(tmp_path, monkeypatch)
    night.measure(("accuracy", "all"))
    summary = night.send()
    assert (summary.degraded_count, summary.delivered, summary.failed) == (1, (), ())
    assert "MODERATION_ALERT_URLS" in summary.note


def test_stopped_night_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same stop is told once, another reason at once; its end is told once, when the day is published."""
    channel = FakeChannel("a")
    night = Night(tmp_path, monkeypatch, channel)
    told = [bool(night.stop(reason, hours).delivered) for reason, hours in
            (("x", 0), ("x", 1), ("y", 2), ("y", 22))]  # fmt: skip
    assert told == [True, False, True, False]
    assert channel.sent[0].severity is Severity.PAGE
    assert night.publish(hours=23).titles == ()
    assert night.publish(DAY, hours=24).titles == (f"nightly {DAY} [ok] pipeline: over on day 2",)
    assert night.publish(hours=25).titles == ()
    assert f"The night of {DAY} is published now." in channel.sent[-1].body


def test_each_stopped_night_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another night that stops is news while the first is open; both are over when both are published, by whomever."""
    channel = FakeChannel("a")
    night = Night(tmp_path, monkeypatch, channel)
    days = [DAY - timedelta(1), DAY]
    for day in days:
        night.stop(day=day)
    assert [message.title for message in channel.sent] == [
        f"nightly {days[0]} [page] pipeline: the night of {days[0]} stopped: OverBudget",
        f"nightly {days[1]} [page] pipeline, also: the night of {days[1]} stopped: OverBudget (+1)",
    ]
    assert night.publish(DAY).titles == ()
    assert night.publish(days[0]).titles == (f"nightly {DAY} [ok] pipeline: over on day 1",)


def test_an_old_day_that_stopped_ends_by_its_own_publication(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That newer nights were looked at is no matter: the day is published now."""
    channel = FakeChannel("a")
    night = Night(tmp_path, monkeypatch, channel)
    night.stop()
    later = DAY + timedelta(3)
    night.measure(day=later)
    night.send(later)
    assert night.publish(later).titles == ()
    assert night.publish(DAY).titles == (f"nightly {DAY} [ok] pipeline: over on day 1",)


def test_stop_without_storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stopped night is told even when the record of alerts can be neither read nor written."""
    channel = FakeChannel("a")
    night = Night(tmp_path, monkeypatch, channel)

    class Broken:
        def get_versioned(self, _: str) -> bytes:
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


def play_nights(night: Night, accuracy: str) -> list[tuple[int, str]]:
    """Play nights whose accuracy is `d`egraded, `o`k or `-` unknown, by the letters; which night told what."""
    told = []
    for number, letter in enumerate(accuracy):
        day = DAY + timedelta(number)
        night.measure(*([("accuracy", "all")] if letter == "d" else []), day=day, ok=("accuracy",) * (letter == "o"))
        for _ in range(2):  # a rerun of the night tells nothing more
            told += [(number, str(move.move)) for move in night.send(day).transitions]
    return told


@pytest.mark.parametrize(
    ("accuracy", "expected"),
    [
        pytest.param("do", [(0, "opened"), (1, "recovered")], id="one bad night"),
        pytest.param("ddddddo", [(0, "opened"), (6, "recovered")], id="a bad week less a day"),
        pytest.param(
            "d" * 15 + "o",
            [(0, "opened"), (7, "reminded"), (14, "reminded"), (15, "recovered")],
            id="a reminder every seven nights",
        ),
        pytest.param("dodo", [(0, "opened"), (1, "recovered"), (2, "opened"), (3, "recovered")], id="two incidents"),
        pytest.param("d--o", [(0, "opened"), (3, "recovered")], id="a night without labels ends nothing"),
        pytest.param("d------o", [(0, "opened"), (7, "recovered")], id="nor does a week of them"),
        pytest.param("oo", [], id="good nights"),
    ],
)
def test_an_unbroken_run_of_degraded_nights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, accuracy: str, expected: list[tuple[int, str]]
) -> None:
    """One opening alert, a reminder every seven nights, one recovery; a rerun of any night sends nothing twice."""
    night = Night(tmp_path, monkeypatch, FakeChannel("a"))
    assert play_nights(night, accuracy) == expected


def test_groups_are_told_by_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each group opens and ends by itself, whatever the others do; another metric of an open group waits."""
    channel = FakeChannel("a")
    night = Night(tmp_path, monkeypatch, channel)
    plays: list[tuple[list[tuple[str, str]], tuple[str, ...]]] = [
        ([("volume", "all")], ()),
        ([("volume", "all"), ("accuracy", "all"), ("oov_rate", "all")], ()),
        ([("accuracy", "all")], ("volume", "oov_rate")),
        ([], ("volume", "accuracy")),
    ]
    for number, (degraded, ok) in enumerate(plays):
        night.measure(*degraded, day=DAY + timedelta(number), ok=ok)
        night.send(DAY + timedelta(number))
    assert [message.title.partition(" [")[2] for message in channel.sent] == [
        "report] inputs: comments received 50.0%",
        "page] quality: verdicts that agree with the labels 50.0%",
        "ticket] inputs, was report: words never seen before 50.0% (+1)",
        "ok] inputs: over on day 3",
        "ok] quality: over on day 3",
    ]


def test_what_becomes_urgent_is_news(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A metric that gets more urgent is told again; one that gets less so is not, nor that it is as it was again."""
    channel = FakeChannel("a")
    night = Night(tmp_path, monkeypatch, channel)
    for number, severity in enumerate(("report", "page", "ticket", "page")):
        night.measure(("volume", "all"), day=DAY + timedelta(number), volume=severity)
        night.send(DAY + timedelta(number))
    assert [message.severity for message in channel.sent] == [Severity.REPORT, Severity.PAGE]
    assert "was report" in channel.sent[1].title


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
    """A channel hears of groups with something that it wants to hear of, and of nothing else."""
    page, report = (FakeChannel(name, wants=frozenset({Severity(name)})) for name in ("page", "report"))
    night = Night(tmp_path, monkeypatch, page, report)
    night.measure(("language_share", "language=ja"))
    assert (night.send().delivered, len(page.sent)) == (("report",), 0)
    night.measure(("language_share", "language=ja"), ("accuracy", "all"), day=DAY + timedelta(1))
    assert night.send(DAY + timedelta(1)).delivered == ("page",)
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


def test_an_old_night_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A night that is played after newer ones opens, ends and pages nothing: it is not how things are now."""
    channel = FakeChannel("a")
    night = Night(tmp_path, monkeypatch, channel)
    night.measure(("error_rate", "all"), day=DAY + timedelta(1))
    night.send(DAY + timedelta(1))
    night.measure(("accuracy", "all"), ok=("error_rate",))
    assert night.send().degraded_count == 1
    assert [message.title.partition(": ")[0] for message in channel.sent] == [
        f"nightly {DAY + timedelta(1)} [ticket] pipeline"
    ]
    night.measure(day=DAY + timedelta(2), ok=("error_rate", "accuracy"))
    assert night.send(DAY + timedelta(2)).titles == (f"nightly {DAY + timedelta(2)} [ok] pipeline: over on day 2",)


def test_an_announced_day_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a day that was announced inputs cannot tell: what was open before stays open, and is named in messages."""
    events = tmp_path / "events.toml"
    events.write_text(f'[[event]]\nname = "sale <week>"\nfirst = {DAY}\nlast = {DAY}\n', encoding="utf-8")
    channel = FakeChannel("a")
    night = Night(tmp_path, monkeypatch, channel)
    night.settings = settings_in(tmp_path, events=events)
    night.measure(("volume", "all"), ("accuracy", "all"))
    night.send()
    named = {
        message.title.partition("] ")[2].partition(":")[0]: "sale ‹week›" in message.body for message in channel.sent
    }
    assert named == {"inputs": True, "quality": False}
    rows = pl.DataFrame(
        [
            dict.fromkeys(METRICS.names)
            | {"date": DAY + timedelta(1), "metric": "volume", "slice": "all", "kind": "count", "value": 9.0}
            | {"state": "ok", "reason_code": "event", "method": "m", "measured_at": NOW, "verdicts_run_id": "r"}
            | {"run_id": "r"}
        ],
        METRICS.polars_schema,
    )
    night.connect(night.settings).lake.append(DayPaths(night.settings, DAY).lake("metrics"), METRICS, rows, {})
    assert night.send(DAY + timedelta(1)).titles == ()


def test_a_snooze_is_a_persons_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A group is silent until the day; what is open is shown all the same, and told when the day has come."""
    channel = FakeChannel("a")
    night = Night(tmp_path, monkeypatch, channel)
    night.measure(("error_rate", "all"))
    night.send()
    told, move = snooze_alerts(night.settings, "pipeline", DAY + timedelta(9), NOW, "the model is\nlooked at")
    assert told.startswith(f"pipeline: silent until {DAY + timedelta(9)}; a page that begins before")
    assert move is not None
    (alert,) = read_alerts(night.connect(night.settings).storage, night.settings)
    assert (alert.group, alert.severity, alert.snoozed_until) == ("pipeline", "ticket", DAY + timedelta(9))
    assert (alert.keys, alert.since) == (("metric error_rate",), DAY)
    lines = list(describe_groups(night.settings))
    assert lines[3].endswith(f"; silent until {DAY + timedelta(9)} (the model is looked at)")
    assert lines[0] == "quality   quiet"
    told_on = []
    for number in range(1, 12):
        night.measure(("error_rate", "all"), day=DAY + timedelta(number))
        told_on += [number for _ in night.send(DAY + timedelta(number)).titles]
    assert told_on == [8]  # the night of day 8 ends on day 9
    assert "The snooze is over" in channel.sent[-1].body


@pytest.mark.parametrize("days", [-1, 0, 93])
def test_a_snooze_ends_within_three_months(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    """Silence for today or the past is none, and silence for ever is not to be had; nor is that of another group."""
    night = Night(tmp_path, monkeypatch)
    today = NOW.astimezone(night.settings.zone).date()
    with pytest.raises(WrongUsage, match="give one of the next 92 days"):
        snooze_alerts(night.settings, "quality", today + timedelta(days), NOW)
    with pytest.raises(WrongUsage, match="is no group of alerts: quality, outputs"):
        snooze_alerts(night.settings, "qualtiy", today + timedelta(3), NOW)
    assert snooze_alerts(night.settings, "quality", None, NOW) == ("quality: it was not snoozed", None)


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
    assert night.send(DAY + timedelta(1)).titles[0].startswith(f"nightly {DAY + timedelta(1)} [ok] quality")


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
    assert list(found.get((metric, part), ())) == expected
    assert (showing(row) is None) == (expected == [])


def test_dates_keep_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was told about one day says nothing about another."""
    channel = FakeChannel("a")
    night = Night(tmp_path, monkeypatch, channel)
    night.stop()
    alert_stopped_night.fn(night.settings, date(2026, 11, 20), "r", "OverBudget", "too dear", NOW)
    assert len(channel.sent) == 2
