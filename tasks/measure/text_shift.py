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

    The counts have no signs: with them, runs that share a place would cancel.
    """
    from scipy import sparse
    from sklearn.feature_extraction.text import (
        HashingVectorizer,  # a second, for which most commands would wait in vain
    )

    vectorizer = HashingVectorizer(
        analyzer="char", ngram_range=_RUNS, n_features=BUCKETS, norm="l2", alternate_sign=False, lowercase=False
    )
    return sparse.csr_matrix(vectorizer.transform(texts))


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
