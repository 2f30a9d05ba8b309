"""Groups of like texts: who learns from one of them must not be tested on another.

Two texts are alike if most of their runs of three characters are the same, once case, width, white space and signs are
folded. They are found by MinHash and banding; a pair that the bands suggest is compared in full.

Source: Broder, "On the resemblance and containment of documents", 1997.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

#: Share of equal runs from which two texts are alike.
ALIKE = 0.7
_RUN = 3
_BANDS, _ROWS = 12, 3
_SIGNS = re.compile(r"[\W_]+")
_MOST = np.uint64(2**61 - 1)


def cluster_texts(texts: Sequence[str]) -> list[str]:
    """The cluster of each text: 16 lower hex characters that depend on the texts alone, not on their order.

    Like is not passed on without limit in practice: a chain of variants of one text is one cluster.
    """
    runs = [_runs(text) for text in texts]
    parents = list(range(len(texts)))
    for first, second in _candidates(runs):
        roots = _root(parents, first), _root(parents, second)
        if roots[0] != roots[1] and _resemblance(runs[first], runs[second]) >= ALIKE:
            parents[max(roots)] = min(roots)
    members = defaultdict[int, list[str]](list)
    for place, text in enumerate(texts):
        members[_root(parents, place)].append(_folded(text))
    names = {root: hashlib.sha256(min(group).encode()).hexdigest()[:16] for root, group in members.items()}
    return [names[_root(parents, place)] for place in range(len(texts))]


def _folded(text: str) -> str:
    return _SIGNS.sub("", unicodedata.normalize("NFKC", text).casefold())


def _runs(text: str) -> frozenset[str]:
    folded = _folded(text) or text
    return frozenset(folded[place : place + _RUN] for place in range(max(1, len(folded) - _RUN + 1)))


def _resemblance(first: frozenset[str], second: frozenset[str]) -> float:
    return len(first & second) / len(first | second)


def _candidates(runs: Sequence[frozenset[str]]) -> Iterator[tuple[int, int]]:
    """Pairs of neighbours in a band; equal ones are chained, so that a thousand copies are a thousand pairs."""
    random = np.random.default_rng(0)
    factors = random.integers(1, 2**61 - 1, _BANDS * _ROWS, dtype=np.uint64) | np.uint64(1)
    last: dict[tuple[int, bytes], int] = {}
    for place, each in enumerate(runs):
        signature = _signature(each, factors)
        for band in range(_BANDS):
            key = band, signature[band * _ROWS : (band + 1) * _ROWS].tobytes()
            if key in last:
                yield last[key], place
            last[key] = place


def _signature(runs: frozenset[str], factors: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The smallest of the runs' hashes under each factor."""
    hashes = np.array(
        [int.from_bytes(hashlib.blake2b(run.encode(), digest_size=8).digest()) for run in runs], np.uint64
    )
    with np.errstate(over="ignore"):
        signature: npt.NDArray[np.uint64] = ((hashes[:, None] * factors[None, :]) % _MOST).min(axis=0)
    return signature


def _root(parents: list[int], place: int) -> int:
    while parents[place] != place:
        parents[place] = parents[parents[place]]
        place = parents[place]
    return place
