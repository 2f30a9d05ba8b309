"""The two tables of the goals: false episodes a year by kind of noise, and delays by fault."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.monitor_quality.alarms import Alarms, Stacked, delays, episodes, judge_stacked, stack_sites
from benchmarks.monitor_quality.bound import Bound, least_delay
from benchmarks.monitor_quality.faults import Case
from benchmarks.monitor_quality.noise import NOISES, REALISTIC, Noise
from benchmarks.monitor_quality.sites import ACCURACY_ERRORS, ACCURACY_LABELS, STRATA, Fault, shifted, simulate
from tasks.measure.detect.evidence import Array
from tasks.measure.detect.history import History
from tasks.measure.detect.policy import Policy

YEAR = 365
#: Nights before the counted year: by then every baseline is full.
WARM_UP = 92
#: Sites that are judged at once; more would only take more memory.
_BATCH = 25
#: Beside a fault's own metric these are simulated, for the correlation that charts share.
_COMPANY = ("volume", "text_length_log", "violation_rate", "malformed_rate")

#: False episodes a year: goals, and what a stack of CUSUMs and the best rule known reach on nights of these kinds.
FALSE_GOALS = {
    "i.i.d.": (1.0, 0.54, 0.70),
    "realistic": (1.0, 0.76, 0.81),
    "double noise": (3.0, 1.02, 0.93),
    "AR .4": (3.0, 1.8, None),
    "AR .6": (3.0, 3.2, 1.9),
    "t5": (3.0, 1.3, None),
    "t3": (3.5, 3.1, 2.3),
}


class Figure(NamedTuple):
    """A mean with its standard error."""

    mean: float
    error: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Figure:
        """Of one value a site."""
        numbers = np.asarray(values, dtype=np.float64)
        return cls(float(numbers.mean()), float(numbers.std() / max(len(numbers) - 1, 1) ** 0.5))

    def __str__(self) -> str:
        return f"{self.mean:.2f} ({self.error:.2f})"


def quiet_sites(
    noise: Noise, years: int, seed: int, policy: Policy, strata: bool = False, nights: int = WARM_UP + YEAR
) -> Iterator[Stacked]:
    """So many sites without a fault, each with a year after its first nights, in parts that fit into memory."""
    random = np.random.default_rng(seed)
    for first in range(0, years, _BATCH):
        count = min(_BATCH, years - first)
        yield stack_sites([simulate(noise, nights, random, strata=strata) for _ in range(count)], policy)


def quiet_years(parts: Iterable[Stacked], warm_up: int = WARM_UP) -> Alarms:
    """Alarms of the counted nights on each of these sites."""
    found = [judge_stacked(part) for part in parts]
    rings, pages = (np.concatenate([getattr(part, name) for part in found]) for name in ("rings", "pages"))
    return Alarms(found[0].charts, rings[..., warm_up:], pages[..., warm_up:])


def false_alarms(years: int, seed: int, policy: Policy) -> Iterator[str]:
    """The table of false episodes, line by line."""
    yield "False episodes a year, all 29 charts (standard error); beside them the goal and what two other rules reach"
    heads = f"{'goal':>7}{'CUSUM':>9}{'best':>7}{'alarm nights':>15}{'pages':>14}{'>4':>7}"
    yield f"{'nights are':<26}{'episodes':>14}{heads}"
    for noise, strata in [*((noise, False) for noise in NOISES), (REALISTIC, True)]:
        alarms = quiet_years(quiet_sites(noise, years, seed, policy, strata))
        any_chart, any_page = alarms.anywhere, alarms.paged
        count = episodes(any_chart)
        goal, recommended, best = FALSE_GOALS[noise.name]
        figure, nights = Figure.of(count.tolist()), Figure.of(any_chart.sum(axis=1).tolist())
        pages = Figure.of(episodes(any_page).tolist())
        worse = "  WORSE" if figure.mean > goal or (best is not None and figure.mean - 2 * figure.error > best) else ""
        name = noise.name + (", labels in strata" if strata else "")
        yield (
            f"{name:<26}{figure!s:>14}{goal:>7}{recommended:>9}{best or '':>7}{nights!s:>15}{pages!s:>14}"
            f"{float((count > 4).mean()):>7.1%}{worse}"
        )
        yield f"    by metric: {by_metric(alarms)}"


def by_metric(alarms: Alarms) -> str:
    """Episodes a year of every metric, all its slices taken alone."""
    found: dict[str, float] = {}
    for row, (metric, _) in enumerate(alarms.charts):
        found[metric] = found.get(metric, 0.0) + float(episodes(alarms.rings[:, row]).mean())
    return ", ".join(
        f"{metric} {count:.2f}" for metric, count in sorted(found.items(), key=lambda item: -item[1]) if count
    )


class Faulty(NamedTuple):
    """Sites with a fault: on which chart it counts, and the night from which on it is there."""

    chart: tuple[str, str]
    start: int
    sites: Stacked


def faulty_sites(case: Case, clean: int, runs: int, seed: int, policy: Policy) -> Iterator[Faulty]:
    """Sites whose fault begins after so many clean nights, seven weekdays in turn."""
    for offset in range(7):
        random = np.random.default_rng([seed, offset])
        start = clean + offset
        fault = Fault(case.chart, case.change, start)
        sites: list[History] = [
            simulate(REALISTIC, start + case.watched, random, fault, case.strata, (*_COMPANY, case.chart[0]))
            for _ in range(max(runs // 7, 1))
        ]
        yield Faulty((case.chart[0], "all") if case.strata else case.chart, start, stack_sites(sites, policy))


def fault_delays(parts: Iterable[Faulty]) -> Array:
    """Nights until the fault's own chart rings."""
    found = [delays(judge_stacked(part.sites).of(*part.chart), part.start) for part in parts]
    return np.concatenate(found)


def delay_table(cases: Sequence[Case], runs: int, seed: int, policy: Policy) -> Iterator[str]:
    """The table of delays, line by line: after 100 clean nights, and after 30."""
    yield "Nights until the fault's own chart rings: median, mean (standard error), 90th percentile; goals beside"
    yield "bound: of accuracy, who knows the rates before and after, at as many false alarms; no rule is faster"
    heads = f"{'goal':>14}{'best rule':>11}{'bound':>12}"
    yield f"{'fault':<36}{'after 100 clean nights':>24}{'after 30':>24}{heads}"
    for case in cases:
        bound = bound_of(case, seed)
        cells, remarks = [], []
        for clean in (100, 30):
            nights = np.minimum(fault_delays(faulty_sites(case, clean, runs, seed, policy)), case.watched)
            median, p90, mean = float(np.median(nights)), float(np.quantile(nights, 0.9)), Figure.of(nights.tolist())
            cells.append(f"{median:.0f}  {mean!s}  {p90:.0f}")
            if median > case.median or (case.mean or np.inf) < mean.mean or (case.p90 or np.inf) < p90:
                remarks.append(f"WORSE than the goal after {clean}")
            elif median > (case.published or np.inf):
                remarks.append(f"WORSE than the best rule after {clean}")
        if bound is not None and (bound.median > case.median or bound.p90 > (case.p90 or np.inf)):
            remarks.append("the goal is below the bound")
        goal = f"{case.median:g}/{case.mean or '-'}/{case.p90 or '-'}"
        last = f"{goal:>14}{case.published or '':>11}{bound or ''!s:>12}"
        yield f"{case.name:<36}{cells[0]:>24}{cells[1]:>24}{last}  {'; '.join(remarks)}".rstrip()


def bound_of(case: Case, seed: int) -> Bound | None:
    """What no rule can beat where errors of labels rise at once; None for other charts, and for slow changes."""
    if case.chart[0] != "accuracy" or not case.is_step:
        return None
    strata = STRATA if case.strata else {"all": (ACCURACY_LABELS, ACCURACY_ERRORS)}
    counts, before = (np.array([pair[place] for pair in strata.values()], dtype=np.float64) for place in (0, 1))
    now, weekday = np.zeros(1, dtype=np.int_), np.zeros(1, dtype=np.int_)
    parts = [f"stratum={name}" for name in strata]
    if case.chart[1] in parts:
        is_changed = np.array([part == case.chart[1] for part in parts])
        after = np.where(is_changed, case.change(before, now, weekday), before)
    else:
        whole = case.change(np.full(1, 1 - ACCURACY_ERRORS), now, weekday)
        after = shifted(before, np.log((1 - whole) / whole * (1 - ACCURACY_ERRORS) / ACCURACY_ERRORS))
    return least_delay(counts, before, after, seed)
