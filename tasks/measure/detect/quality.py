"""Wrong verdicts: exact counts of errors, stratum by stratum, against a baseline that does not follow a decay.

One evidence process stands on the product of the strata's likelihood ratios: each part of it looks for an error rate
that is some times the baseline's, in all strata or in one. What an allocation of labels changes, the number of labels
a stratum gets, changes no error rate, so it leaves the evidence alone.

Two processes run side by side. The ticket's compares with the best estimate of the baseline and is discounted for
nights that scatter more than labels do. The page's compares with the upper bound of the baseline: at any error rate
up to there its alarms keep to their budget by theorem, given that labels of a night are independent.
Source: Shin, Ramdas, Rinaldo (2024) for both; Clopper and Pearson (1934) for the bound.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import special

from tasks.measure.detect.evidence import Array, Mask, gather
from tasks.measure.detect.nights import Indices

#: Sizes of a rise of the errors that are looked for, in deviations of a night's count: in all strata together, and in
#: each alone. Where few errors are expected, only a rise to several times as many could be told from chance.
TOGETHER = np.array([1.4, 3.6])
ALONE = np.array([2.0, 4.5])
_LEAST_RISE, _MOST_RISE = 0.2, 4.0
#: Part of the evidence that looks at all strata together; the strata share the rest.
TOGETHER_WEIGHT = 0.5
#: The baseline is all nights but the last so many, so that a change is not taken for its own baseline.
LOCKED_OUT = 14
#: Nights that the baseline needs; below this the chart is learning.
MIN_NIGHTS = 14
#: The scatter between nights is taken for the labels' own until about so many nights say otherwise.
SCATTER_PRIOR = 60.0
#: The page compares with this quantile of the baseline's posterior, an upper bound.
PAGE_QUANTILE = 0.9
_LARGEST_RATE = 0.999
#: One night's evidence is at most e to this power; and its squared deviation at most so much, against wild nights.
_MOST_LOG, _LARGEST_SQUARE = 50.0, 9.0


class Labels(NamedTuple):
    """Errors and labels of one or many sites; the parts are slice `all`, then the strata, in any order.

    Attributes:
        errors: wrong of the labels, shape (sites, charts, parts, nights).
        counts: labels; 0 where there are none.
        counted: the labels that are evidence: those of the strata where a night has any, else those of `all`.
        known: whether a part was seen on this night or before, same shape.
        start: index of the first night that the baseline may use, shape (charts, nights).
        line: evidence at which a ticket is due, shape (charts, nights).
        page_line: the same for a page.
    """

    errors: Array
    counts: Array
    counted: Array
    known: Mask
    start: Indices
    line: Array
    page_line: Array


class Found(NamedTuple):
    """What was found; shape (sites, charts, nights) but for `rates` and `sums`.

    Attributes:
        rates: baseline error rate of each part, shape (sites, charts, parts, nights).
        usual: errors of a usual night, same shape.
        discount: of the likelihood ratios, for scatter between nights.
        nights: how many nights the baseline rests on.
        evidence: of the ticket, up to its line.
        page_evidence: of the page, up to its line.
        rings: whether a ticket is due; pages: whether a page is.
        sums: evidence for a ticket before the night, shape (sites, charts, nights, 1 + parts, sizes).
    """

    rates: Array
    usual: Array
    discount: Array
    nights: Array
    evidence: Array
    page_evidence: Array
    rings: Mask
    pages: Mask
    sums: Array


def rises(expected: Array, counted: Array) -> Array:
    """How many times its baseline an error rate is looked for, shape (..., parts, 2, sizes): together, then alone.

    Args:
        expected: errors of a usual night, shape (..., parts).
        counted: tonight's labels, same shape; only parts with any are added up.
    """
    whole = (expected * (counted > 0)).sum(axis=-1, keepdims=True)
    together = TOGETHER / np.sqrt(np.maximum(whole, 1e-9))[..., None]
    alone = ALONE / np.sqrt(np.maximum(expected, 1e-9))[..., None]
    sizes = np.stack([np.broadcast_to(together, alone.shape), alone], axis=-2)
    return np.asarray(1 + np.clip(sizes, _LEAST_RISE, _MOST_RISE))


def log_ratios(errors: Array, counts: Array, rates: Array, times: Array, known: Mask) -> Array:
    """Log likelihood ratios, shape (..., 1 + parts, sizes): of all parts together, then of each alone."""
    base = rates[..., None, None]
    raised = np.minimum(base * times, (1 + base) / 2)
    wrong, right = errors[..., None, None], (counts - errors)[..., None, None]
    ratios = wrong * np.log(raised / base) + right * np.log((1 - raised) / (1 - base))
    ratios = np.where(known[..., None, None], ratios, 0.0)
    together = ratios[..., 0, :].sum(axis=-2, keepdims=True)
    return np.concatenate([together, ratios[..., 1, :]], axis=-2)


def part_weights(known: Mask) -> Array:
    """Weight of every (row, size) of the evidence, shape (..., 1 + parts, sizes); row 0 is all parts together.

    The strata known by a night share what is not looked for together; without strata that is all of it.
    """
    strata = known[..., 1:]
    count = strata.sum(axis=-1, keepdims=True)
    alone = np.where(strata & (count > 1), (1 - TOGETHER_WEIGHT) / np.maximum(count, 1), 0.0)
    together = 1 - alone.sum(axis=-1, keepdims=True)
    rows = np.concatenate([together, np.zeros_like(together), alone], axis=-1)
    return np.repeat(rows[..., None], len(TOGETHER), axis=-1) / len(TOGETHER)


def judge_labels(labels: Labels) -> Found:
    """Every night in turn, each from itself and the nights before it alone; ticket and page side by side."""
    shape = (2, *labels.errors.shape[:3])
    nights = labels.errors.shape[3]
    found = _blank(shape, nights)
    baseline = _Baseline(labels)
    weights = part_weights(np.moveaxis(labels.known, -1, 0))
    wrong = np.where(labels.counted > 0, labels.errors, 0.0)
    is_labelled = labels.counted.sum(axis=-2) > 0
    sums = np.zeros((*shape[:3], 1 + shape[3], len(TOGETHER)))
    for night in range(nights):
        if night and (restarted := labels.start[:, night] == night).any():
            sums = np.where(restarted[:, None, None], 0.0, sums)
        rates, expected, discount, seen = baseline.look(night)
        counted, known = labels.counted[..., night], labels.known[..., night]
        times = rises(expected, counted)
        judged = (seen >= MIN_NIGHTS) & is_labelled[..., night]
        rows = log_ratios(wrong[..., night], counted, rates, times, known) * discount[..., None, None]
        line = np.stack([labels.line[:, night], labels.page_line[:, night]])[:, None]
        found.sums[..., night, :, :] = sums[0]
        grown, total = gather(sums, np.exp(np.clip(rows, -_MOST_LOG, _MOST_LOG)), weights[night], line)
        sums = np.where(judged[..., None, None], grown, sums)
        rings = judged & (total >= line * (1 - 1e-9))
        held = np.minimum((sums * weights[night]).sum(axis=(-2, -1)), line)
        found.evidence[..., night], found.page_evidence[..., night] = held
        found.rings[..., night], found.pages[..., night] = rings
        found.rates[..., night], found.usual[..., night] = rates[0], expected
        found.discount[..., night], found.nights[..., night] = discount, seen
        baseline.note(night, rings.any(axis=0), wrong[..., night], counted, rates[0], judged)
    return found


def _blank(shape: tuple[int, ...], nights: int) -> Found:
    cells = (*shape[1:3], nights)
    return Found(
        rates=np.zeros((*shape[1:], nights)),
        usual=np.zeros((*shape[1:], nights)),
        discount=np.zeros(cells),
        nights=np.zeros(cells),
        evidence=np.zeros(cells),
        page_evidence=np.zeros(cells),
        rings=np.zeros(cells, dtype=bool),
        pages=np.zeros(cells, dtype=bool),
        sums=np.zeros((*cells, 1 + shape[3], len(TOGETHER))),
    )


class _Baseline:
    """Running totals, up to every night, of the nights that did not ring.

    One array, so that looking back is one step: errors of every part, labels of every part, nights, and the squared
    deviations that tell how much more nights scatter than their labels.
    """

    def __init__(self, labels: Labels) -> None:
        sites, charts, self._parts, nights = labels.errors.shape
        self._labels = labels
        self._totals = np.zeros((sites, charts, nights + 1, 2 * self._parts + 2))
        has = labels.counts.max(axis=-2) > 0
        self._seen = np.concatenate([np.zeros((sites, charts, 1)), has.cumsum(axis=-1)], axis=-1)
        self._site, self._chart = np.ogrid[:sites, :charts]

    def look(self, night: int) -> tuple[Array, Array, Array, Array]:
        """Error rates for the ticket, then the page; the errors of a usual night; the discount; and the nights.

        A young chart has a shorter guard.
        """
        start = self._labels.start[:, night]
        now = self._seen[..., night]
        lately = now - self._seen[self._site, self._chart, start]
        out = np.clip(lately - MIN_NIGHTS, 0, LOCKED_OUT)
        last = (self._seen[..., : night + 1] <= (now - out)[..., None]).sum(axis=-1) - 1
        first, last = np.broadcast_to(start, last.shape), np.maximum(last, start)
        within = self._totals[self._site, self._chart, last] - self._totals[self._site, self._chart, first]
        errors, counts = within[..., : self._parts], within[..., self._parts : -2]
        nights, squares = within[..., -2], within[..., -1]
        centre = (errors + 0.5) / (counts + 1)
        bound = special.betaincinv(errors + 0.5, np.maximum(counts - errors, 0.0) + 0.5, PAGE_QUANTILE)
        bound = np.maximum(np.where(np.isfinite(bound), bound, centre), centre)
        rates = np.clip(np.stack([centre, bound]), 1e-9, _LARGEST_RATE)
        scatter = (SCATTER_PRIOR + squares) / (SCATTER_PRIOR + nights)
        usual = (errors + 0.5) / np.maximum(nights, 1)[..., None]
        return rates, usual, 1 / np.maximum(scatter, 1.0), nights

    def note(self, night: int, rang: Mask, wrong: Array, counted: Array, rates: Array, judged: Mask) -> None:
        """Add a night to the totals unless it rang."""
        errors, counts = self._labels.errors[..., night], self._labels.counts[..., night]
        surplus = (wrong - counted * rates).sum(axis=-1)
        variance = (counted * rates * (1 - rates)).sum(axis=-1)
        square = np.where(judged, np.minimum(surplus**2 / np.maximum(variance, 0.5), _LARGEST_SQUARE), 1.0)
        labelled = counts.max(axis=-1) > 0
        added = np.concatenate([errors, counts, labelled[..., None], (square * labelled)[..., None]], axis=-1)
        self._totals[:, :, night + 1] = self._totals[:, :, night] + np.where(rang[..., None], 0.0, added)
