"""How far raters agree: beyond chance, and on violations."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from sklearn.metrics import cohen_kappa_score

from tasks.labels.progress.agreement import agreement

DAY = date(2026, 11, 19)


def told(*pairs: tuple[str, str, int, int, int, int]) -> pl.DataFrame:
    """Labels of pairs of raters: so many comments as violations by both, the first, the other, neither."""
    rows, number = [], 0
    for first, other, *counts in pairs:
        for answers, count in zip([(True, True), (True, False), (False, True), (False, False)], counts, strict=True):
            for _ in range(count):
                number += 1
                rows += [(DAY, f"c{number}", name, said) for name, said in zip((first, other), answers, strict=True)]
    schema = {"date": pl.Date, "comment_id": pl.String, "labeler": pl.String, "violation": pl.Boolean}
    return pl.DataFrame(rows, schema=schema, orient="row")


def test_two_raters() -> None:
    """Kappa is Cohen's, its interval holds it; the agreement on violations is told apart."""
    found = agreement(told(("ann", "ben", 4, 2, 1, 93)))
    first = [True] * 6 + [False] * 94
    other = [True] * 4 + [False] * 2 + [True] + [False] * 93
    assert found.kappa == pytest.approx(cohen_kappa_score(first, other))
    assert found.interval is not None
    assert found.kappa is not None
    assert found.interval[0] < found.kappa < found.interval[1]
    assert (found.compared_count, found.agreed_count) == (100, 97)
    assert found.positive == pytest.approx(8 / 11)


def test_several_pairs() -> None:
    """The mean over pairs is weighted by their comments; a pair with too few is in the counts alone."""
    found = agreement(told(("ann", "ben", 5, 0, 0, 25), ("ben", "cy", 0, 15, 15, 30), ("ann", "cy", 1, 1, 0, 1)))
    assert found.compared_count == 93
    assert found.kappa == pytest.approx((30 * 1.0 + 60 * (-1 / 3)) / 90)


@pytest.mark.parametrize(
    ("pair", "positive"),
    [
        pytest.param(("ann", "ben", 0, 0, 0, 40), None, id="nobody ever saw a violation"),
        pytest.param(("ann", "ben", 40, 0, 0, 0), 1.0, id="everything is one"),
        pytest.param(("ann", "ben", 3, 1, 0, 5), 6 / 7, id="too few"),
    ],
)
def test_no_kappa(pair: tuple[str, str, int, int, int, int], positive: float | None) -> None:
    """Where chance alone agrees, or a handful of comments were shared, there is no kappa."""
    found = agreement(told(pair))
    assert (found.kappa, found.interval) == (None, None)
    assert found.positive == (None if positive is None else pytest.approx(positive))


def test_nobody_shared_a_comment() -> None:
    """Nothing is said."""
    assert agreement(told(("ann", "ann", 0, 0, 0, 0))).compared_count == 0
