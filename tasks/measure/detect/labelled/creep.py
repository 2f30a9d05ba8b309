"""The slow guard: 28 nights of labels against the first ones, for a decay that a growing baseline would follow."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tasks.measure.detect.evidence import Array, Mask
from tasks.measure.detect.nights import Indices

#: Nights of the locked baseline, which never moves; nights that are compared with it; of these, so many need labels.
LOCKED_NIGHTS, RECENT_NIGHTS, MIN_LABELLED = 56, 28, 14
#: Beyond so many deviations the guard rings, if the tolerance is passed as well.
DEVIATIONS = 4.0


class Creep(NamedTuple):
    """What the guard sees; arrays of shape (sites, charts, nights).

    Attributes:
        rings: whether errors have crept up.
        locked: share of errors that the locked rates lead one to expect of the last 28 nights' labels.
        recent: share of errors that they have. Both NaN while the guard cannot say.
    """

    rings: Mask
    locked: Array
    recent: Array


def watch_creep(errors: Array, counts: Array, start: Indices, discount: Array, tolerance: Array | float) -> Creep:
    """Compare stratum by stratum, so that another allocation of the labels is no decay.

    Args:
        errors: wrong of the labels that count as evidence, shape (sites, charts, parts, nights).
        counts: those labels.
        start: index of the first night that may be compared with, shape (charts, nights).
        discount: for nights that scatter more than labels do, shape (sites, charts, nights).
        tolerance: how much higher the share of errors may be.
    """
    labelled = _totals((counts.sum(axis=-2) > 0).astype(np.float64))
    at_start = np.take_along_axis(labelled, np.broadcast_to(start, discount.shape), axis=-1)
    before, after = labelled[..., :-1], labelled[..., 1:]
    in_locked = (before - at_start < LOCKED_NIGHTS)[..., None, :]
    places = np.broadcast_to(start[:, None, :], counts.shape)
    locked_errors, locked_counts = (_since(array * in_locked, places) for array in (errors, counts))
    rates = (locked_errors + 0.5) / (locked_counts + 1)
    first = np.maximum(np.arange(counts.shape[-1]) + 1 - RECENT_NIGHTS, start)
    lately = np.broadcast_to(first[:, None, :], counts.shape)
    recent_errors, recent_counts = _since(errors, lately), _since(counts, lately)
    recent_nights = after - np.take_along_axis(labelled, np.broadcast_to(first, discount.shape), axis=-1)
    is_ready = (after - recent_nights - at_start >= LOCKED_NIGHTS) & (recent_nights >= MIN_LABELLED)
    known = locked_counts > 0
    seen = np.maximum((recent_counts * known).sum(axis=-2), 1)
    wrong, expected = (recent_errors * known).sum(axis=-2), (recent_counts * rates * known).sum(axis=-2)
    noise = rates * (1 - rates) * known * (recent_counts + recent_counts**2 / (locked_counts + 1))
    deviation = (wrong - expected) / np.sqrt(np.maximum(noise.sum(axis=-2) / discount, 1e-9))
    rings = is_ready & (deviation > DEVIATIONS) & ((wrong - expected) / seen > tolerance)
    return Creep(rings, np.where(is_ready, expected / seen, np.nan), np.where(is_ready, wrong / seen, np.nan))


def _since(array: Array, first: Indices) -> Array:
    """Totals from each cell's first night up to the cell's own."""
    totals = _totals(array)
    return np.asarray(totals[..., 1:] - np.take_along_axis(totals, first, axis=-1))


def _totals(array: Array) -> Array:
    """Running totals over the nights, with a 0 before the first."""
    return np.concatenate([np.zeros((*array.shape[:-1], 1)), np.cumsum(array, axis=-1)], axis=-1)
