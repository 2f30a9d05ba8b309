"""Simulated sites: 29 charts of a night of about 20,000 comments and 300 labels, each site with noise of its own."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np

from benchmarks.monitor_quality.noise import Noise, nights_of
from tasks.measure.detect.evidence import Array, Mask
from tasks.measure.detect.history import COUNT, MEAN, RATE, History
from tasks.measure.detect.nights import Indices

FIRST = date(2025, 1, 1)
Chart = tuple[str, str]
#: Changes the true share or mean of a chart, given how many nights ago the fault began (negative: not yet) and weekday.
Change = Callable[[Array, Indices, Indices], Array]


class Spec(NamedTuple):
    """What a chart is like.

    Attributes:
        metric, part: its name.
        kind: rate, mean or count.
        base: true share or mean on an ordinary night.
        night_sd: between nights, on the logit or log scale; a site's own is .7 to 1.3 times as large.
        weekday_sd: between weekdays, same scale.
        of: "comments", "flagged", or a number of labels.
    """

    metric: str
    part: str
    kind: str
    base: float
    night_sd: float
    weekday_sd: float
    of: str = "comments"


def _mix(metric: str, dimension: str, shares: list[float], night_sd: float, weekday_sd: float, of: str) -> list[Spec]:
    return [
        Spec(metric, f"{dimension}=m{place}", RATE, share, night_sd, weekday_sd, of)
        for place, share in enumerate(shares)
    ]


#: Strata as (labels, share of errors): 15 errors of 300 labels are expected, as without strata.
STRATA = {"flagged": (60, 0.15), "borderline": (80, 0.05), "clear": (160, 0.0125)}
ACCURACY_LABELS, ACCURACY_ERRORS, ACCURACY_SD = 300, 0.05, 0.05

SPECS = [
    Spec("volume", "all", COUNT, 20_000.0, 0.08, 0.08),
    Spec("text_length_log", "all", MEAN, 4.0, 0.02, 0.01),
    Spec("output_tokens_log", "all", MEAN, 5.0, 0.007, 0.003),
    *_mix("language_share", "language", [0.6, 0.2, 0.1, 0.06, 0.03, 0.0], 0.055, 0.03, "comments"),
    *_mix(
        "product_share", "product", [0.25, 0.2, 0.15, 0.1, 0.08, 0.07, 0.05, 0.04, 0.03, 0.03], 0.055, 0.04, "comments"
    ),
    Spec("oov_rate", "all", RATE, 0.03, 0.05, 0.02),
    Spec("violation_rate", "all", RATE, 0.03, 0.06, 0.05),
    *_mix("violation_category_share", "category", [0.35, 0.25, 0.2, 0.12, 0.08], 0.055, 0.03, "flagged"),
    Spec("malformed_rate", "all", RATE, 0.002, 0.15, 0.03),
    Spec("golden_flip_rate", "all", RATE, 0.01, 0.0, 0.0, "300"),
    Spec("accuracy", "all", RATE, 1 - ACCURACY_ERRORS, ACCURACY_SD, 0.0, str(ACCURACY_LABELS)),
]
_MOST_TREND = 0.02
_LENGTH_VARIANCE, _TOKEN_VARIANCE = 0.8, 0.3


class Fault(NamedTuple):
    """A change of one chart, or of one stratum of accuracy, from a night on."""

    chart: Chart
    change: Change
    start: int


def simulate(
    noise: Noise,
    nights: int,
    random: np.random.Generator,
    fault: Fault | None = None,
    strata: bool = False,
    metrics: Collection[str] = (),
) -> History:
    """One site's history, of all charts or those of some metrics; volume is always one."""
    weekday = np.array([(FIRST + timedelta(days=night)).weekday() for night in range(nights)])
    ago = np.arange(nights) - (fault.start if fault else nights)
    comments = np.zeros(nights)
    flagged = np.ones(nights)
    rows: list[tuple[Spec, Array, Array, Array, Array]] = []
    for spec in SPECS:
        if metrics and spec.metric not in metrics:
            continue
        truth = _truth(spec, noise, weekday, random)
        if fault and fault.chart == (spec.metric, spec.part):
            truth = fault.change(truth, ago, weekday)
        if spec.kind == COUNT:
            comments = np.round(truth)
            rows.append((spec, comments, comments, np.full(nights, np.nan), np.full(nights, np.nan)))
        elif spec.kind == MEAN:
            variance = _LENGTH_VARIANCE if spec.metric == "text_length_log" else _TOKEN_VARIANCE
            mean = truth + random.standard_normal(nights) * np.sqrt(variance / comments)
            rows.append((spec, np.full(nights, np.nan), comments, mean, np.full(nights, variance)))
        elif spec.metric == "accuracy" and strata:
            rows += _stratified(spec, truth, fault, ago, random)
        else:
            n = {"comments": comments, "flagged": flagged}.get(spec.of)
            n = np.full(nights, float(spec.of)) if n is None else n
            x = random.binomial(n.astype(np.int64), np.clip(truth, 0, 1)).astype(np.float64)
            flagged = np.maximum(x, 1) if spec.metric == "violation_rate" else flagged
            rows.append((spec, x, n, np.full(nights, np.nan), np.full(nights, np.nan)))
    return history_of(rows, nights)


def _truth(spec: Spec, noise: Noise, weekday: Indices, random: np.random.Generator) -> Array:
    """The true share, mean or total of every night."""
    nights = len(weekday)
    own = spec.night_sd * random.uniform(0.7, 1.3) * nights_of(noise, (nights,), random)
    is_plain = noise.scale == 0
    week = 0.0 if is_plain else (spec.weekday_sd * random.standard_normal(7))[weekday]
    trend = 0.0 if is_plain or spec.weekday_sd == 0 else random.uniform(-_MOST_TREND, _MOST_TREND)
    moved = own + week + trend * np.arange(nights) / 365
    if spec.kind == MEAN:
        return np.asarray(spec.base + moved)
    if spec.kind == COUNT:
        sampling = random.standard_normal(nights) / np.sqrt(spec.base)
        return np.asarray(spec.base * random.uniform(0.7, 1.4) * np.exp(moved + sampling))
    return shifted(np.full(nights, spec.base), moved)


def shifted(share: Array, by: Array | float) -> Array:
    """A share moved on the logit scale; 0 and 1 stay where they are."""
    odds = share / np.maximum(1 - share, 1e-12) * np.exp(by)
    return np.where((share <= 0) | (share >= 1), share, odds / (1 + odds))


def _stratified(
    spec: Spec, truth: Array, fault: Fault | None, ago: Indices, random: np.random.Generator
) -> list[tuple[Spec, Array, Array, Array, Array]]:
    """Accuracy by stratum, moved from night to night as the whole is, and the unweighted whole."""
    moved = np.log((1 - truth) / truth) - np.log((1 - spec.base) / spec.base)
    empty = np.full(len(truth), np.nan)
    rows = []
    for name, (count, share) in STRATA.items():
        part = f"stratum={name}"
        wrong = shifted(np.full(len(truth), share), moved)
        if fault and fault.chart == (spec.metric, part):
            wrong = fault.change(wrong, ago, ago)
        n = np.full(len(truth), float(count))
        right = n - random.binomial(count, np.clip(wrong, 0, 1))
        rows.append((spec._replace(part=part), right, n, empty, empty))
    whole = sum(row[1] for row in rows), sum(row[2] for row in rows)
    return [*rows, (spec, np.asarray(whole[0]), np.asarray(whole[1]), empty, empty)]


def history_of(rows: list[tuple[Spec, Array, Array, Array, Array]], nights: int) -> History:
    """Rows as the detector's own arrays."""
    ordered = sorted(rows, key=lambda row: (row[0].metric, row[0].part))
    shape = (len(rows), nights)
    present: Mask = np.ones(shape, dtype=bool)
    return History(
        [FIRST + timedelta(days=night) for night in range(nights)],
        [(spec.metric, spec.part) for spec, *_ in ordered],
        [spec.kind for spec, *_ in ordered],
        x=np.stack([x for _, x, _, _, _ in ordered]),
        n=np.stack([n for _, _, n, _, _ in ordered]),
        mean=np.stack([mean for _, _, _, mean, _ in ordered]),
        variance=np.stack([variance for _, _, _, _, variance in ordered]),
        present=present,
        broken=~present,
        first=np.zeros(len(rows), dtype=np.int_),
    )
