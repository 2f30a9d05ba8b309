"""Thirty nights with an incident, and every message that they send, for a person to read.

    python -m benchmarks.alert_replay [--language ja]

What the nights measured is made up, without chance; the detector judges it, and the stages of a night tell it. A model
change on night 12 makes quality fall; a sale week is announced for nights 16 to 22; the model is set back on night 25.
Besides, a night stops and is run again, a person snoozes a group, and a wave in another language comes at the end.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, NamedTuple
from unittest.mock import patch

import polars as pl
import typer

from data_contracts.tables.metrics import METRICS
from data_contracts.tables.verdicts import NIGHTS
from tasks import adapters
from tasks.adapters import Adapters
from tasks.alerts.open_alerts import read_alerts
from tasks.alerts.send_alerts import alert_stopped_night, send_alerts
from tasks.alerts.snooze_alerts import snooze_alerts
from tasks.alerts.tell_published import tell_published
from tasks.base.paths import DayPaths, RunPaths
from tasks.base.ports import AlertMessage
from tasks.base.settings import Settings
from tasks.measure.judgement import Stamp, evidence_of, judge, measured_rows
from tasks.measure.measurement import Measurement, mean, rate, total
from tasks.measure.night_policy import policy_of
from tests.factories import local_adapters
from tests.fakes import FakeAlerts, FakeClock
from tests.measured_nights import settings_in

#: Night 1; the nights before it are what the detector learns from.
FIRST = date(2026, 11, 1)
NIGHTS_BEFORE, NIGHTS_PLAYED = 70, 30
COMMENTS = 20_000

FALL, BACK = 12, 25
SALE = range(16, 23)
STOPPED, SNOOZED, WAVE = 7, 13, 27

OLD_MODEL = "anthropic.claude-haiku-4-5-20251001-v1:0"
NEW_MODEL = "amazon.nova-lite-v1:0"


class Sent(NamedTuple):
    """A message with the night that sent it, and when."""

    night: int
    at: datetime
    message: AlertMessage


class Replay(NamedTuple):
    """What the nights sent, and what was open after each of them."""

    sent: list[Sent]
    open_after: dict[int, tuple[str, ...]]


def wobble(night: int, metric: str, size: float) -> float:
    """What nights differ by: a number between -size and size that looks like chance and is none."""
    return size * math.sin(12.9898 * (night + 200) + 78.233 * sum(map(ord, metric)))


def measure(night: int) -> Iterator[Measurement]:
    """What a night measured; night 1 is the first that is played."""
    is_bad, is_sale, is_wave = FALL <= night < BACK, night in SALE, night >= WAVE
    n = round(COMMENTS * (1 + wobble(night, "volume", 0.05)) * (1.9 if is_sale else 1))
    yield total("volume", n, n, of="comments")
    yield mean("text_length_log", 3.6 + wobble(night, "length", 0.02) - 0.15 * is_sale, 0.49, n, of="comments")
    korean = 0.06 if is_wave else 0.01
    for name, share in (("ja", 0.70), ("en", 0.25), ("zh", 0.04), ("ko", korean)):
        share = share * (1 + wobble(night, name, 0.02)) * (1 if name == "ko" else (1 - korean) / 0.99)
        yield rate("language_share", round(share * n), n, of="comments", slice=f"language={name}")
    flagged = 0.030 * (1 + wobble(night, "flagged", 0.05)) * (1.6 if is_bad else 1)
    yield rate("violation_rate", round(flagged * n), n, of="comments")
    for name, share, factor in (("ja", 0.7, 1.25 if is_bad else 1), ("en", 0.25, 0.6 if is_bad else 1)):
        yield rate(
            "violation_rate", round(flagged * factor * share * n), round(share * n), of="c", slice=f"language={name}"
        )
    yield rate("malformed_rate", round(0.002 * n * (1 + wobble(night, "malformed", 0.1))), n, of="comments")
    cost = n * 0.0015 * (1 + wobble(night, "cost", 0.01))
    yield total("cost_usd", cost, n, of="records")
    yield from _labelled(night, is_bad=is_bad)


def _labelled(night: int, *, is_bad: bool) -> Iterator[Measurement]:
    """What labels and the golden pack say of a night."""
    wrong = {"flagged": (0.10, 60), "borderline": (0.12, 80), "clear": (0.02, 160)}
    worse = {"flagged": 2.6, "borderline": 1.9, "clear": 1.2}
    right = 0
    for name, (share, n) in wrong.items():
        errors = share * n * (worse[name] if is_bad else 1) * (1 + wobble(night, name, 0.25))
        right += n - round(errors)
        yield rate("accuracy", n - round(errors), n, of="labels", slice=f"stratum={name}")
    yield rate("accuracy", right, 300, of="labels")
    for name, share in (("ja", 0.10), ("en", 0.04)):
        share = share * (1.9 if is_bad and name == "ja" else 1) * (1 + wobble(night, name, 0.2))
        yield rate("accuracy", 150 - round(150 * share), 150, of="labels", slice=f"language={name}")
    recall = (0.70 if is_bad else 0.90) + wobble(night, "recall", 0.03)
    yield rate("recall", round(60 * recall), 60, of="labels")
    yield rate("golden_accuracy", 150 - (19 if is_bad else 5) - (night % 2), 150, of="items")
    yield rate("attack_success_rate", (7 if is_bad else 1) + (night % 3 == 0), 50, of="attacks")


class Site:
    """The played nights in a folder."""

    def __init__(self, folder: Path, language: str) -> None:
        events = folder / "events.toml"
        sale = [day_of(SALE[0]), day_of(SALE[-1])]
        events.write_text(f'[[event]]\nname = "sale week"\nfirst = {sale[0]}\nlast = {sale[1]}\n', encoding="utf-8")
        self.settings: Settings = settings_in(folder, language=language, events=events)
        self.channel, self.frames = FakeAlerts(), list[pl.DataFrame]()
        self.outside: Adapters = replace(local_adapters(), alerts=(self.channel,), clock=FakeClock())

    def judge(self, night: int) -> pl.DataFrame:
        """Measure and judge a night, and keep its rows."""
        day, earlier = day_of(night), evidence_of(pl.concat([METRICS.empty(), *self.frames]))
        stamp = Stamp(day, ended_at(night), f"run-{day}", f"run-{day}")
        rows = judge(
            measured_rows(list(measure(night)), stamp), earlier, policy_of(self.outside.storage, self.settings)
        )
        self.frames.append(rows)
        return rows

    def learn(self) -> None:
        """Judge the nights before night 1, and put them on record at once."""
        nights = range(1 - NIGHTS_BEFORE, 1)
        rows = [self.judge(night) for night in nights]
        paths = DayPaths(self.settings, FIRST)
        self.outside.lake.append(paths.lake("metrics"), METRICS, pl.concat(rows), {})
        self._publish(list(nights))

    def play(self, night: int) -> None:
        """Measure, tell and close a night."""
        rows, day, at = self.judge(night), day_of(night), ended_at(night)
        self.outside.lake.append(DayPaths(self.settings, day).lake("metrics"), METRICS, rows, {})
        plan = {"prompt_version": "v1", "model_id": model_of(night)}
        self.outside.storage.put(
            RunPaths(self.settings, day, f"run-{day}").file("plan.json"), json.dumps(plan).encode()
        )
        send_alerts.fn(self.settings, day, f"run-{day}", at)
        self._publish([night])
        tell_published.fn(self.settings, day, f"run-{day}", at)

    def stop(self, night: int) -> None:
        """A night that does not come to its end."""
        reason = "estimated $212.40 is over MODERATION_MAX_COST_USD=150"
        alert_stopped_night.fn(
            self.settings, day_of(night), f"run-{day_of(night)}", "OverBudget", reason, ended_at(night)
        )

    def _publish(self, nights: list[int]) -> None:
        counts = {column.name: 0 for column in NIGHTS if column.dtype == pl.Int64()}
        texts = {column.name: "x" for column in NIGHTS if column.dtype == pl.String()}
        rows = [
            {**counts, **texts, "date": day_of(night), "published_at": ended_at(night), "prompt_version": "v1"}
            | {"model_id": model_of(night)}
            for night in nights
        ]
        frame = pl.DataFrame(rows, schema=NIGHTS.polars_schema)
        self.outside.lake.append(DayPaths(self.settings, FIRST).lake("nights"), NIGHTS, frame, {})


def day_of(night: int) -> date:
    """The day that a night judges."""
    return FIRST + timedelta(days=night - 1)


def model_of(night: int) -> str:
    """The model that judges a night."""
    return NEW_MODEL if FALL <= night < BACK else OLD_MODEL


def ended_at(night: int) -> datetime:
    """When a night has measured: at 04:10 in Tokyo, the day after."""
    return datetime.combine(day_of(night), datetime.min.time(), UTC) + timedelta(hours=19, minutes=10)


def replay(folder: Path, language: str) -> Replay:
    """Play the thirty nights; what they sent, in order."""
    site, sent, open_after = Site(folder, language), list[Sent](), dict[int, tuple[str, ...]]()

    def collect(night: int, at: datetime) -> None:
        sent.extend(Sent(night, at, message) for message in site.channel.messages)
        site.channel.messages.clear()

    with patch.object(adapters, "connect", lambda _: site.outside):
        site.learn()
        for night in range(1, NIGHTS_PLAYED + 1):
            if night == STOPPED:  # a person raises the budget and runs it again in the morning
                site.stop(night)
                collect(night, ended_at(night))
            site.play(night)
            collect(night, ended_at(night))
            if night == SNOOZED:
                snooze_alerts(site.settings, "outputs", day_of(night + 5), ended_at(night), "the model is looked at")
            standing = read_alerts(site.outside.storage, site.settings)
            open_after[night] = tuple(f"{alert.group} {alert.severity}" for alert in standing)
    return Replay(sent, open_after)


def show(found: Replay) -> Iterator[str]:
    """The messages as people get them, and which nights sent none."""
    for number, item in enumerate(found.sent, 1):
        yield f"===== message {number} of {len(found.sent)}: night {item.night}, {item.at:%Y-%m-%d %H:%M} UTC"
        yield item.message.title
        yield ""
        yield item.message.body
        yield ""
    for night, standing in found.open_after.items():
        yield f"after night {night:2d}: {', '.join(standing) or 'nothing is open'}"


def main(language: Annotated[str, typer.Option(help="en or ja.")] = "en") -> None:
    """Print every message of the thirty nights."""
    with tempfile.TemporaryDirectory() as folder:
        print("\n".join(show(replay(Path(folder), language))))


if __name__ == "__main__":
    typer.run(main)
