"""What each part of the detector is good for: the same sites without it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.monitor_quality.alarms import episodes, judge_stacked
from benchmarks.monitor_quality.faults import CASES, YEAR_CREEP
from benchmarks.monitor_quality.noise import NOISES, REALISTIC
from benchmarks.monitor_quality.tables import YEAR, Figure, fault_delays, faulty_sites, quiet_sites, quiet_years
from tasks.measure.detect import baseline, evidence, nights
from tasks.measure.detect.labelled import baseline as label_baseline
from tasks.measure.detect.labelled import errors
from tasks.measure.detect.labelled.baseline import MIN_NIGHTS
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
    "no rise over months": [(errors, "TOGETHER_SHARES", np.array([0.0, 0.9, 0.1]))],
    "no rise that few labels show": [(errors, "TOGETHER_SHARES", np.array([0.1, 0.9, 0.0]))],
}
_NOISES = ("realistic", "double noise", "AR .6", "t3")
_FAULTS = ("accuracy 95->93", "95->93, errors in flagged", "95->93, errors alike in all strata", "flags 3->3.5",
           "length +5 %", "language 0->1 %", "accuracy 95->90 over 30", "flags 3->4.5 over 90",
           "accuracy 95->93 over 365")  # fmt: skip
_EARLY = ("accuracy 95->93", "flags 3->3.5")
_LASTING = "flags 3->4.5"
_YOUNG = 120


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
    """A line a part: false episodes a year by noise, median and mean nights by fault, and three things besides."""
    yield "Without a part: false episodes a year (standard error); median (mean) nights until a fault is seen;"
    yield "young: false episodes a year from the 15th to the 120th night; lasts: share of the nights 31 to 60 of flags"
    yield "3->4.5 on which it still rings; @30: after 30 clean nights"
    noises = [noise for noise in NOISES if noise.name in _NOISES]
    every = [*CASES, YEAR_CREEP]
    cases = [(f"{case.name}", case, 100) for case in every if case.name in _FAULTS]
    cases += [(f"{case.name} @30", case, 30) for case in every if case.name in _EARLY]
    quiet = {noise.name: list(quiet_sites(noise, years, seed, policy)) for noise in noises}
    faulty = {name: list(faulty_sites(case, clean, runs, seed, policy)) for name, case, clean in cases}
    young = list(quiet_sites(REALISTIC, 2 * years, seed, policy, nights=_YOUNG))
    lasting = [part for case in CASES if case.name == _LASTING for part in faulty_sites(case, 100, runs, seed, policy)]
    heads = [f"{noise.name:>16}" for noise in noises] + [f"{'young':>7}", f"{'lasts':>7}"]
    yield f"{'':<38}" + "".join(heads) + "".join(f"{name[-18:]:>20}" for name, *_ in cases)
    for name, changes in PARTS.items():
        with without(changes):
            cells = [
                f"{Figure.of(episodes(quiet_years(quiet[noise.name]).anywhere).tolist())!s:>16}" for noise in noises
            ]
            first = quiet_years(young, MIN_NIGHTS).anywhere
            cells.append(f"{episodes(first).mean() * YEAR / first.shape[1]:>7.2f}")
            rings = np.concatenate(
                [judge_stacked(part.sites).of(*part.chart)[:, part.start + 30 : part.start + 60] for part in lasting]
            )
            cells.append(f"{rings.mean():>7.2f}")
            for title, case, _ in cases:
                found = np.minimum(fault_delays(faulty[title]), case.watched)
                cells.append(f"{f'{np.median(found):.0f} ({found.mean():.1f})':>20}")
        yield f"{name:<38}" + "".join(cells)
