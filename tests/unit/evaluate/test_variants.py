"""Variants of comments: which are wanted, what their label is, and what is no variant."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import polars as pl
import pytest

from data_contracts.tables.evaluation_sets import EVALUATION_SETS
from sandbox.stand_ins import variant_writer
from tasks.evaluate.variants.recipes import MAX_CHARS, RECIPES, Kind, fitting, question_text, read_variant
from tasks.evaluate.variants.variant_items import Wish, made_items, wishes

NOW = datetime(2026, 11, 20, 3, tzinfo=UTC)


def items(*rows: tuple[str, bool, str]) -> pl.DataFrame:
    """Items of a set: id, whether it is a violation, source."""
    base = {"language": "en", "weight": 4.0, "split": "dev", "added_at": NOW, "prompt_sha256": "f00"}
    return pl.DataFrame(
        [
            base
            | {"item_id": name, "text": f"text of {name}", "violation": bad, "source": source, "cluster": f"k{name}"}
            | {"category": "spam" if bad else "none", "stratum": "flagged", "comment_id": name, "date": NOW.date()}
            for name, bad, source in rows
        ],
        schema=EVALUATION_SETS.polars_schema,
    )


SET = items(("a", True, "human"), ("b", False, "log"), ("c", True, "log"), ("d", True, "model"))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        pytest.param(Kind.PARAPHRASE, ["a", "b", "c"], id="any"),
        pytest.param(Kind.INJECTION, ["a", "c"], id="violations"),
        pytest.param(Kind.SARCASM, ["b"], id="others"),
    ],
)
def test_a_recipe_is_for_what_people_wrote(kind: Kind, expected: list[str]) -> None:
    """A variant is never made of a variant, and abuse is not hidden in what is none."""
    assert fitting(SET, kind)["item_id"].to_list() == expected


def test_wanted_once_and_always_the_same() -> None:
    """So many of each kind, of items by hash; those that are there count and are not made again."""
    many = items(*((f"i{number}", True, "human") for number in range(50)))
    first = wishes(many, [Kind.MASKED, Kind.SARCASM], 10, frozenset())
    assert len(first) == 10
    assert wishes(many.sample(fraction=1.0, shuffle=True, seed=2), [Kind.MASKED], 10, frozenset()) == first
    known = frozenset({f"{first[0].item_id}.masked"})
    assert wishes(many, [Kind.MASKED], 10, known) == first[1:]


def test_an_item_is_flagged_and_keeps_its_place() -> None:
    """Source, kind as stratum, weight 1, no comment; cluster, split and guideline are the comment's."""
    texts = {Wish("a", Kind.MASKED): "t.e.x.t", Wish("a", Kind.QUOTED): 'they said "text of a"'}
    made = made_items(SET, texts, NOW)
    columns = ("item_id", "violation", "category", "stratum", "source", "weight", "cluster", "split", "comment_id")
    assert made.items.select(columns).rows() == [
        ("a.masked", True, "spam", "masked", "model", 1.0, "ka", "dev", None),
        ("a.quoted", False, "none", "quoted", "model", 1.0, "ka", "dev", None),
    ]


def test_what_changes_nothing_is_no_variant() -> None:
    """A reply that repeats the comment or another reply is counted and left out."""
    texts = {
        Wish("a", Kind.PARAPHRASE): "Text of A",
        Wish("b", Kind.PARAPHRASE): "said otherwise",
        Wish("c", Kind.PARAPHRASE): "said  otherwise",
    }
    made = made_items(SET, texts, NOW)
    assert made.items["item_id"].to_list() == ["b.paraphrase"]
    assert made.unchanged_count == 2


@pytest.mark.parametrize(
    ("reply", "kept"),
    [
        pytest.param({"text": " other words "}, {"text": "other words"}, id="text"),
        pytest.param({"text": "  "}, None, id="empty"),
        pytest.param({"text": 7}, None, id="no text"),
        pytest.param({"said": "text"}, None, id="another object"),
        pytest.param({"text": "x" * (MAX_CHARS + 1)}, None, id="a story"),
    ],
)
def test_a_reply_is_a_text_or_nothing(reply: dict[str, object], kept: dict[str, str] | None) -> None:
    """A model that tells a story, or nothing, has given no variant."""
    assert read_variant("0" * 32, reply) == kept


def test_the_stand_in_answers_by_the_question() -> None:
    """It writes another text by each recipe, declines some, gives some back; of another prompt it says nothing."""
    said = [variant_writer.write(f"system\n{question_text(kind, f'comment {number}')}")
            for kind in RECIPES for number in range(40)]  # fmt: skip
    texts = [json.loads(each)["text"] for each in said if each is not None and each.startswith("{")]
    assert 0 < len(texts) < len(said)
    assert any(text.startswith("comment ") and text.removeprefix("comment ").isdigit() for text in texts)
    assert len(set(texts)) > 100
    assert variant_writer.write("Judge <comment>this</comment>") is None
