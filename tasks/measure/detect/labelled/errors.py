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

from tasks.measure.detect.evidence import Array, Mask, gather
from tasks.measure.detect.labelled.baseline import MIN_NIGHTS, LabelBaseline, Labels

#: Rises of the errors that are looked for in all strata together, in deviations of a usual night's number of them, and
#: the part of that evidence for each: the smallest for a decay over months; the next is the least that is worth a
#: ticket within days; the largest is for few labels, of which ten wrong of twenty would not ring without it.
TOGETHER = np.array([0.7, 1.5, 3.6])
TOGETHER_SHARES = np.array([0.1, 0.8, 0.1])
#: The rise that is looked for in one stratum alone, in the same deviations: the same loss, wherever it is.
ALONE = 1.5
#: Where few errors are expected, only a rise to several times as many could be told from chance.
_LEAST_RISE, _MOST_RISE = 0.1, 4.0
#: Part of the evidence that looks at all strata together; the strata share the rest.
TOGETHER_WEIGHT = 0.35
#: Rows of the evidence before those of single parts.
TOGETHER_ROWS = len(TOGETHER)
#: One night's evidence is at most e to this power.
_MOST_LOG = 50.0


class Found(NamedTuple):
    """What was found; shape (sites, charts, nights) but for `rates` and `sums`.

    Attributes:
        counted: the labels that are evidence, shape (sites, charts, parts, nights): those of the strata where a night
            has any and all of them have a baseline, else those of `all`.
        rates: baseline error rate of each part, shape (sites, charts, parts, nights).
        usual: errors of a usual night, same shape.
        discount: of the likelihood ratios, for scatter between nights.
        nights: how many nights the baseline rests on.
        evidence: of the ticket, up to its line.
        page_evidence: of the page, up to its line.
        rings: whether a ticket is due; pages: whether a page is.
        sums: evidence for a ticket before the night, weighted, shape (sites, charts, nights, sizes + parts).
    """

    counted: Array
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
    """How many times its baseline an error rate is looked for; shape (..., parts, rises).

    In all parts together, by size, then in one alone.

    Args:
        expected: errors of a usual night, shape (..., parts).
        counted: tonight's labels, same shape; only parts with any are added up.
    """
    deviation = np.maximum(np.sqrt((expected * (counted > 0)).sum(axis=-1, keepdims=True)), 1e-9)
    alone = ALONE * deviation / np.maximum(expected, 1e-9)
    together = [np.broadcast_to(size / deviation, alone.shape) for size in TOGETHER]
    return np.asarray(1 + np.clip(np.stack([*together, alone], axis=-1), _LEAST_RISE, _MOST_RISE))


def log_ratios(errors: Array, counts: Array, rates: Array, times: Array, known: Mask) -> Array:
    """Log likelihood ratios, shape (..., sizes + parts): of all parts together by size, then of each alone."""
    base = rates[..., None]
    raised = np.minimum(base * times, (1 + base) / 2)
    wrong, right = errors[..., None], (counts - errors)[..., None]
    ratios = wrong * np.log(raised / base) + right * np.log((1 - raised) / (1 - base))
    ratios = np.where(known[..., None], ratios, 0.0)
    return np.concatenate([ratios[..., :TOGETHER_ROWS].sum(axis=-2), ratios[..., TOGETHER_ROWS]], axis=-1)


def part_weights(known: Mask, expected: Array) -> Array:
    """Weight of every row of the evidence, shape (..., sizes + parts), as in `log_ratios`.

    The strata known by a night share what is not looked for together, in proportion to the errors of a usual night: a
    rise hides best where many are expected. Without strata all of it is looked for together.

    Args:
        known: the parts seen by a night, shape (..., parts).
        expected: errors of a usual night, same shape.
    """
    strata = known[..., 1:]
    share = np.where(strata, np.maximum(expected[..., 1:], 1e-9), 0.0)
    share /= np.maximum(share.sum(axis=-1, keepdims=True), 1e-300)
    alone = np.where(strata.sum(axis=-1, keepdims=True) > 1, (1 - TOGETHER_WEIGHT) * share, 0.0)
    together = 1 - alone.sum(axis=-1, keepdims=True)
    return np.concatenate([together * TOGETHER_SHARES, np.zeros_like(together), alone], axis=-1)


def judge_labels(labels: Labels) -> Found:
    """Every night in turn, each from itself and the nights before it alone; ticket and page side by side."""
    shape = (2, *labels.errors.shape[:3])
    nights = labels.errors.shape[3]
    found = _blank(shape, nights)
    baseline = LabelBaseline(labels)
    sums = np.zeros((*shape[:3], TOGETHER_ROWS + shape[3]))
    for night in range(nights):
        if night and (restarted := labels.start[:, night] == night).any():
            sums = np.where(restarted[:, None], 0.0, sums)
        rates, expected, discount, seen, is_ready = baseline.look(night)
        counted, known = _evidence(labels.counts[..., night], is_ready), labels.known[..., night]
        wrong = np.where(counted > 0, labels.errors[..., night], 0.0)
        times = rises(expected, counted)
        judged: Mask = np.asarray((seen >= MIN_NIGHTS) & (counted.sum(axis=-1) > 0), dtype=bool)
        rows = log_ratios(wrong, counted, rates, times, known) * discount[..., None]
        line = np.stack([labels.line[:, night], labels.page_line[:, night]])[:, None]
        found.sums[..., night, :] = sums[0]
        grown, total = gather(sums, np.exp(np.clip(rows, -_MOST_LOG, _MOST_LOG)), part_weights(known, expected), line)
        sums = np.where(judged[..., None], grown, sums)
        rings: Mask = np.asarray(judged & (total >= line * (1 - 1e-9)), dtype=bool)
        held = np.minimum(sums.sum(axis=-1), line)
        found.evidence[..., night], found.page_evidence[..., night] = held
        found.rings[..., night], found.pages[..., night] = rings
        found.counted[..., night], found.rates[..., night], found.usual[..., night] = counted, rates[0], expected
        found.discount[..., night], found.nights[..., night] = discount, seen
        baseline.note(night, np.asarray(rings.any(axis=0), dtype=bool), wrong, counted, rates[0], judged)
    return found


def _blank(shape: tuple[int, ...], nights: int) -> Found:
    cells = (*shape[1:3], nights)
    return Found(
        counted=np.zeros((*shape[1:], nights)),
        rates=np.zeros((*shape[1:], nights)),
        usual=np.zeros((*shape[1:], nights)),
        discount=np.zeros(cells),
        nights=np.zeros(cells),
        evidence=np.zeros(cells),
        page_evidence=np.zeros(cells),
        rings=np.zeros(cells, dtype=bool),
        pages=np.zeros(cells, dtype=bool),
        sums=np.zeros((*cells, TOGETHER_ROWS + shape[3])),
    )


def _evidence(counts: Array, is_ready: Mask) -> Array:
    """Tonight's labels of the strata, if there are any and each can be compared with its past; else those of `all`."""
    strata = counts[..., 1:] > 0
    by_stratum = np.asarray(strata.any(axis=-1) & (is_ready[..., 1:] | ~strata).all(axis=-1), dtype=bool)
    is_strata = np.arange(counts.shape[-1]) > 0
    return np.where(is_strata == by_stratum[..., None], counts, 0.0)
