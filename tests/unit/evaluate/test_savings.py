"""Policies replayed on stored answers: who decides, what that costs, what the labels prove of it."""

from __future__ import annotations

from xml.etree import ElementTree

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.documents.evaluation.savings import ReplayRow
from prompts.policies import PolicyFile
from tasks.evaluate.savings.guarantee import Tried, labels_needed, loss_bound, proved_threshold, violations_needed
from tasks.evaluate.savings.replay import LIGHT, MODEL, PACK, Replayed, at_threshold, replay
from tasks.evaluate.savings.score import score
from tasks.reports.charts.savings import draw_savings

PLAIN = PolicyFile(name="plain", step=[{"name": "duplicate"}, {"name": "model"}])
CACHED = PolicyFile(name="cached", step=[{"name": "duplicate"}, {"name": "cache", "audit": 0.1}, {"name": "model"}])
LIGHT_FIRST = PolicyFile(
    name="light_first", step=[{"name": "light", "audit": 0.02, "clear_from": 0.9}, {"name": "model"}]
)
MODEL_USD, LIGHT_USD = 0.0005, 0.00003


def items(*groups: tuple[int, bool, bool | None, float | None]) -> pl.DataFrame:
    """Items by group: how many, the label, what the model says, how sure the light model is that all is fine.

    None for the light model: its answer is broken.
    """
    rows = [group[1:] for group in groups for _ in range(group[0])]
    truth, model, light = (list(part) for part in zip(*rows, strict=True))
    is_judged = [sure is not None for sure in light]
    return pl.DataFrame(
        {
            "weight": [1.0] * len(rows),
            "cluster": pl.Series([None] * len(rows), dtype=pl.String),
            "violation": truth,
            "rule_violation": pl.Series([None] * len(rows), dtype=pl.Boolean),
            "sent_on": [False] * len(rows),
            "model_status": ["malformed" if verdict is None else "judged" for verdict in model],
            "model_violation": pl.Series(model, dtype=pl.Boolean),
            "model_confidence": [0.9] * len(rows),
            "model_cost_usd": [MODEL_USD] * len(rows),
            "light_status": ["judged" if judged else "malformed" for judged in is_judged],
            "light_violation": pl.Series([False if judged else None for judged in is_judged], dtype=pl.Boolean),
            "light_confidence": pl.Series(light, dtype=pl.Float64),
            "light_cost_usd": [LIGHT_USD] * len(rows),
        }
    )


SOME = items(
    (10, True, True, 0.5),  # escalated and found
    (5, True, True, 0.95),  # cleared although the model would have found them
    (5, True, False, 0.95),  # both let them pass
    (70, False, False, 0.99),  # rightly cleared
    (6, False, False, None),  # broken: escalated
    (4, False, True, 0.6),  # escalated, and the model errs
)


def test_a_light_step_is_replayed() -> None:
    """Who is asked, what it costs with its audit, and the violations that it alone lets pass."""
    row = score(replay(SOME, LIGHT_FIRST, 0.0), "light_first", 1000 * MODEL_USD, 0.02)
    assert row.model_share == pytest.approx(0.2)
    assert row.cost_per_1000_usd == pytest.approx(1000 * (LIGHT_USD + 0.2 * MODEL_USD + 0.8 * 0.02 * MODEL_USD))
    assert row.cost_ratio == pytest.approx(2 * (LIGHT_USD + 0.216 * MODEL_USD) * 1000)
    assert row.recall == pytest.approx(10 / 20)
    assert row.precision == pytest.approx(10 / 14)
    assert row.f1 == pytest.approx(20 / 34)
    assert (row.lost, row.violations) == (5, 20)
    assert row.recall_loss_high == pytest.approx(loss_bound(5, 20))
    assert row.recall_low is not None
    assert row.recall_high is not None
    assert row.recall_low < 0.5 < row.recall_high
    assert row.needs_labels is None  # a quarter is lost: no number of labels proves two percent


def test_plain_loses_nothing_and_a_cache_changes_the_price_alone() -> None:
    plain = score(replay(SOME, PLAIN, 0.4), "plain", 0.5, 0.02)
    cached = score(replay(SOME, CACHED, 0.4), "cached", 0.5, 0.02)
    assert plain.cost_ratio == pytest.approx(1.0)
    assert (plain.recall_loss_high, plain.needs_labels) == (0.0, None)
    assert cached.cost_ratio == pytest.approx(0.6 + 0.4 * 0.1)
    assert (cached.recall, cached.precision, cached.recall_loss_high) == (plain.recall, plain.precision, 0.0)


def test_a_rule_decides_first_and_sends_on() -> None:
    """A closed list costs its audit alone; a comment that a rule sends on is not asked of the light model."""
    policy = PolicyFile(
        name="ruled", step=[{"name": "rules", "audit": 0.1}, {"name": "light", "audit": 0.02}, {"name": "model"}]
    )
    three = SOME.head(3).with_columns(
        rule_violation=pl.Series([True, None, None], dtype=pl.Boolean), sent_on=pl.Series([False, True, False])
    )
    found = replay(three, policy, 0.0).items
    assert found["step"].to_list() == ["rule", MODEL, MODEL]
    assert found["cost_usd"].to_list() == pytest.approx([0.1 * MODEL_USD, MODEL_USD, LIGHT_USD + MODEL_USD])


def test_packs_are_priced_and_judged_by_their_own_answers() -> None:
    policy = PolicyFile(name="packed", step=[{"name": "model", "audit": 0.1, "pack": 10, "pack_prompt": "v1"}])
    packed = SOME.with_columns(
        pack_status=pl.lit("judged"),
        pack_violation=pl.lit(value=False),
        pack_confidence=pl.lit(0.9),
        pack_cost_usd=pl.lit(0.0001),
    )
    row = score(replay(packed, policy, 0.0), "packed", 0.5, 0.02)
    assert replay(packed, policy, 0.0).items["step"].unique().to_list() == [PACK]
    assert row.cost_per_1000_usd == pytest.approx(0.1 + 0.05)
    assert (row.recall, row.lost) == (0.0, 15)


def test_an_unknown_cost_is_null() -> None:
    """One answer without a price leaves the policy without one, and its figures stand."""
    holed = SOME.with_columns(model_cost_usd=pl.when(pl.int_range(pl.len()) > 0).then("model_cost_usd"))
    row = score(replay(holed, PLAIN, 0.0), "plain", None, 0.02)
    assert (row.cost_per_1000_usd, row.cost_ratio) == (None, None)
    assert row.recall is not None


def test_like_texts_are_one_witness() -> None:
    """A hundred variants of one text prove as much as one."""
    alike = items((100, True, True, 0.5), (100, False, False, 0.99)).with_columns(
        cluster=pl.when("violation").then(pl.lit("one"))
    )
    row = score(replay(alike, LIGHT_FIRST, 0.0), "light_first", 0.5, 0.02)
    assert (row.violations, row.lost) == (1, 0)
    assert row.recall_loss_high == pytest.approx(0.95)


def test_weights_say_how_many_comments_an_item_stands_for() -> None:
    """A clear comment that stands for a hundred makes the light step cheap."""
    weighed = SOME.with_columns(weight=pl.when(pl.col("light_confidence") == 0.99).then(100.0).otherwise(1.0))
    row = score(replay(weighed, LIGHT_FIRST, 0.0), "light_first", 0.5, 0.02)
    assert row.model_share == pytest.approx(20 / (30 + 7000))


@pytest.mark.parametrize(
    ("lost", "n", "bound"),
    [
        pytest.param(0, 59, 0.05, id="59-prove-five-percent"),
        pytest.param(0, 149, 0.02, id="149-prove-two"),
        pytest.param(0, 299, 0.01, id="299-prove-one"),
    ],
)
def test_nothing_lost_still_allows_three_in_n(lost: int, n: int, bound: float) -> None:
    assert loss_bound(lost, n) <= bound < loss_bound(lost, n - 1)
    assert violations_needed(lost, 0, bound) == n


def test_without_a_labelled_violation_nothing_is_proved() -> None:
    assert loss_bound(0, 0) == 1.0
    assert labels_needed(0, 0, 500, 0.02) is None


def test_labels_needed_is_told_in_comments_of_the_same_mix() -> None:
    """A tenth of the labels are violations: 100 of them lack 49, and that is 490 labels."""
    assert labels_needed(0, 100, 1000, 0.02) == 490
    assert labels_needed(0, 200, 2000, 0.02) is None


@given(st.integers(1, 3000), st.data())
def test_so_many_violations_do_prove_it(n: int, data: st.DataObject) -> None:
    lost = data.draw(st.integers(0, n // 60))
    needed = violations_needed(lost, n, 0.02)
    assert needed is not None
    assert needed >= n
    assert loss_bound(int(lost / n * needed), needed) <= 0.02


def test_the_threshold_stops_at_the_first_that_fails() -> None:
    """A cheaper one that looks good again after a failure is not taken: that would be choosing by luck."""
    tried = [Tried(1.0, 0, 200), Tried(0.95, 0, 200), Tried(0.9, 9, 200), Tried(0.8, 0, 200)]
    found = proved_threshold(tried, 0.02)
    assert found is not None
    assert found.threshold == 0.95
    assert proved_threshold([Tried(1.0, 0, 100)], 0.02) is None


def test_a_threshold_changes_the_light_step_alone() -> None:
    assert at_threshold(LIGHT_FIRST, 0.97).step("light") == LIGHT_FIRST.steps[0].model_copy(update={"clear_from": 0.97})
    assert replay(SOME, at_threshold(LIGHT_FIRST, 0.97), 0.0).items["step"].value_counts().sort("step").rows() == [
        (LIGHT, 70),
        (MODEL, 30),
    ]


def test_the_chart_is_a_file_that_names_each_policy() -> None:
    """Well-formed, with every policy's name, and nothing that fetches or runs."""
    rows: list[ReplayRow] = [score(replay(SOME, PLAIN, 0.0), "plain", 0.5, 0.02)]
    for threshold in (0.99, 0.9, 0.5):
        replayed: Replayed = replay(SOME, at_threshold(LIGHT_FIRST, threshold), 0.0)
        is_shipped = threshold == 0.9
        rows.append(score(replayed, "light_first", 0.5, 0.02, step=LIGHT, threshold=threshold, is_shipped=is_shipped))
    drawn = draw_savings(rows)
    root = ElementTree.fromstring(drawn)  # noqa: S314 -- drawn above
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    texts = {"".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"plain", "light_first"} <= texts
    assert not [word for word in ("script", "href", "url(") if word in drawn]
