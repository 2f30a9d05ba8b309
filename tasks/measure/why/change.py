"""The change of the violation rate between two periods, split up by cause; the parts add up to it.

The rate is the product of its factors (`factors`). Each is taken from the period before or from the one after, and a
cause's part is what the exchange of its factor does to the rate, averaged over all orders in which the factors can be
exchanged. What the exchange of nothing known explains is the rest.

Source: L. S. Shapley, A Value for n-Person Games (1953); as a decomposition of changes: A. F. Shorrocks, Journal of
Economic Inequality 11 (2013) 99.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from data_contracts.documents.why import Basis, Cause, CausePart, Change, NightCells, Version
from tasks.measure.why.factors import mixed_rate, shapley, sides_of
from tasks.measure.why.tables import Table, period_of, rate_of, shown_products, slices_of, table_of

#: Slices that are named.
SHOWN_SLICES = 6

#: What each factor of `Side` stands for; the versions' part is split by what about them changed.
_FACTORS = (Cause.LANGUAGE, Cause.PRODUCT_GROUP, Cause.REPEATED_TEXTS, None, Cause.PIPELINE_ERRORS, Cause.REST)
#: What of a changed version is known from outside.
_KNOWN = (Basis.FLIPS, Basis.GOLDEN)


class Evidence(NamedTuple):
    """What tells the part of a changed version from the rest.

    Attributes:
        basis: flips, golden, or assumed where nothing does.
        shift: what the new version adds to the rate on the same comments, as a fraction; of flips.
    """

    basis: Basis
    shift: float = 0.0


def split_change(
    before: Sequence[NightCells], after: Sequence[NightCells], evidence: Evidence = Evidence(Basis.ASSUMED)
) -> Change | None:
    """The change between two periods; None if one of them has no verdict at all.

    Args:
        before, after: their nights.
        evidence: what is known of a version that judged only one of the periods.
    """
    if not before or not after:
        return None
    products = shown_products([*before, *after])
    tables = table_of(before, products), table_of(after, products)
    if not all(sum(counts.judged for counts in table.values()) for table in tables):
        return None
    basis = _basis(*tables, evidence.basis)
    sides = sides_of(*tables, evidence.shift if basis is Basis.FLIPS else 0.0, takes_all=basis not in _KNOWN)
    rates = tuple(rate_of(table) for table in tables)
    values = shapley(lambda taken: mixed_rate(sides, taken))
    parts = {cause: values[place] for place, cause in enumerate(_FACTORS) if cause is not None}
    parts |= _by_version(*tables, values[_FACTORS.index(None)])
    others = math.fsum(part for cause, part in parts.items() if cause is not Cause.REST)
    parts[Cause.REST] = rates[1] - rates[0] - others
    ordered = sorted(parts.items(), key=lambda item: (-abs(item[1]), item[0]))
    return Change(
        period_before=period_of(before, tables[0]),
        period_after=period_of(after, tables[1]),
        before=rates[0],
        after=rates[1],
        parts=tuple(CausePart(name=cause, change=part) for cause, part in ordered),
        basis=basis,
        slices=tuple(slices_of(*tables)[:SHOWN_SLICES]),
    )


def _basis(before: Table, after: Table, known: Basis) -> Basis:
    """What the part of the version rests on: an overlap of versions tells more than any evidence from outside."""
    old, new = ({version for _, version in table} for table in (before, after))
    if old == new:
        return Basis.NO_CHANGE if len(old) == 1 else Basis.OVERLAP
    return Basis.OVERLAP if new < old or old < new else known


def _by_version(before: Table, after: Table, change: float) -> dict[Cause, float]:
    """The versions' part, by how far the shares of prompts, models and policies moved."""
    moved = {
        Cause.PROMPT_VERSION: _distance(before, after, lambda version: version.prompt_sha256),
        Cause.MODEL_VERSION: _distance(before, after, lambda version: version.model_id),
        Cause.POLICY: _distance(before, after, lambda version: version.policy),
    }
    whole = sum(moved.values())
    return {cause: change * distance / whole if whole else 0.0 for cause, distance in moved.items()}


def _distance(before: Table, after: Table, name: Callable[[Version], str]) -> float:
    """How much of the comments another one judged: total variation, 0 to 1."""
    shares = []
    for table in (before, after):
        counts = Counter[str]()
        for (_, version), each in table.items():
            counts[name(version)] += each.valid
        shares.append({key: count / counts.total() for key, count in counts.items()})
    return sum(abs(shares[0].get(key, 0.0) - shares[1].get(key, 0.0)) for key in shares[0] | shares[1]) / 2
