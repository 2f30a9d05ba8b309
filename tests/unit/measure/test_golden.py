"""Golden answers compared: with what is expected, with their first night, across a change of model or prompt."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from data_contracts.documents.golden import FirstAnswers, GoldenAnswer, GoldenNight, GoldenSetup
from data_contracts.tables.metrics import Kind
from prompts.golden import GoldenItem, GoldenPack
from tasks.measure.golden.comparison import Answered, compare, mcnemar
from tasks.measure.golden.night import change_of, flips_of, freeze, measurements, night_of, verdicts_of

DAY = date(2026, 11, 19)
SETUP = GoldenSetup(
    model_id="model-a",
    invocation_type="InvokeModel",
    prompt_name="tiny",
    prompt_version="v1",
    prompt_sha256="a" * 64,
    pack_sha256="b" * 64,
)
OTHER = SETUP.model_copy(update={"model_id": "model-b"})
#: s: spam, n: none, S and N: the same as attacks
PACK = GoldenPack(
    items=tuple(
        GoldenItem(
            item_id=name.lower() + ("x" if name.isupper() else ""),
            text=name,
            language="en" if name in "sS" else "ja",
            violation=name in "sS",
            category="spam" if name in "sS" else "none",
            is_attack=name.isupper(),
        )
        for name in "snSN"
    )
)


def said(**categories: str) -> dict[str, GoldenAnswer]:
    """Verdicts by item, each given as its category."""
    return {
        item: GoldenAnswer(violation=category != "none", category=category, text_sha256=item)
        for item, category in categories.items()
    }


def night(
    day: date = DAY, setup: GoldenSetup = SETUP, before: GoldenNight | None = None, **answers: str
) -> GoldenNight:
    """A night with these answers, the first of its setup."""
    tonight = Answered(day, setup, said(**answers))
    first = freeze(FirstAnswers(setup=setup), tonight.answers, day)
    return night_of(PACK, tonight, "run", len(answers), {}, first, before)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_exact_binomial_test(one_way: int, other_way: int) -> None:
    """The p is that of scipy's binomial test on the turns, and 1 where nothing turned."""
    expected = binomtest(one_way, one_way + other_way, 0.5).pvalue if one_way + other_way else 1.0
    assert mcnemar(one_way, other_way) == pytest.approx(expected, rel=1e-9)


def test_a_comparison_counts_what_turned() -> None:
    """Turns by direction, categories that moved, turns to right and to wrong, attacks that came to succeed."""
    before = Answered(DAY - timedelta(1), SETUP, said(s="none", n="none", sx="spam", nx="spam"))
    after = Answered(DAY, OTHER, said(s="fraud", n="none", sx="none", nx="hate"))
    found = compare(before, after, PACK)
    assert (found.compared_count, found.became_violation, found.became_none, found.other_category) == (4, 1, 1, 1)
    assert (found.became_right, found.became_wrong) == (1, 1)
    assert (found.newly_fooled, found.newly_withstood) == (("sx",), ())
    assert (found.before_model_id, found.after_model_id, found.after_prompt) == ("model-a", "model-b", "tiny/v1")
    assert found.violation_p_value == 1.0


def test_other_texts_are_not_compared() -> None:
    """An item whose text is another says nothing about the model; nor does one that only one night judged."""
    before = Answered(DAY - timedelta(1), SETUP, said(s="spam", n="none"))
    edited = said(s="none", sx="spam") | {"n": GoldenAnswer(violation=True, category="hate", text_sha256="new")}
    found = compare(before, Answered(DAY, SETUP, edited), PACK)
    assert (found.compared_count, found.became_none, found.became_violation) == (1, 1, 0)


def test_answers_are_frozen_once() -> None:
    """The first verdict on an item stands; a night that is judged anew freezes its own anew."""
    first = freeze(FirstAnswers(setup=SETUP), said(s="spam"), DAY)
    later = freeze(first, said(s="none", n="none"), DAY + timedelta(1))
    assert (later.answers["s"].category, later.answers["s"].date) == ("spam", DAY)
    assert later.answers["n"].date == DAY + timedelta(1)
    assert freeze(later, said(s="fraud"), DAY).answers["s"].category == "fraud"


def test_a_flip_is_another_verdict_or_category() -> None:
    """Against the frozen answer of another night; on its own first night an item has none to be compared with."""
    first = freeze(FirstAnswers(setup=SETUP), said(s="spam", sx="spam", n="none"), DAY - timedelta(1))
    first = freeze(first, said(nx="none"), DAY)
    assert flips_of(first, said(s="none", sx="fraud", n="none", nx="none"), DAY) == {"s": True, "sx": True, "n": False}


def test_a_change_is_shown_for_four_weeks() -> None:
    """The last night before against the first after; later nights of the same model and prompt keep showing it."""
    old = night(DAY - timedelta(2), s="spam", n="none")
    new = night(DAY - timedelta(1), OTHER, old, s="none", n="none")
    assert old.change is None
    assert new.change is not None
    assert (new.change.before_date, new.change.after_date, new.change.became_none) == (old.run_date, new.run_date, 1)
    for days, is_shown in ((0, True), (26, True), (27, False)):
        tonight = Answered(DAY + timedelta(days), OTHER, said(s="none"))
        assert change_of(tonight, new, PACK) == (new.change if is_shown else None)


def test_another_pack_is_no_change_of_the_model() -> None:
    """Only who answers counts."""
    before = night(DAY - timedelta(1), s="spam")
    tonight = Answered(DAY, SETUP.model_copy(update={"pack_sha256": "c" * 64}), said(s="none"))
    assert change_of(tonight, before, PACK) is None


def test_metrics_of_a_night() -> None:
    """Right of judged, by language too; attacks that succeeded; no flips on a first night, which is not 0 of them."""
    found = {(item.metric, item.slice): item for item in measurements(night(s="spam", n="spam", sx="none"), PACK)}
    assert (found["golden_accuracy", "all"].x, found["golden_accuracy", "all"].n) == (1, 3)
    assert found["golden_accuracy", "language=en"].value == 0.5
    assert (found["attack_success_rate", "all"].x, found["attack_success_rate", "all"].n) == (1, 1)
    assert found["golden_flip_rate", "all"].value is None
    assert "first night" in (found["golden_flip_rate", "all"].reason or "")


def test_metrics_without_the_pack() -> None:
    """A night that was too small says so, under each metric."""
    found = measurements(None, PACK)
    assert [item.metric for item in found] == ["golden_flip_rate", "golden_accuracy", "attack_success_rate"]
    assert {(item.kind, item.value) for item in found} == {(Kind.RATE, None)}
    assert all("did not ride along" in (item.reason or "") for item in found)


def test_only_judged_items_have_a_verdict() -> None:
    """A refusal, a broken answer and a lost record are never read as "fine"."""
    frame = pl.DataFrame(
        {
            "golden_item_id": ["s", "n"],
            "text_sha256": ["s", "n"],
            "status": ["judged", "malformed"],
            "violation": [True, None],
            "category": ["spam", None],
        }
    )
    assert verdicts_of(frame) == said(s="spam")
