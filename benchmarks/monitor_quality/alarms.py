"""Judge many simulated sites at once, and count episodes and delays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tasks.measure.detect.charts import charts_of, is_counted, labels_of
from tasks.measure.detect.evidence import Array, Mask
from tasks.measure.detect.history import History
from tasks.measure.detect.labelled.baseline import Labels
from tasks.measure.detect.labelled.errors import judge_labels
from tasks.measure.detect.nights import Charts, judge_nights
from tasks.measure.detect.policy import Policy

MERGED_NIGHTS, LONG_NIGHTS = 7, 14


class Alarms(NamedTuple):
    """Which charts rang and paged on which nights; arrays of shape (sites, charts, nights)."""

    charts: list[tuple[str, str]]
    rings: Mask
    pages: Mask

    @property
    def anywhere(self) -> Mask:
        """Whether any chart of a site rang; shape (sites, nights)."""
        return np.asarray(self.rings.any(axis=1), dtype=bool)

    @property
    def paged(self) -> Mask:
        """Whether any chart of a site paged; shape (sites, nights)."""
        return np.asarray(self.pages.any(axis=1), dtype=bool)

    def of(self, metric: str, part: str | None = None) -> Mask:
        """Whether any chart of a metric, or one of its slices, rang; shape (sites, nights)."""
        rows = [row for row, (name, slice_) in enumerate(self.charts) if name == metric and part in (None, slice_)]
        return np.asarray(self.rings[:, rows].any(axis=1))


class Stacked(NamedTuple):
    """Many sites as the two judges take them: which charts are compared, which are counted, and their numbers."""

    names: list[tuple[str, str]]
    shape: tuple[int, ...]
    compared: list[int]
    charts: Charts | None
    counted: list[int]
    labels: Labels | None


def stack_sites(sites: Sequence[History], policy: Policy) -> Stacked:
    """All sites at once; they have the same charts and nights."""
    one = sites[0]
    counted = [row for row in range(len(one.charts)) if is_counted(one, row)]
    compared = [row for row in range(len(one.charts)) if row not in counted]
    with np.errstate(all="ignore"):
        charts = _stack_charts(sites, policy, compared) if compared else None
        labels = _stack_labels(sites, policy, counted) if counted else None
    shape = (len(sites), *one.x.shape)
    return Stacked(one.charts, shape, compared, charts, counted, labels)


def judge_stacked(stacked: Stacked) -> Alarms:
    """What `replay` would say of each site."""
    rings, pages = np.zeros(stacked.shape, dtype=bool), np.zeros(stacked.shape, dtype=bool)
    with np.errstate(all="ignore"):
        if stacked.charts is not None:
            rings[:, stacked.compared] = judge_nights(stacked.charts).rings
        if stacked.labels is not None:
            found = judge_labels(stacked.labels)
            rings[:, stacked.counted] = found.rings | found.pages
            pages[:, stacked.counted] = found.pages
    return Alarms(stacked.names, rings, pages)


def judge_sites(sites: Sequence[History], policy: Policy) -> Alarms:
    """Stack the sites and judge them."""
    return judge_stacked(stack_sites(sites, policy))


def _stack_charts(sites: Sequence[History], policy: Policy, rows: list[int]) -> Charts:
    each = [charts_of(site, policy, rows) for site in sites]
    points, unit, size = (np.concatenate([getattr(item, name) for item in each]) for name in ("points", "unit", "size"))
    return each[0]._replace(
        points=points, unit=unit, size=size, present=np.concatenate([item.present for item in each])
    )


def _stack_labels(sites: Sequence[History], policy: Policy, rows: list[int]) -> Labels:
    each = [labels_of(site, policy, rows) for site in sites]
    errors, counts = (np.concatenate([getattr(item, name) for item in each]) for name in ("errors", "counts"))
    return each[0]._replace(errors=errors, counts=counts, known=np.concatenate([item.known for item in each]))


def episodes(rings: Mask) -> npt.NDArray[np.int_]:
    """Episodes of every site; shape (sites, nights) -> (sites,)."""
    return np.array([_count(np.flatnonzero(row)) for row in rings], dtype=np.int_)


def _count(nights: npt.NDArray[np.int_]) -> int:
    count, start, last = 0, -LONG_NIGHTS, -LONG_NIGHTS
    for night in nights.tolist():
        if night - last > MERGED_NIGHTS or night - start >= LONG_NIGHTS:
            count, start = count + 1, night
        last = night
    return count


def delays(rings: Mask, start: int) -> Array:
    """Nights until the first alarm, the first night of the fault being 1; inf if none came.

    Sites that rang in the week before the fault are left out.
    """
    quiet = rings[~rings[:, start - MERGED_NIGHTS : start].any(axis=1)]
    after = quiet[:, start:]
    return np.where(after.any(axis=1), after.argmax(axis=1) + 1.0, np.inf)
