"""The distance between nights of text: nothing for the same mixture, something for a new language, topic or script."""

from __future__ import annotations

import random

import numpy as np
import polars as pl
import pytest

from tasks.measure.text_shift import BUCKETS, EMPTY, centroid, text_shift

ENGLISH = ["great value for the money", "arrived late and the box was broken", "would buy again", "not what I ordered"]
JAPANESE = ["とても良い商品でした", "配送が遅くて箱が壊れていた", "また買いたいです", "注文した物と違う"]
JAPANESE_GAMES = ["攻略が難しい遊戯", "対戦相手が見つからない", "新作の音楽が最高", "操作性が悪い"]


def texts(choices: list[str], count: int, seed: int) -> pl.Series:
    """Texts drawn from a few, each a little different."""
    drawn = random.Random(seed)
    return pl.Series([f"{drawn.choice(choices)} {drawn.choice(choices)}" for _ in range(count)])


REFERENCE = centroid([texts(ENGLISH, 3000, 1)])


def test_a_night_of_the_same_texts_is_near() -> None:
    """Chance alone moves the centroid by a thousandth."""
    shift = text_shift(centroid([texts(ENGLISH, 3000, 2)]), REFERENCE)
    assert shift is not None
    assert shift < 0.002


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_another_language_is_seen(share: float) -> None:
    """A few per cent in another script stand out from chance."""
    night = centroid([texts(ENGLISH, int(3000 * (1 - share)), 2), texts(JAPANESE, int(3000 * share), 3)])
    calm = text_shift(centroid([texts(ENGLISH, 3000, 2)]), REFERENCE)
    shift = text_shift(night, REFERENCE)
    assert shift is not None
    assert calm is not None
    assert shift > 4 * calm


def test_another_topic_in_a_script_without_spaces_is_seen() -> None:
    """Words need no spaces between them."""
    reference = centroid([texts(JAPANESE, 2000, 1)])
    shift = text_shift(centroid([texts(JAPANESE_GAMES, 2000, 2)]), reference)
    assert shift is not None
    assert shift > 0.3


def test_batches_do_not_matter() -> None:
    """The centroid is a sum."""
    whole = texts(JAPANESE, 500, 4)
    parts = centroid([whole[:7], whole[7:8], whole[8:]])
    assert parts.texts == 500
    np.testing.assert_allclose(parts.total, centroid([whole]).total)


def test_width_case_and_spaces_do_not_matter() -> None:
    """Full-width letters, capitals and line breaks are no shift."""
    night, reference = centroid([pl.Series(["ＧＲＥＡＴ\n value "])]), centroid([pl.Series(["great value"])])
    assert text_shift(night, reference) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("batch", [pl.Series([], dtype=pl.String()), pl.Series([None, " \n", ""], dtype=pl.String())])
def test_no_text_has_no_shift(batch: pl.Series) -> None:
    """Nothing is no distance of 0."""
    night = centroid([batch])
    assert night.texts == 0
    assert text_shift(night, REFERENCE) is None
    assert text_shift(REFERENCE, EMPTY) is None


def test_long_texts_and_lone_characters_are_read() -> None:
    """A text of any length counts once, within the size that every centroid has."""
    night = centroid([pl.Series(["あ", "x" * 100_000])])
    assert night.texts == 2
    assert night.total.shape == (BUCKETS,)
