"""Which comments people are asked to label: as many as wanted, each with a probability that is known, again and again
the same."""

from __future__ import annotations

import math
from collections import Counter
from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from data_contracts.tables.label_requests import Stratum
from tasks.labels.sample.draw import COLUMNS, Drawn, allocate, draw, stratum_of

DAY = date(2026, 11, 19)
WANTED = {Stratum.FLAGGED: 60, Stratum.BORDERLINE: 80, Stratum.CLEAR: 160}
SCHEMA = dict.fromkeys(("comment_id", "product_id", "language", "status"), pl.String) | {
    "violation": pl.Boolean,
    "confidence": pl.Float64,
}


def verdicts(flagged: int, borderline: int, clear: int, unjudged: int = 0) -> pl.DataFrame:
    """A day with so many comments of each stratum, and so many without a verdict."""
    kinds: list[tuple[int, str, dict[str, Any]]] = [
        (flagged, "f", {"violation": True, "confidence": 0.9}),
        (borderline, "b", {"violation": False, "confidence": 0.5}),
        (clear, "c", {"violation": False, "confidence": 0.95}),
        (unjudged, "u", {"violation": None, "confidence": None, "status": "refused"}),
    ]
    rows = [
        {"comment_id": f"{letter}{number}", "product_id": "p", "language": "ja", "status": "judged"} | facts
        for count, letter, facts in kinds
        for number in range(count)
    ]
    return pl.DataFrame(rows, schema=SCHEMA).select(COLUMNS)


def drawn(day: pl.DataFrame, *, salt: bytes = b"salt", piece: int = 1000, run_date: date = DAY) -> Drawn:
    """The draw of a day that is read piece by piece."""
    return draw(day.iter_slices(piece), run_date, salt, WANTED, 0.8)


sizes = st.tuples(*[st.integers(0, 400)] * 3)


@given(counts=sizes, unjudged=st.integers(0, 20))
def test_the_weights_add_up_to_the_judged_comments(counts: tuple[int, int, int], unjudged: int) -> None:
    """The sum of 1 / probability is the number of judged comments, of each stratum too; the rest is counted apart."""
    found = drawn(verdicts(*counts, unjudged=unjudged))
    weight = (1 / found.requests["inclusion_probability"]).sum()
    assert math.isclose(weight, sum(counts), rel_tol=1e-12)
    assert [found.sizes[stratum] for stratum in Stratum] == list(counts)
    assert found.unjudged_count == unjudged
    assert found.requests["inclusion_probability"].is_between(0, 1, closed="right").all()
    for (name,), part in found.requests.partition_by("stratum", as_dict=True).items():
        assert part["stratum_size"].unique().to_list() == [found.sizes[Stratum(str(name))]]
        assert part["inclusion_probability"].unique().to_list() == [len(part) / found.sizes[Stratum(str(name))]]


@given(counts=sizes)
def test_as_many_as_wanted_where_the_day_has_them(counts: tuple[int, int, int]) -> None:
    """What a stratum leaves over goes to the others; no stratum with a comment goes without a request."""
    asked = allocate(dict(zip(Stratum, counts, strict=True)), WANTED)
    assert sum(asked.values()) == min(sum(counts), 300)
    for stratum, size in zip(Stratum, counts, strict=True):
        assert min(size, WANTED[stratum]) <= asked[stratum] <= size


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        pytest.param((600, 1_000, 18_400), (60, 80, 160), id="enough of each"),
        pytest.param((0, 1_000, 18_400), (0, 100, 200), id="none flagged: a third and two thirds of 60"),
        pytest.param((600, 5, 18_400), (80, 5, 215), id="75 in proportion of 60 and 160, to the next whole"),
        pytest.param((61, 0, 18_400), (61, 0, 239), id="one takes a single one more"),
        pytest.param((10, 10, 10), (10, 10, 10), id="a day of thirty"),
        pytest.param((0, 0, 0), (0, 0, 0), id="an empty day"),
    ],
)
def test_leftovers_go_in_proportion(counts: tuple[int, int, int], expected: tuple[int, int, int]) -> None:
    """Free slots are shared out as the strata's own numbers are."""
    assert tuple(allocate(dict(zip(Stratum, counts, strict=True)), WANTED).values()) == expected


@given(counts=sizes, piece=st.integers(1, 500), shuffle=st.integers(0, 10), salt=st.binary(min_size=1, max_size=90))
def test_a_day_drawn_again_is_the_same(counts: tuple[int, int, int], piece: int, shuffle: int, salt: bytes) -> None:
    """Neither the order of the verdicts nor the size of the pieces decides anything."""
    day = verdicts(*counts)
    again = day.sample(fraction=1, shuffle=True, seed=shuffle)
    assert_frame_equal(drawn(day, salt=salt).requests, drawn(again, salt=salt, piece=piece).requests)


def test_salt_and_day_decide() -> None:
    """Whoever does not know the salt cannot tell what is drawn, and each day is drawn for itself."""
    day = verdicts(200, 200, 2_000)
    first = set(drawn(day).requests["comment_id"])
    other_salt = set(drawn(day, salt=b"other").requests["comment_id"])
    other_day = set(drawn(day, run_date=date(2026, 11, 20)).requests["comment_id"])
    assert len(first & other_salt) < 150
    assert len(first & other_day) < 150


def test_every_comment_of_a_stratum_is_as_likely() -> None:
    """Over many salts each of 40 comments is drawn as often as its probability says."""
    day, times = verdicts(0, 0, 40), 400
    wanted = {Stratum.FLAGGED: 1, Stratum.BORDERLINE: 1, Stratum.CLEAR: 8}
    counts = Counter[str]()
    for number in range(times):
        requests = draw([day], DAY, str(number).encode(), wanted, 0.8).requests
        assert requests["inclusion_probability"].unique().to_list() == [10 / 40]
        counts.update(requests["comment_id"])
    expected, spread = times / 4, math.sqrt(times / 4 * 3 / 4)
    assert all(abs(counts[name] - expected) < 4.5 * spread for name in day["comment_id"])


def test_a_comment_takes_its_hash_along() -> None:
    """Judged again with few flips, a day asks for nearly the same comments: their labels go on answering it."""
    day = verdicts(300, 400, 4_000)
    flipped = day.with_columns(violation=pl.col("violation") ^ (pl.col("comment_id").is_in(["f1", "f2", "c3", "c4"])))
    before, after = (set(drawn(each).requests["comment_id"]) for each in (day, flipped))
    assert len(before & after) >= 296


def test_a_tenth_is_for_two_raters() -> None:
    """Of 300 requests 30 have two slots, of all strata alike, and the same when the day is drawn again."""
    requests = drawn(verdicts(600, 1_000, 18_400)).requests
    assert requests["rater_slots"].value_counts().sort("rater_slots").rows() == [(1, 270), (2, 30)]
    for_two = requests.filter(pl.col("rater_slots") == 2)
    assert set(for_two["stratum"]) == {"flagged", "borderline", "clear"}


@pytest.mark.parametrize(
    ("violation", "confidence", "expected"),
    [
        pytest.param(True, 0.1, "flagged", id="flagged, sure or not"),
        pytest.param(False, 0.799, "borderline", id="below"),
        pytest.param(False, 0.8, "clear", id="at the limit"),
        pytest.param(False, None, "borderline", id="nobody knows how sure"),
    ],
)
def test_strata(violation: bool, confidence: float | None, expected: str) -> None:
    """Flagged is what the verdict says; the rest is parted at the confidence."""
    row = pl.DataFrame(
        {"violation": [violation], "confidence": [confidence]}, schema_overrides={"confidence": pl.Float64}
    )
    assert row.select(stratum_of(0.8)).item() == expected


def test_duplicates_are_drawn_as_themselves() -> None:
    """A comment that inherits its verdict is one of those that the verdicts are right or wrong about."""
    day = verdicts(3, 0, 0).with_columns(comment_id=pl.Series(["a", "b", "c"]))
    assert drawn(day).requests["comment_id"].to_list() == ["a", "b", "c"]
