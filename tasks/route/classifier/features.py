"""Texts as hashed runs of one to four characters, a whole batch at a time and without a loop over texts.

Runs of characters need no dictionary and no tokeniser, so Japanese, English and masked spellings are alike to them. A
run is known by its hash alone: what was learnt from a text cannot be read back.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

#: Longest run, in characters.
LONGEST = 4
#: Buckets of hashes, as a power of two.
BUCKET_BITS = 18
#: Names this way of reading a text: a classifier that was trained on another one is of no use.
READING = "runs-1"

_PAD = LONGEST - 1
_PADDING, _END = "\0" * _PAD, "\1"
_FACTOR, _MIX = np.uint32(0x01000193), np.uint32(0x9E3779B1)
_ZERO, _NINE = ord("0"), ord("9")

Floats = npt.NDArray[np.float32]


class Runs(NamedTuple):
    """The runs of some texts, for one length of run.

    Attributes:
        buckets: the bucket of the run that ends at each place of the joined texts.
        starts: where each text begins there; its first places, `is_run` says, hold none.
        is_run: whether a run ends there.
    """

    buckets: npt.NDArray[np.uint32]
    starts: npt.NDArray[np.int64]
    is_run: npt.NDArray[np.bool_]


def fold(text: pl.Expr) -> pl.Expr:
    """What the runs are taken of: width and case make no difference."""
    return text.str.normalize("NFKC").str.to_lowercase()


def run_counts(folded: pl.Series) -> npt.NDArray[np.int64]:
    """How many runs each text has, of all lengths."""
    return (folded.str.len_chars().cast(pl.Int64).to_numpy() + 1) * LONGEST


def runs(folded: pl.Series) -> Iterator[Runs]:
    """The runs of folded texts, from the shortest to the longest.

    Each text stands behind a padding that is as long as a run may reach back, so no run has parts of two texts.
    """
    texts = folded.to_list()
    joined = _PADDING + f"{_END}{_PADDING}".join(texts) + _END
    # A lone surrogate cannot come: polars holds UTF-8.
    codes = np.frombuffer(joined.encode("utf-32-le"), np.uint32)
    is_digit = (codes >= _ZERO) & (codes <= _NINE)
    codes = np.where(is_digit, np.uint32(_ZERO), codes)
    lengths = folded.str.len_chars().cast(pl.Int64).to_numpy() + 1 + _PAD
    starts = np.concatenate(([0], np.cumsum(lengths)[:-1])).astype(np.int64)
    is_run = np.ones(len(codes), np.bool_)
    for place in range(_PAD):
        is_run[starts + place] = False
    hashes = np.zeros(len(codes), np.uint32)
    for length in range(1, LONGEST + 1):
        before = np.empty_like(hashes)
        before[0], before[1:] = 0, hashes[:-1]
        hashes = before * _FACTOR + codes + np.uint32(length)
        mixed = (hashes ^ (hashes >> np.uint32(15))) * _MIX
        yield Runs(mixed >> np.uint32(32 - BUCKET_BITS), starts, is_run)


def scores(folded: pl.Series, weights: Floats) -> npt.NDArray[np.float64]:
    """The sum of the weights of each text's runs, divided by the root of their number.

    Args:
        folded: texts by `fold`.
        weights: one a bucket.
    """
    if folded.is_empty():
        return np.zeros(0)
    total = np.zeros(len(folded))
    for each in runs(folded):
        given = weights[each.buckets] * each.is_run
        total += np.add.reduceat(given, each.starts, dtype=np.float64)
    return total / np.sqrt(run_counts(folded))
