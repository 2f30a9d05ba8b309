"""What happens around a detector: sale weeks, nights without data, labels allocated anew, labels that come late."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from functools import partial
from typing import NamedTuple

import numpy as np

from benchmarks.monitor_quality.alarms import Alarms, delays, judge_sites
from benchmarks.monitor_quality.noise import REALISTIC
from benchmarks.monitor_quality.sites import FIRST, STRATA, simulate
from benchmarks.monitor_quality.tables import Figure
from tasks.measure.detect.history import History
from tasks.measure.detect.nights import Indices
from tasks.measure.detect.policy import Event, Policy

_START, _NIGHTS = 110, 180
_WEEK = 7
_INPUTS = ("volume", "product_share", "text_length_log", "language_share")
#: A label arrives on a night with this chance, if it shows an error and if it does not: errors are asked about.
_ARRIVES_WRONG, _ARRIVES_RIGHT = 0.35, 0.7
#: A night's labels count once so many have come, or after so many nights.
_COMPLETE, _LONGEST_WAIT = 0.9, 14


class Window(NamedTuple):
    """Nights of a story, the last not included."""

    first: int
    end: int

    def share(self, alarms: Alarms, metrics: Sequence[str]) -> Figure:
        """Share of sites on which any of these metrics rang in the window."""
        rings = np.any([alarms.of(metric) for metric in metrics], axis=0)
        return Figure.of(rings[:, self.first : self.end].any(axis=1).astype(float).tolist())


def stories(runs: int, seed: int, policy: Policy) -> Iterator[str]:
    """Every story, a line each: share of sites that ring in a window (standard error)."""
    yield f"Stories, {runs} sites each: share of sites that ring (standard error)"
    yield from _sale_weeks(runs, seed, policy)
    yield from _gap(runs, seed, policy)
    yield from _allocation(runs, seed, policy)
    yield from _late_labels(runs, seed, policy)


def _sites(
    runs: int, seed: int, change: Callable[[History, np.random.Generator], History], strata: bool = False
) -> list[History]:
    random = np.random.default_rng(seed)
    return [change(simulate(REALISTIC, _NIGHTS, random, strata=strata), random) for _ in range(runs)]


def _sale_weeks(runs: int, seed: int, policy: Policy) -> Iterator[str]:
    days = (date_of(_START), date_of(_START + _WEEK - 1))
    announced = policy.model_copy(update={"events": (Event("sale", *days, _INPUTS),)})
    sites = _sites(runs, seed, sale)
    week, later = Window(_START, _START + _WEEK), Window(_START + _WEEK + 3, _START + _WEEK + 10)
    for name, used in (("announced", announced), ("not announced", policy)):
        alarms = judge_sites(sites, used)
        yield (
            f"sale week, {name}: in the week {week.share(alarms, _INPUTS)}; "
            f"from the fourth night after it {later.share(alarms, _INPUTS)}"
        )


def date_of(night: int) -> date:
    """The date of a night."""
    return FIRST + timedelta(days=night)


def sale(site: History, _: np.random.Generator) -> History:
    """A week with 60 % more comments, half as many again on one product, and shorter ones."""
    week = slice(_START, _START + _WEEK)
    x, n, mean = site.x.copy(), site.n.copy(), site.mean.copy()
    for row, (metric, part) in enumerate(site.charts):
        if metric == "volume":
            x[row, week], n[row, week] = np.round(1.6 * x[row, week]), np.round(1.6 * n[row, week])
        elif metric == "product_share":
            x[row, week] = np.round(x[row, week] * (1.5 if part == "product=m0" else 5 / 6))
        elif metric == "text_length_log":
            mean[row, week] -= 0.05
    return site._replace(x=x, n=n, mean=mean)


def _gap(runs: int, seed: int, policy: Policy) -> Iterator[str]:
    kept = np.r_[0:_START, _START + _WEEK : _NIGHTS]
    after = Window(_START, _START + 14)
    for name, nights in (("a week without data", kept), ("no gap", np.arange(_NIGHTS))):
        alarms = judge_sites(_sites(runs, seed, partial(only, nights=nights)), policy)
        every = sorted({metric for metric, _ in alarms.charts})
        yield f"{name}: any chart in the 14 nights after {after.share(alarms, every)}"


def only(site: History, _: np.random.Generator, *, nights: Indices) -> History:
    """A site of which some nights are missing."""
    cut = {name: getattr(site, name)[:, nights] for name in ("x", "n", "mean", "variance", "present", "broken")}
    return site._replace(dates=[site.dates[night] for night in nights], **cut)


def _allocation(runs: int, seed: int, policy: Policy) -> Iterator[str]:
    counts = {"flagged": 120, "borderline": 100, "clear": 80}
    after = Window(_START, _START + 60)
    for name, wanted in (
        ("60/80/160 -> 120/100/80", counts),
        ("unchanged", {name: n for name, (n, _) in STRATA.items()}),
    ):
        sites = _sites(runs, seed, partial(reallocate, counts=wanted), strata=True)
        share = after.share(judge_sites(sites, policy), ["accuracy"])
        yield f"labels by stratum, {name}: accuracy in the 60 nights after {share}"


def reallocate(site: History, random: np.random.Generator, *, counts: dict[str, int]) -> History:
    """From a night on, other numbers of labels a stratum, at the same error rates."""
    x, n = site.x.copy(), site.n.copy()
    later = slice(_START, None)
    for name, count in counts.items():
        row = site.charts.index(("accuracy", f"stratum={name}"))
        n[row, later] = count
        x[row, later] = count - random.binomial(count, STRATA[name][1], _NIGHTS - _START)
    whole = site.charts.index(("accuracy", "all"))
    rows = [site.charts.index(("accuracy", f"stratum={name}")) for name in counts]
    x[whole], n[whole] = x[rows].sum(axis=0), n[rows].sum(axis=0)
    return site._replace(x=x, n=n)


def _late_labels(runs: int, seed: int, policy: Policy) -> Iterator[str]:
    after = Window(_START, _NIGHTS)
    for name, times in (("no fault", 1.0), ("95->90", 2.0)):
        waits: list[float] = []
        for when, is_late in (("come late, errors later", True), ("come at once", False)):
            sites = _sites(runs, seed, partial(late, times=times, waits=waits, is_late=is_late))
            alarms = judge_sites(sites, policy)
            found = delays(alarms.of("accuracy"), _START)
            line = f"labels that {when}, {name}: accuracy in the {_NIGHTS - _START} nights after "
            line += str(after.share(alarms, ["accuracy"]))
            line += f"; complete after {np.mean(waits):.1f} nights" if is_late else ""
            yield line if times == 1 else f"{line}; rings on night {np.median(found):.0f} of the fault"


def late(
    site: History, random: np.random.Generator, *, times: float, waits: list[float], is_late: bool = True
) -> History:
    """Accuracy as it stands when a night's labels are complete enough, errors having come later than others."""
    x, n = site.x.copy(), site.n.copy()
    row = site.charts.index(("accuracy", "all"))
    for night in range(_NIGHTS):
        wrong = random.binomial(300, min(0.05 * (times if night >= _START else 1), 1))
        when = np.concatenate([random.geometric(_ARRIVES_WRONG, wrong), random.geometric(_ARRIVES_RIGHT, 300 - wrong)])
        wait = min(int(np.sort(when)[int(np.ceil(_COMPLETE * 300)) - 1]), _LONGEST_WAIT)
        waits.append(wait)
        arrived = when <= (wait if is_late else np.inf)
        n[row, night], x[row, night] = arrived.sum(), arrived[wrong:].sum()
    return site._replace(x=x, n=n)
