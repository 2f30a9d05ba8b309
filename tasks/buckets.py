"""Ranges of record ids, so that a join over a night of any size needs the memory of one range."""

from __future__ import annotations

import math
from typing import NamedTuple

import polars as pl

#: Records of one range: a few hundred bytes each are held while a range is joined.
ROWS = 250_000

#: Record ids are hashes: their first four hex digits spread evenly over this many values.
_DIGITS, _PREFIXES = 4, 16**4


class Bucket(NamedTuple):
    """The records whose id's first four hex digits are in [low, high)."""

    low: int
    high: int

    def holds(self, record_id: pl.Expr) -> pl.Expr:
        """Whether a record id is of this range."""
        prefix = record_id.str.head(_DIGITS).str.to_integer(base=16)
        return (prefix >= self.low) & (prefix < self.high)


def buckets(row_count: int) -> list[Bucket]:
    """Even ranges that together hold every record id, as many as the rows need; one for a small night."""
    count = min(max(1, math.ceil(row_count / ROWS)), _PREFIXES)
    return [Bucket(n * _PREFIXES // count, (n + 1) * _PREFIXES // count) for n in range(count)]
