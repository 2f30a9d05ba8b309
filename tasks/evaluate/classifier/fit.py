"""Learns a classifier and calibrates it, so that each example is scored by what never saw it or a text like it."""

from __future__ import annotations

import hashlib
import warnings
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.sparse import csr_matrix

from tasks.route.classifier.features import BUCKET_BITS, fold, run_counts, runs
from tasks.route.classifier.model import Arrays

#: What a person's label weighs against the verdict of a model, which hands on its own errors.
LABEL_WEIGHT = 5.0
#: Parts that take turns in being scored by the others.
FOLDS = 5
_PENALTY_C = 3.0
_SEED = 2026

Floats = npt.NDArray[np.float64]


class Fitted(NamedTuple):
    """A classifier, and the chance that it gives each example when it learns from the others alone."""

    arrays: Arrays
    chances: Floats


def fit(examples: pl.DataFrame) -> Fitted:
    """Learn from examples.

    Columns: examples (text, violation, cluster, is_label, weight: how many comments each stands for).

    Raises:
        ValueError: if not every fold has violations and others.
    """
    folded = examples.select(fold(pl.col("text"))).to_series()
    matrix, truth = _matrix(folded), examples["violation"].to_numpy().astype(np.int8)
    stands_for = examples["weight"].to_numpy().astype(float)
    weights = stands_for / stands_for.mean() * np.where(examples["is_label"].to_numpy(), LABEL_WEIGHT, 1.0)
    folds = np.array([_fold_of(cluster) for cluster in examples["cluster"]])
    raw = np.zeros(len(truth))
    for number in range(FOLDS):
        others, own = folds != number, folds == number
        for part in (truth[others], truth[own]):
            if len(np.unique(part)) < 2:
                raise ValueError("too few violations, or too few comments without one")
        raw[own] = np.asarray(matrix[own] @ _learn(matrix[others], truth[others], weights[others])).ravel()
    chances = np.zeros(len(truth))
    for number in range(FOLDS):
        others, own = folds != number, folds == number
        chances[own] = np.interp(raw[own], *_staircase(raw[others], truth[others], weights[others]))
    learnt = _learn(matrix, truth, weights).astype(np.float32)
    return Fitted(Arrays(learnt, *_staircase(raw, truth, weights)), chances)


def _fold_of(cluster: str) -> int:
    return int.from_bytes(hashlib.sha256(f"fold\x1f{cluster}".encode()).digest()[:4]) % FOLDS


def _matrix(folded: pl.Series) -> Any:
    """What `features.scores` multiplies by the weights, as a matrix: a row a text."""
    counts = run_counts(folded)
    rows, columns = list[npt.NDArray[Any]](), list[npt.NDArray[Any]]()
    for each in runs(folded):
        lengths = np.diff([*each.starts, len(each.buckets)])
        rows.append(np.repeat(np.arange(len(folded), dtype=np.int32), lengths)[each.is_run])
        columns.append(each.buckets[each.is_run].astype(np.int32))
    row, column = np.concatenate(rows), np.concatenate(columns)
    values = (1 / np.sqrt(counts))[row]
    return csr_matrix((values, (row, column)), shape=(len(folded), 1 << BUCKET_BITS))


def _learn(matrix: Any, truth: npt.NDArray[np.int8], weights: Floats) -> Floats:
    """The weights of a logistic regression, without an intercept, which would move all scores alike.

    A descent that is not finished is a classifier like another: how good it is, is measured afterwards, never assumed.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression  # over a second, for the few who train

    model = LogisticRegression(C=_PENALTY_C, solver="liblinear", dual=True, fit_intercept=False, random_state=_SEED)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return np.asarray(model.fit(matrix, truth, sample_weight=weights).coef_[0], float)


def _staircase(raw: Floats, truth: npt.NDArray[np.int8], weights: Floats) -> tuple[Floats, Floats]:
    """The chance by score, never falling: corners and heights.

    Source: Zadrozny, Elkan, "Transforming classifier scores into accurate multiclass probability estimates", KDD 2002.
    """
    from sklearn.isotonic import IsotonicRegression

    model = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(raw, truth, sample_weight=weights)
    return np.asarray(model.X_thresholds_, float), np.asarray(model.y_thresholds_, float)
