"""The chance that a comment is a violation, from a classifier's arrays: a sum of weights and a staircase."""

from __future__ import annotations

import hashlib
import io
import zipfile
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from tasks.route.classifier.features import BUCKET_BITS, Floats, fold, scores

#: Texts that are looked at together: few enough that their numbers stay in the processor's cache.
_AT_A_TIME = 2_000


class BrokenArrays(ValueError):
    """The bytes are no classifier's arrays."""


class Arrays(NamedTuple):
    """What a classifier has learnt.

    Attributes:
        weights: one a bucket of runs.
        steps: scores at which the staircase has a corner, in order.
        heights: the chance of a violation at each; never falling.
    """

    weights: Floats
    steps: npt.NDArray[np.float64]
    heights: npt.NDArray[np.float64]

    def to_bytes(self) -> bytes:
        """Plain arrays in numpy's own form; equal arrays are equal bytes."""
        body = io.BytesIO()
        np.savez_compressed(body, weights=self.weights, steps=self.steps, heights=self.heights)
        return body.getvalue()

    @property
    def sha256(self) -> str:
        """Hash of `to_bytes`, lower hex."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    @classmethod
    def from_bytes(cls, body: bytes) -> Arrays:
        """Read what `to_bytes` wrote; nothing in it is ever executed.

        Raises:
            BrokenArrays: if it is anything else.
        """
        try:
            with np.load(io.BytesIO(body), allow_pickle=False) as stored:
                arrays = cls(stored["weights"], stored["steps"], stored["heights"])
        except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise BrokenArrays(f"{type(error).__name__}: {error}") from None
        kinds = [array.dtype for array in arrays]
        is_whole = (
            kinds == [np.float32, np.float64, np.float64]
            and arrays.weights.shape == (1 << BUCKET_BITS,)
            and arrays.steps.ndim == 1
            and arrays.steps.shape == arrays.heights.shape != (0,)
            and all(bool(np.isfinite(array).all()) for array in arrays)
        )
        if not is_whole:
            raise BrokenArrays("an array has another form")
        return arrays

    def chances(self, texts: pl.Series) -> pl.Series:
        """The chance that each text is a violation, 0 to 1."""
        folded = texts.to_frame("text").select(fold(pl.col("text"))).to_series()
        parts = [
            scores(folded[first : first + _AT_A_TIME], self.weights) for first in range(0, len(folded), _AT_A_TIME)
        ]
        return pl.Series("chance", self.calibrated(np.concatenate([np.zeros(0), *parts])), pl.Float64)

    def calibrated(self, found: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """The chance that belongs to each score."""
        return np.interp(found, self.steps, self.heights)
