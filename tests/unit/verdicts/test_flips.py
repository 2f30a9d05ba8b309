"""What became of the verdicts of a day that was judged again."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.verdicts.compare_verdicts import changes_by_range, read_side
from tasks.verdicts.flips import Flips, count_changes, describe_flips, summarise_flips
from tests.measured_nights import DAY, verdict, verdicts_frame

UNJUDGED: dict[str, Any] = {"violation": None, "category": None}
SPAM: dict[str, Any] = {"violation": True, "category": "spam"}


def report(before: list[dict[str, Any]], after: list[dict[str, Any]], row_count: int = 1) -> Flips:
    """The flip report of two sides."""
    old, new = verdicts_frame(before).lazy(), verdicts_frame(after).lazy()
    (was, was_count), (now, now_count) = read_side(old), read_side(new)
    assert was is not None
    assert now is not None
    return summarise_flips(DAY, (was, now), (was_count, now_count), changes_by_range(old, new, row_count))


@pytest.mark.parametrize(
    ("before", "after", "ways", "flipped"),
    [
        pytest.param({}, {}, {}, 0, id="the-same"),
        pytest.param({}, SPAM, {"ok → violation": 1}, 1, id="to-violation"),
        pytest.param(SPAM, {}, {"violation → ok": 1}, 1, id="to-ok"),
        pytest.param(SPAM, SPAM | {"category": "hate"}, {"other category": 1}, 1, id="category"),
        pytest.param(SPAM, UNJUDGED | {"status": "refused"}, {"judged → unjudged": 1}, 1, id="lost"),
        pytest.param(UNJUDGED | {"status": "error"}, SPAM, {"unjudged → judged": 1}, 0, id="an-answer-came"),
        pytest.param(
            UNJUDGED | {"status": "error"}, UNJUDGED | {"status": "missing"}, {}, 0, id="unjudged-in-another-way"
        ),
    ],
)
def test_each_change_has_its_way(
    before: dict[str, Any], after: dict[str, Any], ways: dict[str, int], flipped: int
) -> None:
    """A verdict that is another or has gone is a flip; an answer that was lacking and has come is none."""
    found = report([verdict("a", **before)], [verdict("a", **after)])
    assert (found.compared_count, found.ways, found.flipped_count) == (1, ways, flipped)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param({}, "judged again", id="nothing-else"),
        pytest.param({"model_id": "other"}, "model", id="model"),
        pytest.param({"prompt_sha256": "1"}, "prompt", id="prompt"),
        pytest.param({"prompt_sha256": "1", "model_id": "other"}, "prompt", id="prompt-before-model"),
        pytest.param({"text_sha256": "1", "prompt_sha256": "1"}, "late input", id="text-first"),
    ],
)
def test_a_flip_has_a_reason(change: dict[str, Any], reason: str) -> None:
    """The reason is what differs between the two verdicts, the text before the prompt before the model."""
    assert report([verdict("a")], [verdict("a", **SPAM, **change)]).reasons == {reason: 1}


def test_only_comments_of_both_sides_are_compared() -> None:
    """New comments and those that are gone are counted apart; languages and categories are told."""
    before = [verdict("a"), verdict("b", language="ja"), verdict("gone")]
    after = [verdict("a", **SPAM), verdict("b", language="ja"), verdict("new-1"), verdict("new-2")]
    found = report(before, after)
    assert (found.compared_count, found.appeared_count, found.gone_count) == (2, 2, 1)
    assert found.flipped_fraction == 0.5
    assert {item.language: item.flipped_count for item in found.languages} == {"en": 1, "ja": 0}
    assert [item.model_dump() for item in found.transitions] == [{"before": "none", "after": "spam", "count": 1}]
    assert describe_flips(found) == (
        "1 of 2 verdicts flipped (50.0%); ok → violation 1; because of judged again 1; 2 are new; 1 are gone"
    )


def test_nothing_in_common_is_no_flip() -> None:
    """A day whose comments are all others has no share of flips."""
    assert report([verdict("a")], [verdict("b")]).flipped_fraction == 0


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_ranges_change_nothing(pairs: list[tuple[bool, bool]]) -> None:
    """The day compared range by range is the day compared at once."""
    sides = [
        [verdict(f"c{number}", **(SPAM if pair[side] else {})) for number, pair in enumerate(pairs)] for side in (0, 1)
    ]
    old, new = (verdicts_frame(side).lazy() for side in sides)
    at_once = count_changes(old, new).collect()
    keys = [name for name in at_once.columns if name != "count"]
    in_ranges = pl.concat(changes_by_range(old, new, 4_000_000)).group_by(keys).agg(pl.col("count").sum())
    assert in_ranges.sort(keys).equals(at_once.sort(keys).select(in_ranges.columns))
    assert report(sides[0], sides[1]).flipped_count == sum(was is not now for was, now in pairs)


def test_the_report_tells_no_comment() -> None:
    """Neither an id nor a word of a comment stands in the report."""
    found = report([verdict("secret-id")], [verdict("secret-id", **SPAM, explanation="secret words")])
    assert "secret" not in found.model_dump_json()
