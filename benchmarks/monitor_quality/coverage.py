"""How often the 95 % intervals of the quality metrics hold the truth: nightly, and pooled over 7 and 28 nights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from tasks.labels.quality import QUALITY, ratio, weighted_interval
from tasks.measure.intervals import Cell, Interval, posterior

#: A night of 20,000 comments: (comments, share of violations) of every stratum but the misses among the clear ones.
_SIZES = {"flagged": 600, "borderline": 1_000, "clear": 18_400}
_VIOLATIONS = {"flagged": 0.84, "borderline": 0.12}
_ALLOCATIONS = {"60/80/160": (60, 80, 160), "120/100/80": (120, 100, 80), "17/80/203": (17, 80, 203)}
_CLEAR_MISSES = (0.0002, 0.002, 0.005, 0.01)
_POOLED = (1, 7, 28)
#: Goal: every cell, and the average of all.
LEAST, AVERAGE = 0.92, (0.94, 0.97)


class Coverage(NamedTuple):
    """Share of nights on which each metric's interval held its truth, and its mean width."""

    held: dict[str, float]
    width: dict[str, float]


def coverage(nights: int, seed: int) -> Iterator[str]:
    """The table of coverage, a line a cell."""
    yield f"Coverage of 95 % intervals, {nights} nights a cell (mean width in points)"
    yield f"goal: at least {LEAST:.0%} in each cell, {AVERAGE[0]:.0%} to {AVERAGE[1]:.0%} on average"
    yield f"{'labels a night':<16}{'clear misses':>13}{'nights':>8}" + "".join(f"{metric:>20}" for metric in QUALITY)
    everything: list[float] = []
    for allocation, counts in _ALLOCATIONS.items():
        for misses in _CLEAR_MISSES:
            for pooled in _POOLED:
                found = covered(counts, misses, pooled, nights, seed)
                everything += found.held.values()
                cells = "".join(f"{found.held[m]:>11.1%} ({100 * found.width[m]:5.2f})" for m in QUALITY)
                worse = "  WORSE" if min(found.held.values()) < LEAST else ""
                yield f"{allocation:<16}{misses:>13.2%}{pooled:>8}{cells}{worse}"
    average = float(np.mean(everything))
    is_within = AVERAGE[0] <= average <= AVERAGE[1]
    worse = "" if is_within else "  WORSE: average out of its range"
    yield f"average {average:.1%}, least {min(everything):.1%}{worse}"


def covered(counts: tuple[int, ...], misses: float, pooled: int, nights: int, seed: int) -> Coverage:
    """Coverage of one cell; pooled nights have so many times the comments and labels."""
    random = np.random.default_rng([seed, pooled, int(misses * 1e4), counts[0]])
    shares = {**_VIOLATIONS, "clear": misses}
    sizes = {name: size * pooled for name, size in _SIZES.items()}
    truth = {metric: _value(metric, *_matrix(sizes, shares)) for metric in QUALITY}
    held, width = dict.fromkeys(QUALITY, 0), dict.fromkeys(QUALITY, 0.0)
    labelled = {name: count * pooled for name, count in zip(sizes, counts, strict=True)}
    hits = np.stack([random.binomial(n, shares[name], nights) for name, n in labelled.items()], axis=-1)
    # Nights with the same labels have the same intervals.
    seen, times = np.unique(hits, axis=0, return_counts=True)
    for night, (found, count) in enumerate(zip(seen.tolist(), times.tolist(), strict=True)):
        cells = [
            Cell(name, name == "flagged", float(sizes[name]), hit / n, n, float(n))
            for (name, n), hit in zip(labelled.items(), found, strict=True)
        ]
        for metric, interval in _intervals(cells, night).items():
            held[metric] += count * (interval.low <= truth[metric] <= interval.high)
            width[metric] += count * (interval.high - interval.low)
    return Coverage({m: held[m] / nights for m in QUALITY}, {m: width[m] / nights for m in QUALITY})


def _intervals(cells: list[Cell], seed: int) -> dict[str, Interval]:
    draws = posterior(cells, seed)
    return {metric: weighted_interval(metric, draws) for metric in QUALITY}


def _matrix(sizes: dict[str, int], shares: dict[str, float]) -> tuple[float, float, float, float]:
    found = sizes["flagged"] * shares["flagged"]
    missed = sum(sizes[name] * shares[name] for name in ("borderline", "clear"))
    return found, sizes["flagged"] - found, missed, sizes["borderline"] + sizes["clear"] - missed


def _value(metric: str, tp: float, fp: float, fn: float, tn: float) -> float:
    top, bottom = ratio(metric, tp, fp, fn, tn)
    return top / bottom
