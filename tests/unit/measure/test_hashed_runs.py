"""Texts' runs of characters have the places that earlier days' centroids are on record with."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import HashingVectorizer

from tasks.measure.text_shift import BUCKETS, text_vectors

_TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs", "Zs", "Cc", "Zl", "Zp"]), max_size=12), max_size=5)


@given(_TEXTS)
def test_vectors_are_those_of_the_hashing_vectorizer(texts: list[str]) -> None:
    """Any script, planes beyond the first, empty texts: the same places and lengths as scikit-learn gives."""
    texts = [*texts, "", "a", "\0日本 語🙂é\0a", "aaaa"]
    known = HashingVectorizer(
        analyzer="char", ngram_range=(1, 3), n_features=BUCKETS, norm="l2", alternate_sign=False, lowercase=False
    )
    found, expected = text_vectors(texts), known.transform(texts)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 1e-12
