"""Nights made up for the monitor's tests: frames of a run on disk, and whole histories of measurements."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from data_contracts.tables.comments import REJECTED
from data_contracts.tables.labels import LABELS
from data_contracts.tables.metrics import METRICS, MetricRow
from data_contracts.tables.verdicts import NIGHTS, VERDICTS
from tasks import adapters
from tasks.base.paths import DayPaths, RunPaths
from tasks.base.settings import Settings
from tasks.labels.day_accuracy import AccuracySummary
from tasks.labels.measure_accuracy import measure_accuracy
from tasks.labels.remeasure_late_labels import remeasure_late_labels
from tasks.measure.detect import Policy
from tasks.measure.detect.rules import FAILURES
from tasks.measure.judgement import Stamp, evidence_of, judge, measured_rows
from tasks.measure.measurement import Measurement, mean, rate, total

DAY = date(2026, 11, 19)
NOW = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)


def settings_in(folder: Path, **overrides: Any) -> Settings:
    """Settings whose roots are folders."""
    roots = {f"{name}_uri": str(folder / name) for name in ("comments", "labels", "output", "batch")}
    return Settings(**{**roots, "role_arn": "arn:aws:iam::123456789012:role/AmazonBedrockTest", **overrides})


def valid_row(comment_id: str, /, **overrides: Any) -> dict[str, Any]:
    """One row of a run's valid frame."""
    row = {"comment_id": comment_id, "product_id": "p0001", "text": "good value", "language": "en", "text_chars": 10}
    return {**row, "record_id": comment_id.rjust(32, "0"), **overrides}


def verdict(comment_id: str, /, **overrides: Any) -> dict[str, Any]:
    """One row of the verdicts."""
    row: dict[str, Any] = dict.fromkeys(VERDICTS.names)
    row |= {"comment_id": comment_id, "date": DAY, "posted_at": NOW, "product_id": "p0001", "language": "en"}
    row |= {"status": "judged", "violation": False, "category": "none", "confidence": 0.9, "explanation": ""}
    row |= {"decided_by": "model", "attempt": 1, "model_id": "m", "prompt_name": "p", "prompt_version": "v1"}
    row |= {"prompt_sha256": "0", "text_sha256": "0", "input_tokens": 1500, "output_tokens": 30, "cost_usd": 0.001}
    return {**row, "run_id": "run-1", "decided_at": NOW, **overrides}


def label(comment_id: str, /, **overrides: Any) -> dict[str, Any]:
    """One row of the labels."""
    row = {"comment_id": comment_id, "labeler": "rater-1", "violation": False, "category": "none", "labeled_at": NOW}
    return {**row, "source": "sample", "stratum": None, "inclusion_probability": None, **overrides}


def verdicts_frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Verdicts as they are published."""
    return pl.DataFrame(rows, schema=VERDICTS.polars_schema)


def labels_frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Labels as they come."""
    return pl.DataFrame(rows, schema=LABELS.polars_schema)


def put_run(
    settings: Settings, run_date: date, run_id: str, valid: list[dict[str, Any]], verdicts: pl.DataFrame
) -> None:
    """Store a run's scratch frames, without rejected rows."""
    paths, storage = RunPaths(settings, run_date, run_id), adapters.connect(settings).storage
    schema = {"comment_id": pl.String, "product_id": pl.String, "text": pl.String, "language": pl.String}
    frame = pl.DataFrame(valid, schema={**schema, "text_chars": pl.Int64, "record_id": pl.String})
    for name, content in (("valid", frame), ("verdicts", verdicts), ("rejected", REJECTED.empty())):
        file = Path(settings.output_uri).parent / f"{name}.parquet"
        content.write_parquet(file)
        storage.send(file, paths.work(name))


def publish_verdicts(settings: Settings, run_date: date, verdicts: pl.DataFrame) -> None:
    """Commit a day's verdicts to the lake."""
    paths, lake = DayPaths(settings, run_date), adapters.connect(settings).lake
    batches = verdicts.to_arrow().cast(VERDICTS.arrow_schema).to_batches()
    lake.replace_day(paths.lake("verdicts"), VERDICTS, run_date, batches, {})


def publish_night(settings: Settings, run_date: date) -> None:
    """Commit a day's row of the nights table, which makes it a published day."""
    counts = {column.name: 0 for column in NIGHTS if column.dtype == pl.Int64()}
    row = {column.name: "x" for column in NIGHTS if column.dtype == pl.String()} | counts
    frame = pl.DataFrame([row | {"date": run_date, "published_at": NOW}], schema=NIGHTS.polars_schema)
    lake = adapters.connect(settings).lake
    lake.append(DayPaths(settings, run_date).lake("nights"), NIGHTS, frame, {})


def put_metrics(settings: Settings, rows: pl.DataFrame) -> None:
    """Append rows to the metrics table, as nights did that were measured earlier."""
    lake = adapters.connect(settings).lake
    lake.append(DayPaths(settings, DAY).lake("metrics"), METRICS, METRICS.conform(rows.lazy()).collect(), {})


def append_measured(settings: Settings, run_date: date, run_id: str, now: datetime) -> None:
    """What a night's last measuring stage does with the rows that the others have left; no earlier day is looked at."""
    remeasure_late_labels.fn(settings, run_date, run_id, now, days=0)


def measure_and_append(
    settings: Settings, run_date: date, run_id: str, verdicts_run_id: str, now: datetime
) -> AccuracySummary:
    """A day measured by its labels, and what that says in the table."""
    summary = measure_accuracy.fn(settings, run_date, run_id, verdicts_run_id, now)
    append_measured(settings, run_date, run_id, now)
    return summary


def metrics_of(settings: Settings, run_date: date) -> pl.DataFrame:
    """Every row of a day in the metrics table, repeated measurements included."""
    lake = adapters.connect(settings).lake
    return lake.scan(DayPaths(settings, run_date).lake("metrics"), METRICS).filter(pl.col("date") == run_date).collect()


# ---------------------------------------------------------------------------------------------------------------------
# Simulated sites. Nights differ by weekday and by noise of their own, as real ones do; the noise of shares is on the
# logit scale. `fault` changes one night.

WEEKDAYS = (1.0, 0.97, 0.95, 1.0, 1.1, 1.3, 1.25)
LANGUAGES = {"ja": 0.60, "en": 0.33, "und": 0.03, "other": 0.04}
CATEGORIES = {"spam": 0.4, "harassment": 0.2, "fraud": 0.15, "hate": 0.1, "sexual": 0.1, "privacy": 0.05}
PRODUCTS = {**{f"p{number:04d}": 0.02 for number in range(14)}, "other": 0.72}
RATES = {"malformed_rate": 0.002, "refused_rate": 0.001, "error_rate": 0.001, "missing_rate": 0.0005}


class Site:
    """A site with its history of measured nights.

    Args:
        comments: of an average night.
        violations: share of comments.
        noise: how much nights differ beyond sampling; 1 is 5 % of volume and of the odds of a language, 6 % of the
            odds of a violation.
        seed: of everything.
    """

    def __init__(self, comments: int, violations: float, noise: float, seed: int) -> None:
        self.comments, self.violations, self.noise = comments, violations, noise
        self.random = np.random.default_rng([comments, round(1000 * violations), round(10 * noise), seed])
        self.frames: list[pl.DataFrame] = []

    def play(self, day: date, fault: Mapping[str, float] | None = None, *, keep: bool = True) -> pl.DataFrame:
        """Measure and judge one night; the rows of the metrics table."""
        earlier = evidence_of(pl.concat([METRICS.empty(), *self.frames]))
        rows = judge(self._measured(day, fault or {}), earlier, Policy())
        if keep:
            self.frames.append(rows)
        return rows

    def play_nights(self, count: int) -> list[pl.DataFrame]:
        """Normal nights, one after another."""
        return [self.play(self._next_day()) for _ in range(count)]

    def pass_nights(self, count: int) -> None:
        """Normal nights that are measured and not judged: what is read of earlier nights is what they measured."""
        for _ in range(count):
            self.frames.append(self._measured(self._next_day(), {}))

    def _next_day(self) -> date:
        return date(2026, 1, 1) + timedelta(len(self.frames))

    def _measured(self, day: date, fault: Mapping[str, float]) -> pl.DataFrame:
        return measured_rows(self.measure(day, fault), Stamp(day, NOW, "r", "r"))

    def measure(self, day: date, fault: Mapping[str, float]) -> list[Measurement]:
        """One night's numbers: `fault` may have volume, length, english, korean, spam, violations, failed."""
        random, noise = self.random, self.noise
        busy = WEEKDAYS[day.weekday()] * math.exp(random.normal(0, 0.05 * noise)) * fault.get("volume", 1)
        n = int(random.poisson(self.comments * busy))
        length = 3.6 + random.normal(0, 0.02 * noise) + fault.get("length", 0) + random.normal(0, 0.7 / math.sqrt(n))
        mix = self._jitter(LANGUAGES, 0.037)
        mix |= {"ja": max(mix["ja"] - fault.get("english", 0), 0), "en": mix["en"] + fault.get("english", 0)}
        mix = {name: share * (1 - fault.get("korean", 0)) for name, share in mix.items()}
        languages = self._split(n, {**mix, **({"ko": fault["korean"]} if "korean" in fault else {})})
        rate_now = self._odds(min(self.violations * fault.get("violations", 1), 0.9), 0.06)
        spam = int(random.binomial(n, fault.get("spam", 0)))
        flagged = {name: int(random.binomial(count, rate_now)) for name, count in languages.items()}
        categories = self._split(sum(flagged.values()), self._jitter(CATEGORIES, 0.1))
        categories["spam"] += spam
        violations = min(sum(categories.values()), n)
        failures = {name: self._odds(share, 0.15) for name, share in RATES.items()}
        failures["malformed_rate"] += fault.get("failed", 0)
        return [
            total("volume", n, n, of="comments"),
            mean("text_length_log", length, 0.49, n, of="comments"),
            *self._shares("language_share", "language", languages, n),
            *self._shares("product_share", "product", self._split(n, self._jitter(PRODUCTS, 0.06)), n),
            self._rate("rejected_rate", 0.01, 0.2, n),
            self._rate("duplicate_rate", 0.04, 0.1, n),
            self._rate("oov_rate", 0.04, 0.1, n),
            rate("violation_rate", violations, n, of="comments"),
            *(
                rate("violation_rate", flagged[name], count, of="comments", slice=f"language={name}")
                for name, count in languages.items()
            ),
            *self._shares("violation_category_share", "category", categories, sum(categories.values())),
            *(rate(name, int(random.binomial(n, failures[name])), n, of="comments") for name in FAILURES),
            mean("input_tokens_log", 7.2 + random.normal(0, 0.005 * noise), 0.0025, n, of="answers"),
            mean("output_tokens_log", 3.5 + random.normal(0, 0.01 * noise), 0.09, n, of="answers"),
            total("cost_usd", n * 0.0015 * math.exp(random.normal(0, 0.01 * noise)), n, of="records"),
        ]

    def _jitter(self, shares: dict[str, float], deviation: float) -> dict[str, float]:
        odds = {name: share * math.exp(self.random.normal(0, deviation * self.noise)) for name, share in shares.items()}
        return {name: share / sum(odds.values()) for name, share in odds.items()}

    def _odds(self, share: float, deviation: float) -> float:
        logit = math.log(share / (1 - share)) + self.random.normal(0, deviation * self.noise)
        return 1 / (1 + math.exp(-logit))

    def _split(self, n: int, shares: dict[str, float]) -> dict[str, int]:
        size = sum(shares.values())
        counts = self.random.multinomial(n, [share / size for share in shares.values()])
        return dict(zip(shares, map(int, counts), strict=True))

    def _shares(self, metric: str, dimension: str, counts: dict[str, int], n: int) -> list[Measurement]:
        return [rate(metric, count, n, of="items", slice=f"{dimension}={name}") for name, count in counts.items()]

    def _rate(self, metric: str, share: float, deviation: float, n: int) -> Measurement:
        return rate(metric, int(self.random.binomial(n, self._odds(share, deviation))), n, of="comments")


def degraded(rows: pl.DataFrame) -> list[str]:
    """Which measures a night's rows call degraded, by metric and slice."""
    bad = rows.filter(pl.col("state") == "degraded").sort("metric", "slice")
    return [f"{metric} {part}" for metric, part in bad.select("metric", "slice").iter_rows()]


def degraded_row(metric: str, **overrides: Any) -> MetricRow:
    """A degraded row of the metrics table."""
    values = {"x": 60.0, "n": 300, "mean": None, "variance": None, "value": 0.2, "ci_low": 0.16, "ci_high": 0.25}
    against = {"baseline": 0.1, "effect": 0.1, "threshold": 0.07, "statistic": 6.1, "state": "degraded", "since": DAY}
    named = {"date": DAY, "metric": metric, "slice": "all", "kind": "rate"}
    evidence = {"severity": "ticket", "evidence": 9125.0, "evidence_limit": 9125.0, "reason_code": "shift"}
    return MetricRow.model_validate({**named, **values, **against, **evidence, **overrides})
