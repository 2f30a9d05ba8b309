"""Two periods as tables: comments, verdicts and violations by kind of comment and version of what judged them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from data_contracts.documents.why import NightCells, Period, SliceChange, Version
from tasks.measure.why.cells import OTHER

#: Products that are told apart in a comparison, the largest of either period.
NAMED_PRODUCTS = 12


class Kind(NamedTuple):
    """What a comment is, whoever judged it."""

    language: str
    product: str
    is_repeat: bool


class Counts(NamedTuple):
    """Comments, those with a verdict, and violations."""

    valid: int
    judged: int
    violations: int

    def plus(self, other: Counts) -> Counts:
        """Both together."""
        return Counts(*(one + two for one, two in zip(self, other, strict=True)))


Leaf = tuple[Kind, Version]
Table = Mapping[Leaf, Counts]

NOTHING = Counts(0, 0, 0)


def shown_products(nights: Sequence[NightCells]) -> set[str]:
    largest: dict[str, float] = {}
    for night in nights:
        whole = sum(cell.valid_count for cell in night.cells) or 1
        tonight = Counter[str]()
        for cell in night.cells:
            tonight[cell.product] += cell.valid_count
        for product, count in tonight.items():
            # As a share of its night: a product that is new is not lost among 28 nights of others.
            largest[product] = max(largest.get(product, 0.0), count / whole)
    named = sorted(largest, key=lambda product: (-largest[product], product))
    return set(named[:NAMED_PRODUCTS])


def table_of(nights: Sequence[NightCells], products: set[str]) -> Table:
    table: dict[Leaf, Counts] = {}
    for night in nights:
        for cell in night.cells:
            product = cell.product if cell.product in products else OTHER
            leaf = Kind(cell.language, product, cell.is_repeat), night.versions[cell.version]
            counts = Counts(cell.valid_count, cell.judged_count, cell.violation_count)
            table[leaf] = table.get(leaf, NOTHING).plus(counts)
    return table


def rate_of(table: Table) -> float:
    """Violations among judged comments."""
    return sum(counts.violations for counts in table.values()) / sum(counts.judged for counts in table.values())


_DIMENSIONS: tuple[tuple[str, Callable[[Kind], str]], ...] = (
    ("language", lambda kind: kind.language),
    ("product", lambda kind: kind.product),
    ("repeated", lambda kind: "yes" if kind.is_repeat else "no"),
)


def slices_of(before: Table, after: Table) -> list[SliceChange]:
    """The slices of all dimensions, the largest part first; those of a dimension add up to the change.

    A slice's part is that of its rate's distance from the middle of both rates, weighted by its share.
    """
    middle, found = (rate_of(before) + rate_of(after)) / 2, []
    for dimension, member in _DIMENSIONS:
        counts = [_by_member(table, member) for table in (before, after)]
        totals = [sum(each.judged for each in side.values()) for side in counts]
        for name in sorted(counts[0] | counts[1]):
            sides = [side.get(name, NOTHING) for side in counts]
            shares = [each.judged / total for each, total in zip(sides, totals, strict=True)]
            rates = [each.violations / each.judged if each.judged else None for each in sides]
            parts = [
                share * (rate - middle) if rate is not None else 0.0 for share, rate in zip(shares, rates, strict=True)
            ]
            found.append(
                SliceChange(
                    name=f"{dimension}={name}",
                    change=parts[1] - parts[0],
                    share_before=shares[0],
                    share_after=shares[1],
                    rate_before=rates[0],
                    rate_after=rates[1],
                )
            )
    return sorted(found, key=lambda each: (-abs(each.change), each.name))


def _by_member(table: Table, member: Callable[[Kind], str]) -> dict[str, Counts]:
    found: dict[str, Counts] = {}
    for (kind, _), counts in table.items():
        found[member(kind)] = found.get(member(kind), NOTHING).plus(counts)
    return found


def period_of(nights: Sequence[NightCells], table: Table) -> Period:
    versions = Counter[Version]()
    for (_, version), counts in table.items():
        versions[version] += counts.valid
    return Period(
        first=min(night.run_date for night in nights),
        last=max(night.run_date for night in nights),
        night_count=len(nights),
        judged_count=sum(counts.judged for counts in table.values()),
        violation_count=sum(counts.violations for counts in table.values()),
        versions=tuple(version for version, _ in versions.most_common()),
    )
