"""A label belongs to its guideline: which ones a change of the rules has made stale."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

import prompts
from prompts import Prompt
from tasks import adapters
from tasks.base.paths import EvaluationPaths
from tasks.evaluate.guidelines import changed_categories, describe_stale, find_guidelines, without_stale
from tests.measured_nights import DAY, settings_in

V1 = prompts.load("comment_review", "v1")


def other(before: str, after: str, categories: tuple[str, ...] = V1.categories) -> Prompt:
    """The first prompt with other words."""
    assert before in V1.system
    return V1.model_copy(update={"version": "v9", "system": V1.system.replace(before, after), "categories": categories})


WIDER_SPAM = other("A competitor's link is spam.", "Any link is spam.")


def answers(*rows: tuple[str, str, str]) -> pl.DataFrame:
    """One row a comment: the label, the champion's category, the challenger's."""
    names = ("category", "champion_category", "challenger_category")
    frame = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    return frame.with_columns(violation=pl.col("category") != "none", prompt_sha256=pl.lit(V1.sha256))


def test_a_category_has_changed_if_its_rule_has() -> None:
    """Line breaks, the rest of the prompt and what is allowed in general change no category; a rule and a name do."""
    assert changed_categories(V1, WIDER_SPAM) == {"spam"}
    assert changed_categories(V1, other("You moderate", "You\njudge")) == frozenset()
    assert changed_categories(V1, other("Allowed: harsh", "Allowed:  very harsh")) == frozenset()
    gone = tuple(name for name in V1.categories if name != "fraud")
    assert changed_categories(V1, other("\nfraud: deceives", "\nspam: deceives", gone)) == {"fraud", "spam"}


def test_a_changed_category_leaves_the_comparison_whole() -> None:
    """Labels in it go, and comments labelled none that either candidate puts into it; others stay."""
    rows = answers(
        ("spam", "spam", "none"),
        ("none", "spam", "none"),
        ("none", "none", "spam"),
        ("none", "none", "none"),
        ("hate", "spam", "hate"),
        ("none", "hate", "none"),
    )
    fresh = without_stale(rows, {V1.sha256: V1}, WIDER_SPAM)
    assert (fresh.stale, fresh.unclear_count) == ({"spam": 1}, 2)
    assert fresh.answers["category"].to_list() == ["none", "hate", "none"]
    assert any("1 spam labels are stale" in line for line in describe_stale(fresh))
    assert without_stale(rows, {V1.sha256: V1}, V1).answers.equals(rows)


def test_a_new_category_and_an_unknown_guideline_are_told() -> None:
    """No label is left out for them: nobody can say which."""
    newer = other("\nspam: ", "\nboredom: is boring.\nspam: ", (*V1.categories, "boredom"))
    rows = answers(("none", "none", "none"), ("spam", "spam", "spam"))
    fresh = without_stale(rows, {V1.sha256: V1}, newer)
    assert (fresh.newer, fresh.answers.height) == ({"boredom": 2}, 2)
    unknown = without_stale(rows, {}, V1)
    assert (unknown.unknown_count, unknown.answers.height) == (2, 2)
    assert len(list(describe_stale(fresh))) == len(list(describe_stale(unknown))) == 1


def test_a_guideline_that_left_the_catalog_is_found_where_it_was_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The set's folder has the prompt of its labels; a file that is no prompt is none."""
    monkeypatch.setenv("AWS_REGION", "ap-northeast-1")
    settings = settings_in(tmp_path)
    storage, paths = adapters.connect(settings).storage, EvaluationPaths(settings, DAY, "reviews")
    text = prompts.read("comment_review", "v1").replace("version: v1", "version: v9", 1)
    gone = prompts.parse(text, "comment_review/v9")
    storage.put(paths.prompt(gone.sha256), text.encode())
    storage.put(paths.prompt("broken"), b"no prompt")
    found = find_guidelines(storage, paths, {gone.sha256, V1.sha256, "broken", "nowhere"})
    assert found == {gone.sha256: gone, V1.sha256: V1}
