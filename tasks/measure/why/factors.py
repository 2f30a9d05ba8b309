"""A rate as the product of its factors, and what the exchange of each factor does to it.

The rate is made of six things: which comments came (language, product within it, repeated texts within that), which
version judged them, which of them got a verdict at all, and how many violations there are among comments of one kind
and version.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tasks.measure.why.tables import NOTHING, Counts, Kind, Leaf, Table

Array = npt.NDArray[np.float64]


class Side(NamedTuple):
    """One period as the factors of its rate, an entry a leaf, each a part of a whole."""

    language: Array
    product: Array
    repeats: Array
    version: Array
    judged: Array
    violations: Array


def sides_of(before: Table, after: Table, shift: float, *, takes_all: bool) -> tuple[Side, Side]:
    """Both periods over the leaves of both; what one has not seen is taken from the other.

    Args:
        shift: what a new version adds to the rate of the old one on the same comments.
        takes_all: whether a version that one period lacks is thought to have had there the rate that it has in the
            other, so that it takes all of the change; else it is thought to have had the old version's, and `shift`.
    """
    tables = (before, after)
    leaves = sorted(before.keys() | after.keys(), key=lambda leaf: (leaf[0], leaf[1].model_dump_json()))
    pairs = [
        _shares(leaves, tables, lambda leaf: leaf[0].language, lambda _: None),
        _shares(leaves, tables, lambda leaf: leaf[0][:2], lambda leaf: leaf[0].language),
        _shares(leaves, tables, lambda leaf: leaf[0], lambda leaf: leaf[0][:2]),
        _shares(leaves, tables, lambda leaf: leaf, lambda leaf: leaf[0]),
        _filled([[_ratio(table.get(leaf, NOTHING)[1::-1]) for leaf in leaves] for table in tables]),
    ]
    rates = [[_ratio(table.get(leaf, NOTHING)[:0:-1]) for leaf in leaves] for table in tables]
    if not takes_all:
        rates = _with_the_other_version(leaves, tables, rates, shift)
    pairs.append(_filled(rates))
    return Side(*(pair[0] for pair in pairs)), Side(*(pair[1] for pair in pairs))


def _ratio(counts: Sequence[int]) -> float:
    """The first of the second; nothing if there is none of the second."""
    part, whole = counts
    return part / whole if whole else math.nan


def _shares(
    leaves: Sequence[Leaf],
    tables: tuple[Table, Table],
    part: Callable[[Leaf], Hashable],
    whole: Callable[[Leaf], Hashable],
) -> tuple[Array, Array]:
    """How large a part of its whole each leaf's part is, in both periods."""
    found = []
    for table in tables:
        parts, wholes = Counter[Hashable](), Counter[Hashable]()
        for leaf, counts in table.items():
            parts[part(leaf)] += counts.valid
            wholes[whole(leaf)] += counts.valid
        found.append([_ratio((parts[part(leaf)], wholes[whole(leaf)])) for leaf in leaves])
    return _filled(found)


def _filled(pair: Sequence[Sequence[float]]) -> tuple[Array, Array]:
    """Both periods, each with the other's value where it has none; 0 where neither has one."""
    one, two = (np.array(values, dtype=np.float64) for values in pair)
    return np.nan_to_num(np.where(np.isnan(one), two, one)), np.nan_to_num(np.where(np.isnan(two), one, two))


def _with_the_other_version(
    leaves: Sequence[Leaf], tables: tuple[Table, Table], rates: list[list[float]], shift: float
) -> list[list[float]]:
    """The rates, with those that a version would have had in the period that it did not judge."""
    versions = [{version for _, version in table} for table in tables]
    for place, sign in ((0, shift), (1, -shift)):
        kinds: dict[Kind, Counts] = {}
        for (kind, _), counts in tables[place].items():
            kinds[kind] = kinds.get(kind, NOTHING).plus(counts)
        for number, (kind, version) in enumerate(leaves):
            if version not in versions[place]:
                rates[place][number] = min(max(_ratio(kinds.get(kind, NOTHING)[:0:-1]) + sign, 0.0), 1.0)
    return rates


def mixed_rate(sides: tuple[Side, Side], taken: frozenset[int]) -> float:
    """The rate with these factors from the period after and the others from the one before."""
    language, product, repeats, version, judged, violations = (
        sides[place in taken][place] for place in range(len(Side._fields))
    )
    came = language * product * repeats * version
    weights = came * judged
    if not weights.sum():  # the comments of one period, all of them lost as in the other
        weights = came
    return float((weights * violations).sum() / weights.sum())


def shapley(value: Callable[[frozenset[int]], float]) -> list[float]:
    """What each factor's exchange does to the value, averaged over all orders."""
    count = len(Side._fields)
    known = {
        frozenset(taken): value(frozenset(taken))
        for size in range(count + 1)
        for taken in combinations(range(count), size)
    }
    weight = [math.factorial(size) * math.factorial(count - size - 1) / math.factorial(count) for size in range(count)]
    return [
        math.fsum(
            weight[len(taken)] * (known[taken | {factor}] - before)
            for taken, before in known.items()
            if factor not in taken
        )
        for factor in range(count)
    ]
