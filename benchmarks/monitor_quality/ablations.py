"""What each part of the detector is good for: the same sites without it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.monitor_quality.alarms import episodes
from benchmarks.monitor_quality.faults import CASES, YEAR_CREEP
from benchmarks.monitor_quality.noise import NOISES, REALISTIC
from benchmarks.monitor_quality.tables import Figure, by_metric, fault_delays, faulty_sites, quiet_sites, quiet_years
from tasks.measure.detect import baseline, evidence, nights
from tasks.measure.detect.labelled import baseline as label_baseline
from tasks.measure.detect.labelled import creep, errors
from tasks.measure.detect.policy import Policy

Change = tuple[ModuleType, str, Any]


def _forget(sums: Any, ratios: Any, weights: Any, line: Any) -> tuple[Any, Any]:
    """Evidence of one night alone, at the same number of false alarms: chance reaches L in one of L nights at most."""
    total = (weights * ratios).sum(axis=-1)
    return sums * 0.0, np.minimum(total, line)


_window = nights._window


def _with_rung(charts: Any, calm: Any, rang: Any, one_hot: Any, night: int) -> Any:
    """The baseline as it would be if no night had rung."""
    return _window(charts, calm, rang & False, one_hot, night)


def _only_sampling(*given: Any) -> Any:
    """A level whose nights scatter as their samples do and no more."""
    found = baseline.level(*given)
    return found._replace(between=found.between * 0.0, error=found.error * 0.0)


#: Each part by name, and what is set to be without it.
PARTS: dict[str, list[Change]] = {
    "everything": [],
    "no weekdays": [(baseline, "_weekdays", lambda residuals, used, weekday: _no_weekdays(residuals, weekday))],
    "no variance between nights": [(nights, "level", lambda *given: _only_sampling(*given))],
    "no correlation": [(baseline, "_MOST_CORRELATION", 0.0)],
    "no cap on one night": [(evidence, "CAP", 50.0)],
    "no jump": [(nights, "JUMP", np.inf)],
    "no guard": [(baseline, "GUARD", 0), (nights, "GUARD", 0)],
    "28 nights of baseline": [(baseline, "WINDOW", 28), (nights, "WINDOW", 28)],
    "no stretch": [(baseline, "SAFETY", 1.0), (nights, "SAFETY", 1.0)],
    "no trend": [(baseline, "TREND_DOUBT", np.inf)],
    "the normal law instead of Student's": [(nights, "normal_score", lambda deviation, freedom: deviation)],
    "nights that rang in the baseline": [(nights, "_window", _with_rung)],
    "one size of shift": [(evidence, "SHIFTS", np.array([1.5])), (nights, "SHIFTS", np.array([1.5]))],
    "no memory": [(nights, "gather", _forget), (errors, "gather", _forget)],
    "no discount for scatter": [(label_baseline, "SCATTER_PRIOR", 1e9)],
    "no lock-out of the last 14 nights": [(label_baseline, "LOCKED_OUT", 0)],
    "strata only alone": [(errors, "TOGETHER_WEIGHT", 0.001)],
    "strata only together": [(errors, "TOGETHER_WEIGHT", 0.999)],
    "no slow guard": [(creep, "DEVIATIONS", np.inf)],
}
_NOISES = ("realistic", "double noise", "AR .6", "t3")
_FAULTS = ("accuracy 95->93", "95->93, errors in flagged", "95->93, errors alike in all strata", "flags 3->3.5",
           "length +5 %", "language 0->1 %", "accuracy 95->90 over 30", "flags 3->4.5 over 90",
           "accuracy 95->93 over 365")  # fmt: skip


def _no_weekdays(residuals: Any, weekday: Any) -> tuple[Any, ...]:
    nothing = np.zeros(residuals.shape[:-1])
    return nothing, np.zeros((*residuals.shape[:-1], weekday.shape[-1])), nothing, nothing


@contextmanager
def without(changes: list[Change]) -> Iterator[None]:
    """Set the parts' constants for a while."""
    with ExitStack() as stack:
        for module, name, value in changes:
            stack.callback(setattr, module, name, getattr(module, name))
            setattr(module, name, value)
        yield


def ablations(years: int, runs: int, seed: int, policy: Policy) -> Iterator[str]:
    """A line a part: false episodes a year by noise, mean nights by fault."""
    yield "Without a part: false episodes a year (standard error), then mean nights until a fault is seen"
    noises = [noise for noise in NOISES if noise.name in _NOISES]
    cases = [case for case in (*CASES, YEAR_CREEP) if case.name in _FAULTS]
    quiet = {noise.name: list(quiet_sites(noise, years, seed, policy)) for noise in noises}
    faulty = {case.name: list(faulty_sites(case, 100, runs, seed, policy)) for case in cases}
    yield (
        f"{'':<42}"
        + "".join(f"{noise.name:>16}" for noise in noises)
        + "".join(f"{case.name[:18]:>20}" for case in cases)
    )
    for name, changes in PARTS.items():
        with without(changes):
            cells, metrics = [], ""
            for noise in noises:
                alarms = quiet_years(quiet[noise.name])
                cells.append(str(Figure.of(episodes(alarms.anywhere).tolist())))
                metrics = by_metric(alarms) if noise == REALISTIC else metrics
            waits = []
            for case in cases:
                found = np.minimum(fault_delays(faulty[case.name]), case.watched)
                waits.append(f"{float(np.median(found)):.0f} ({found.mean():.1f})")
        yield f"{name:<42}" + "".join(f"{cell:>16}" for cell in cells) + "".join(f"{wait:>20}" for wait in waits)
        yield f"    realistic, by metric: {metrics}"
