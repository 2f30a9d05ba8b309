"""How far a night's texts are from those of the first days, in any script.

A text becomes hashed counts of its runs of one to three characters, of length 1; so every text weighs the same, and a
script without spaces is seen as well as one with them. A night is the mean of its texts: a centroid of fixed size that
adds up batch by batch, so that memory stays flat and a reference of several days is a sum. The shift is the cosine
distance of two centroids: 0 for the same mixture of texts, 1 where they share no run of characters.
Source: Rieck and Laskov, "Linear-Time Computation of Similarity Measures for Sequential Data", JMLR 9 (2008), for
distances of hashed n-grams.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

if TYPE_CHECKING:
    from scipy import sparse

Vector = npt.NDArray[np.float64]

#: Length of a centroid: more runs of characters than this share a place, which blurs a shift but never invents one.
BUCKETS = 2**14
#: Characters of a text that are read, so that a few long ones cannot fill the memory.
TEXT_CHARS = 1_000
_RUNS = (1, 3)
#: Bits of a code point; three of them fit into 64.
_POINT_BITS = 21


class Centroid(NamedTuple):
    """The sum of a set of texts; adding two gives that of both.

    Attributes:
        total: sum of the texts' vectors, of length BUCKETS.
        texts: how many.
    """

    total: Vector
    texts: int

    def plus(self, other: Centroid) -> Centroid:
        """The centroid of both sets of texts."""
        return Centroid(self.total + other.total, self.texts + other.texts)


EMPTY = Centroid(np.zeros(BUCKETS), 0)


def text_vectors(texts: list[str]) -> sparse.csr_matrix:
    """A row a text: counts of its runs of characters, of length 1.

    The counts have no signs: with them, runs that share a place would cancel. Runs are found and hashed for all texts
    at once; the places are those of scikit-learn's HashingVectorizer, by which earlier days are on record.
    """
    from scipy import sparse  # most commands would wait for it in vain

    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    points = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype="<u4") + np.int64(1)
    text_of, left = np.repeat(np.arange(len(texts)), lengths), np.repeat(np.cumsum(lengths), lengths)
    left -= np.arange(len(points))
    found = []
    for length in range(_RUNS[0], _RUNS[1] + 1):
        starts = np.flatnonzero(left >= length)
        run = points[starts]
        for place in range(1, length):
            run = run << _POINT_BITS | points[starts + place]
        found.append(pl.DataFrame({"text": text_of[starts], "run": run}).group_by("text", "run").len())
    runs = pl.concat(found)
    distinct = runs.select(pl.col("run").unique())
    places = distinct.with_columns(place=pl.Series(_places(distinct["run"].to_numpy())))
    placed = runs.join(places, on="run").select("text", "place", "len").to_numpy().T
    counts = sparse.csr_matrix((placed[2].astype(np.float64), placed[:2]), shape=(len(texts), BUCKETS))
    norms = np.sqrt(np.asarray(counts.multiply(counts).sum(axis=1)).ravel())
    return sparse.csr_matrix(sparse.diags(1 / np.where(norms > 0, norms, 1.0)) @ counts)


def _places(runs: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The place of each run in a centroid: MurmurHash3 (x86, 32 bits, seed 0) of its UTF-8, without its sign.

    Source: Appleby, "MurmurHash3", public domain, function MurmurHash3_x86_32.

    Args:
        runs: one to three code points, each one more than it is and of `_POINT_BITS`, the first one highest.
    """
    text, size = np.zeros((len(runs), 4 * _RUNS[1]), dtype=np.uint8), np.zeros(len(runs), dtype=np.int64)
    rows = np.arange(len(runs))
    for place in reversed(range(_RUNS[1])):
        point = (runs >> _POINT_BITS * place & ((1 << _POINT_BITS) - 1)) - 1
        is_there = (runs >> _POINT_BITS * place > 0) | (place == 0)
        more = (point > 0x7F).astype(np.int64) + (point > 0x7FF) + (point > 0xFFFF)
        for byte in range(4):
            some = is_there & (byte <= more)
            lead = np.choose(more[some], (0, 0xC0, 0xE0, 0xF0)) if byte == 0 else 0x80
            bits = point[some] >> 6 * (more[some] - byte)
            kept = np.where(more[some] == 0, bits & 0x7F, bits & 0x3F) if byte else bits
            text[rows[some], size[some] + byte] = lead | kept
        size += np.where(is_there, more + 1, 0)
    words, hashed = text.view("<u4"), np.zeros(len(runs), dtype=np.uint32)
    for number in range(_RUNS[1]):
        mixed = words[:, number] * np.uint32(0xCC9E2D51)
        mixed = (mixed << np.uint32(15) | mixed >> np.uint32(17)) * np.uint32(0x1B873593)
        joined = hashed ^ mixed
        whole = (joined << np.uint32(13) | joined >> np.uint32(19)) * np.uint32(5) + np.uint32(0xE6546B64)
        # A last word that is not full is mixed in, and not turned.
        full, begun = size >= 4 * number + 4, size > 4 * number
        hashed = np.where(full, whole, np.where(begun, joined, hashed))
    hashed ^= size.astype(np.uint32)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        hashed = (hashed ^ hashed >> np.uint32(shift)) * np.uint32(factor)
    signed = (hashed ^ hashed >> np.uint32(16)).view(np.int32).astype(np.int64)
    return np.abs(signed) % BUCKETS


def centroid(batches: Iterable[pl.Series]) -> Centroid:
    """Centroid of texts that come in batches; null and blank texts count for nothing.

    Width, case and spaces are made alike first, as they are for a person who reads.
    """
    sum_so_far = EMPTY
    for texts in batches:
        plain = texts.drop_nulls().str.head(TEXT_CHARS).str.normalize("NFKC").str.to_lowercase()
        plain = plain.str.replace_all(r"\s+", " ").str.strip_chars()
        kept = plain.filter(plain.str.len_chars() > 0)
        if len(kept):
            total = np.asarray(text_vectors(kept.to_list()).sum(axis=0), dtype=np.float64).ravel()
            sum_so_far = sum_so_far.plus(Centroid(total, len(kept)))
    return sum_so_far


def text_shift(night: Centroid, reference: Centroid) -> float | None:
    """Cosine distance of a night's centroid from the reference's, between 0 and 1; None where either has no text."""
    if not night.texts or not reference.texts:
        return None
    lengths = float(np.linalg.norm(night.total)) * float(np.linalg.norm(reference.total))
    return min(max(1 - float(night.total @ reference.total) / lengths, 0.0), 1.0)
