"""A month of a site for the report: measured, judged by the detector, with labels and a golden pack; good or bad."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from typing import NamedTuple

import numpy as np
import polars as pl

from data_contracts.tables.metrics import METRICS, MetricRow, rows_of
from tasks.measure.detect import Policy
from tasks.measure.judgement import Stamp, evidence_of, judge, measured_rows
from tasks.measure.measurement import Measurement, rate
from tests.measured_nights import NOW, Site
from tests.sample_nights import RUN_DATE

NIGHTS, JUDGED = 56, 28
#: Nights from the end: the model is another from the first on, and there is a sale between the other two.
CHANGED, SALE_BEGINS, SALE_ENDS = 9, 15, 11


class Faults(NamedTuple):
    """How a night is unlike the others."""

    accuracy: float = 0.95
    flips: float = 0.001
    attacks: int = 1
    volume: float = 1.0


@cache
def month(*, is_bad: bool) -> tuple[MetricRow, ...]:
    """The rows of the last 28 nights, the newest of RUN_DATE; 28 more come before them.

    In the bad month the model is another since nine nights and wrong four times as often, after a sale.
    """
    site, random = Site(3000, 0.06, 0.5, 3), np.random.default_rng(5)
    frames = [METRICS.empty()]
    for back in range(NIGHTS - 1, -1, -1):
        day = RUN_DATE - timedelta(back)
        fault = _fault(back) if is_bad else Faults()
        measured = [*site.measure(day, {"volume": fault.volume}), *_labels(random, fault)]
        if is_bad:
            measured += _golden(random, fault)
        rows = measured_rows(measured, Stamp(day, NOW, f"run-{day}", f"run-{day}"))
        frames.append(judge(rows, evidence_of(pl.concat(frames)), Policy()) if back < JUDGED else rows)
    return tuple(rows_of(pl.concat(frames[-JUDGED:])))


def _fault(back: int) -> Faults:
    if back < CHANGED:
        return Faults(accuracy=0.8, flips=0.12, attacks=2)
    return Faults(volume=1.9) if SALE_ENDS <= back <= SALE_BEGINS else Faults()


def _labels(random: np.random.Generator, fault: Faults) -> list[Measurement]:
    shares = {"accuracy": (fault.accuracy, 300), "precision": (fault.accuracy - 0.08, 70)}
    shares |= {"recall": (fault.accuracy - 0.1, 60), "f1": (fault.accuracy - 0.09, 90), "prevalence": (0.07, 300)}
    found = [rate(name, int(random.binomial(n, share)), n, of="labels") for name, (share, n) in shares.items()]
    return [*found, rate("label_error_rate", 1, 300, of="label rows")]


def _golden(random: np.random.Generator, fault: Faults) -> list[Measurement]:
    flips = int(random.binomial(150, fault.flips))
    return [
        rate("golden_flip_rate", flips, 150, of="items"),
        rate("golden_accuracy", 146 - flips, 150, of="items"),
        rate("attack_success_rate", fault.attacks, 50, of="attacks"),
    ]


def days() -> list[date]:
    """The days of the month, oldest first."""
    return [RUN_DATE - timedelta(back) for back in range(JUDGED - 1, -1, -1)]
