"""Labelled comments of a night as items: what each stands for, and what can be none."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest

from data_contracts.tables.labels import LabelSource
from tasks.evaluate.sets.log_items import LogItems, log_item_id, log_items
from tasks.labels.truth import settle
from tests.measured_nights import label, labels_frame, verdict, verdicts_frame

DAY = date(2026, 11, 19)
NOW = datetime(2026, 11, 20, 3, tzinfo=UTC)
TEXTS = {name: f"text of {name}" for name in ("a", "b", "c", "d", "e")}


def taken(*labels: dict[str, object], texts: dict[str, str] | None = None) -> LogItems:
    verdicts = verdicts_frame([verdict(name, prompt_sha256="f00") for name in TEXTS])
    comments = settle(labels_frame(list(labels)), verdicts.lazy(), 0).comments
    return log_items(comments, verdicts.select("comment_id", "posted_at", "prompt_sha256"), texts or TEXTS, DAY, NOW)


def sampled(name: str, probability: float | None, **more: object) -> dict[str, object]:
    return label(name, stratum="flagged", inclusion_probability=probability, **more)


def test_an_item_stands_for_what_it_was_drawn_from() -> None:
    """Weight 1 / probability, stratum, day, comment and the night's guideline; 1 where the probability is unknown."""
    found = taken(sampled("a", 0.25, violation=True, category="spam"), sampled("b", None))
    rows = found.items.select("comment_id", "weight", "stratum", "violation", "category", "source", "date").rows()
    assert rows == [("a", 4.0, "flagged", True, "spam", "log", DAY), ("b", 1.0, "flagged", False, "none", "log", DAY)]
    assert set(found.items["prompt_sha256"]) == {"f00"}
    assert found.items["item_id"].to_list() == [log_item_id(DAY, "a"), log_item_id(DAY, "b")]
    assert found.items["posted_at"].null_count() == 0


def test_what_people_complained_about_is_no_item() -> None:
    """Overturns are the champion's mistakes alone; planted comments count where there is no sample."""
    overturn = label("b", source="overturn", violation=True, category="spam")
    planted = label("c", source="planted", inclusion_probability=0.5)
    assert taken(sampled("a", 0.5), overturn, planted).items["comment_id"].to_list() == ["a"]
    alone = taken(overturn, planted)
    assert (alone.items["comment_id"].to_list(), alone.source) == (["c"], LabelSource.PLANTED)
    assert taken(overturn).source is None


def test_a_majority_counts_and_a_tie_is_left_out() -> None:
    """Two against one decide; one against one decides nothing."""
    votes = [sampled("a", 0.5, labeler=name, violation=yes, category="spam" if yes else "none")
             for name, yes in (("x", True), ("y", True), ("z", False))]  # fmt: skip
    tie = [sampled("b", 0.5, labeler="x"), sampled("b", 0.5, labeler="y", violation=True, category="spam")]
    assert taken(*votes, *tie).items.select("comment_id", "violation").rows() == [("a", True)]


@pytest.mark.parametrize(
    ("labels", "texts", "counts"),
    [
        pytest.param([sampled("a", 0.5), sampled("b", 0.5)], {"a": "here"}, (1, 0), id="erased or replaced text"),
        pytest.param(
            [sampled("a", 0.5), sampled("b", 0.5, violation=True, category=None)], None, (0, 1), id="no category"
        ),
    ],
)
def test_what_cannot_be_taken_is_counted(
    labels: list[dict[str, object]], texts: dict[str, str] | None, counts: tuple[int, int]
) -> None:
    """Neither a comment without a text nor a violation without a category becomes an item."""
    found = taken(*labels, texts=texts)
    assert found.items["comment_id"].to_list() == ["a"]
    assert (found.without_text_count, found.without_category_count) == counts


def test_the_id_of_an_item_does_not_name_the_comment() -> None:
    """Another day's comment of the same id is another item."""
    assert log_item_id(DAY, "a") != log_item_id(date(2026, 11, 20), "a")
    assert isinstance(taken(sampled("a", 0.5)).items, pl.DataFrame)
