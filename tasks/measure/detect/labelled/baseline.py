"""The locked but growing baseline of label counts: all nights but the last 14, without nights that rang."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import special

from tasks.measure.detect.evidence import Array, Mask
from tasks.measure.detect.nights import Indices

#: The baseline is all nights but the last so many, so that a change is not taken for its own baseline.
LOCKED_OUT = 14
#: Nights that the baseline needs; below this the chart is learning.
MIN_NIGHTS = 14
#: The scatter between nights is taken for the labels' own until about so many nights say otherwise.
SCATTER_PRIOR = 60.0
#: The page compares with this quantile of the baseline's posterior, an upper bound.
PAGE_QUANTILE = 0.9
_LARGEST_RATE = 0.999
#: One night's squared deviation counts at most so much for the scatter, against wild nights.
_LARGEST_SQUARE = 9.0


class Labels(NamedTuple):
    """Errors and labels of one or many sites; the parts are slice `all`, then the strata, in any order.

    Attributes:
        errors: wrong of the labels, shape (sites, charts, parts, nights).
        counts: labels; 0 where there are none.
        known: whether a part was seen on this night or before, same shape.
        start: index of the first night that the baseline may use, shape (charts, nights).
        line: evidence at which a ticket is due, shape (charts, nights).
        page_line: the same for a page.
    """

    errors: Array
    counts: Array
    known: Mask
    start: Indices
    line: Array
    page_line: Array


class LabelBaseline:
    """Running totals, up to every night, of the nights that did not ring.

    One array, so that looking back is one step: errors, labels and labelled nights of every part, nights, and the
    squared deviations that tell how much more nights scatter than their labels.
    """

    def __init__(self, labels: Labels) -> None:
        sites, charts, self._parts, nights = labels.errors.shape
        self._labels = labels
        self._totals = np.zeros((sites, charts, nights + 1, 3 * self._parts + 2))
        has = labels.counts.max(axis=-2) > 0
        self._seen = np.concatenate([np.zeros((sites, charts, 1)), has.cumsum(axis=-1)], axis=-1)
        self._site, self._chart = np.ogrid[:sites, :charts]

    def look(self, night: int) -> tuple[Array, Array, Array, Array, Mask]:
        """Error rates for ticket and page; errors of a usual night; discount; nights; which parts have a baseline.

        A young chart has a shorter guard.
        """
        start = self._labels.start[:, night]
        now = self._seen[..., night]
        lately = now - self._seen[self._site, self._chart, start]
        out = np.clip(lately - MIN_NIGHTS, 0, LOCKED_OUT)
        last = (self._seen[..., : night + 1] <= (now - out)[..., None]).sum(axis=-1) - 1
        first, last = np.broadcast_to(start, last.shape), np.maximum(last, start)
        within = self._totals[self._site, self._chart, last] - self._totals[self._site, self._chart, first]
        errors, counts, labelled = np.moveaxis(within[..., :-2].reshape(*within.shape[:-1], 3, self._parts), -2, 0)
        nights, squares = within[..., -2], within[..., -1]
        centre = (errors + 0.5) / (counts + 1)
        bound = special.betaincinv(errors + 0.5, np.maximum(counts - errors, 0.0) + 0.5, PAGE_QUANTILE)
        bound = np.maximum(np.where(np.isfinite(bound), bound, centre), centre)
        rates = np.clip(np.stack([centre, bound]), 1e-9, _LARGEST_RATE)
        scatter = (SCATTER_PRIOR + squares) / (SCATTER_PRIOR + nights)
        usual = (errors + 0.5) / np.maximum(labelled, 1)
        return rates, usual, 1 / np.maximum(scatter, 1.0), nights, labelled >= MIN_NIGHTS

    def note(self, night: int, rang: Mask, wrong: Array, counted: Array, rates: Array, judged: Mask) -> None:
        """Add a night to the totals unless it rang."""
        errors, counts = self._labels.errors[..., night], self._labels.counts[..., night]
        surplus = (wrong - counted * rates).sum(axis=-1)
        variance = (counted * rates * (1 - rates)).sum(axis=-1)
        square = np.where(judged, np.minimum(surplus**2 / np.maximum(variance, 0.5), _LARGEST_SQUARE), 1.0)
        labelled = np.asarray(counts.max(axis=-1) > 0, dtype=bool)
        ends = np.stack([labelled, square * labelled], axis=-1)
        added = np.concatenate([errors, counts, counts > 0, ends], axis=-1)
        self._totals[:, :, night + 1] = self._totals[:, :, night] + np.where(rang[..., None], 0.0, added)
