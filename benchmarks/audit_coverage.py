"""How often an audit's intervals hold the truth, over simulated nights of steps that are wrong at a known rate.

    python -m benchmarks.audit_coverage [--nights 2000] [--seed 1]

Each night has a step that decides some thousand comments: it clears most and flags some, and is wrong about a known
share of both. Audits are drawn as a night draws them. Counted is how many nights' intervals hold what the step really
got wrong, and really missed: 93 to 97 % of them should, on average over the steps; where errors are so rare that most
audits find none, the interval is wider than it need be and holds more often.
"""

from __future__ import annotations

import argparse
from typing import NamedTuple

import numpy as np

from tasks.route.estimates import Audited, estimate_route


class SimulatedStep(NamedTuple):
    """What is true of a step.

    Attributes:
        cleared, flagged: comments that it decides so.
        missed, false_alarms: the share of each that it gets wrong.
        audit: the share that is drawn.
    """

    name: str
    cleared: int
    flagged: int
    missed: float
    false_alarms: float
    audit: float


STEPS = (
    SimulatedStep("light, 20,000 a night", 14_000, 0, 0.005, 0.0, 0.02),
    SimulatedStep("light, worse", 14_000, 0, 0.02, 0.0, 0.02),
    SimulatedStep("light, a small night", 1_500, 0, 0.02, 0.0, 0.1),
    SimulatedStep("cache", 1_800, 200, 0.01, 0.05, 0.1),
    SimulatedStep("rules", 3_000, 500, 0.005, 0.1, 0.05),
    SimulatedStep("classifier, audited closely", 9_000, 900, 0.01, 0.1, 0.1),
)


class Coverage(NamedTuple):
    """Shares of the nights, and the mean width of the interval of what was missed."""

    error_rate: float
    missed: float
    width: float
    bias: float


def cover(step: SimulatedStep, nights: int, random: np.random.Generator) -> Coverage:
    """How often the intervals of a step hold the truth."""
    rate_held, missed_held, widths, points, truths = 0, 0, [], [], []
    counted = 0
    for _ in range(nights):
        strata, wrongs = [], []
        for size, share in ((step.cleared, step.missed), (step.flagged, step.false_alarms)):
            wrong = int(random.binomial(size, share))
            judged = int(random.binomial(size, step.audit))
            errors = int(random.hypergeometric(wrong, size - wrong, judged)) if judged else 0
            strata.append(Audited(size, judged, errors, judged / step.audit, errors / step.audit))
            wrongs.append(wrong)
        found = estimate_route(*strata)
        if found is None:
            continue
        counted += 1
        low, high = found.rate_interval
        rate_held += low <= sum(wrongs) / (step.cleared + step.flagged) <= high
        missed_held += found.missed_interval.low <= wrongs[0] <= found.missed_interval.high
        widths.append(found.missed_interval.high - found.missed_interval.low)
        points.append(found.missed)
        truths.append(wrongs[0])
    bias = float(np.mean(points) - np.mean(truths))
    return Coverage(rate_held / counted, missed_held / counted, float(np.mean(widths)), bias)


def main() -> None:
    """Print a line for each step, and the averages."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nights", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    random = np.random.default_rng(asked.seed)
    print(f"{'step':30} {'rate held':>10} {'missed held':>12} {'mean width':>11} {'bias':>7}")
    found = []
    for step in STEPS:
        one = cover(step, asked.nights, random)
        found.append(one)
        print(f"{step.name:30} {one.error_rate:10.1%} {one.missed:12.1%} {one.width:11.1f} {one.bias:7.2f}")
    rates, missed = (float(np.mean([getattr(one, name) for one in found])) for name in ("error_rate", "missed"))
    print(f"{'on average':30} {rates:10.1%} {missed:12.1%}")


if __name__ == "__main__":
    main()
