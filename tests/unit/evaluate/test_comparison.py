"""Two candidates over the same comments: who is better, how sure that is, and when nobody can tell."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.documents.evaluation.comparison import Comparison, ComparisonOutcome
from tasks.evaluate.comparison import Compared, compare
from tasks.evaluate.outcome import holm, provable_margin
from tasks.evaluate.paired import Discordance

NOW = datetime(2026, 11, 19, tzinfo=UTC)


def answers(*groups: tuple[int, bool, bool | None, bool | None], category: str = "spam") -> pl.DataFrame:
    """Comments by group: how many, whether they are violations, what the champion and the challenger say."""
    rows = [group[1:] for group in groups for _ in range(group[0])]
    truth, champion, challenger = (list(part) for part in zip(*rows, strict=True))

    def candidate(name: str, verdicts: list[bool | None]) -> dict[str, object]:
        return {
            f"{name}_status": ["malformed" if verdict is None else "judged" for verdict in verdicts],
            f"{name}_violation": pl.Series(verdicts, dtype=pl.Boolean),
            f"{name}_category": [None if v is None else category if v else "none" for v in verdicts],
            f"{name}_input_tokens": [800] * len(rows),
            f"{name}_output_tokens": [20] * len(rows),
            f"{name}_cost_usd": [0.0005 if name == "champion" else 0.0001] * len(rows),
        }

    count = len(rows)
    return pl.DataFrame(
        {
            "item_id": [f"item-{number:05d}" for number in range(count)],
            "language": ["ja" if number % 3 else "en" for number in range(count)],
            "stratum": pl.Series([None] * count, dtype=pl.String),
            "cluster": pl.Series([None] * count, dtype=pl.String),
            "weight": [1.0] * count,
            "violation": truth,
            "category": [category if violation else "none" for violation in truth],
        }
        | candidate("champion", champion)
        | candidate("challenger", challenger)
    )


def compared(frame: pl.DataFrame, *, margin: float = 0.02, looks: int | None = None) -> Comparison:
    what = Compared("reviews", 1, "test", "prompt=v1", "prompt=v2", frame, noise=None, looks=looks)
    return compare(what, margin, NOW)


SAME = ((200, True, True, True), (700, False, False, False))


@pytest.mark.parametrize(
    ("groups", "outcome"),
    [
        pytest.param(((40, True, False, True), (2, True, True, False)), ComparisonOutcome.BETTER, id="finds more"),
        pytest.param(((2, True, False, True), (40, True, True, False)), ComparisonOutcome.WORSE, id="misses more"),
        pytest.param(((40, True, True, None),), ComparisonOutcome.WORSE, id="no verdict where the other is right"),
        pytest.param(((40, False, True, False),), ComparisonOutcome.BETTER, id="fewer false alarms"),
        pytest.param(((5, True, False, True), (5, True, True, False)), ComparisonOutcome.CANNOT_TELL, id="too few"),
    ],
)
def test_outcome(groups: tuple[tuple[int, bool, bool, bool | None], ...], outcome: ComparisonOutcome) -> None:
    """The F1 interval decides; where it spans 0 and the margin is not cleared, the number of labels is named."""
    found = compared(answers(*SAME, *groups))
    assert found.outcome is outcome
    assert (found.needs_labels is not None) == (outcome is ComparisonOutcome.CANNOT_TELL)
    assert found.ci_low <= found.f1_difference <= found.ci_high


def test_equal_candidates_are_not_worse_only_where_that_can_be_proved() -> None:
    """No difference among 2,000 violations rules out a loss of 2 points; among 20 it does not, and that is said."""
    many = compared(answers((2000, True, True, True), (2000, False, False, False)))
    assert many.outcome is ComparisonOutcome.NOT_WORSE
    few = compared(answers((20, True, True, True), (2000, False, False, False)), margin=0.02)
    assert few.outcome is ComparisonOutcome.CANNOT_TELL
    assert few.provable_margin > 0.02
    assert few.needs_labels is not None
    assert few.needs_labels > 0
    assert any("cannot be proved" in reason for reason in few.reasons)


def test_figures() -> None:
    """F1, precision, recall, counts and costs are those of the table of verdicts, by hand."""
    found = compared(answers(*SAME, (50, True, False, True), (10, False, True, False), (5, False, False, None)))
    assert found.champion.recall == pytest.approx(200 / 250)
    assert found.champion.precision == pytest.approx(200 / 210)
    assert found.challenger.f1 == 1.0
    assert (found.challenger.malformed, found.challenger.unjudged, found.discordant) == (5, 5, 65)
    assert found.champion.cost_per_1000_usd == pytest.approx(0.5)
    assert {(test.part, test.gained, test.lost) for test in found.tests} == {
        ("all", 60, 5),
        ("violations", 50, 0),
        ("rest", 10, 5),
        ("category=spam", 50, 0),
    }
    assert {entry.slice for entry in found.differences} == {"all", "language=en", "language=ja"}


def test_unknown_cost_stays_unknown() -> None:
    """One answer whose cost nobody knows makes the cost of a thousand unknown; it is never a mean of the rest."""
    frame = answers(*SAME).with_columns(champion_cost_usd=pl.when(pl.int_range(pl.len()) > 0).then("champion_cost_usd"))
    assert compared(frame).champion.cost_per_1000_usd is None


def test_order_of_rows_does_not_matter() -> None:
    """The same answers in another order are the same comparison, to the last digit."""
    frame = answers(*SAME, (9, True, False, True), (4, False, False, True))
    assert compared(frame) == compared(frame.sample(fraction=1.0, shuffle=True, seed=3))


def test_repeated_texts_count_as_one_witness() -> None:
    """Fifty copies of one text on which the challenger is right prove no more than one such text does."""
    copies = answers(*SAME, (50, True, False, True))
    apart = compared(copies)
    together = compared(copies.with_columns(cluster=pl.when(pl.int_range(pl.len()) >= 900).then(pl.lit("one text"))))
    assert apart.outcome is ComparisonOutcome.BETTER
    assert together.outcome is ComparisonOutcome.CANNOT_TELL
    assert (together.discordant, together.p_value) == (50, 1.0)


def test_lost_category_is_named() -> None:
    """A challenger that is better overall and loses a category says which."""
    lost = answers((30, True, True, False), category="privacy")
    frame = pl.concat([answers(*SAME, (90, True, False, True)), lost.with_columns(item_id="lost-" + pl.col("item_id"))])
    found = compared(frame)
    assert found.outcome is ComparisonOutcome.BETTER
    assert any("category privacy" in reason for reason in found.reasons)


def test_worn_test_split() -> None:
    """The sixth pair on one test split is compared, and told how often it was looked at."""
    assert not any("pairs" in reason for reason in compared(answers(*SAME), looks=5).reasons)
    assert any("6 pairs" in reason for reason in compared(answers(*SAME), looks=6).reasons)


def test_nothing_to_compare() -> None:
    """No comment is an error, not a tie."""
    with pytest.raises(ValueError, match="no comment"):
        compared(answers(*SAME).clear())


@given(st.integers(0, 30), st.integers(0, 30))
def test_mcnemar_is_symmetric(gained: int, lost: int) -> None:
    """Which candidate is called champion does not change the p; no difference gives 1."""
    p = Discordance(100, gained, lost).p_value
    assert p == Discordance(100, lost, gained).p_value
    assert 0 < p <= 1
    assert gained != lost or p == 1


def test_mcnemar_published() -> None:
    """Ten against two is p = 0.0386 (the two-sided binomial test)."""
    assert Discordance(50, 10, 2).p_value == pytest.approx(0.03857, abs=1e-5)


def test_holm_published() -> None:
    """Holm's own example: 0.01, 0.04, 0.03, 0.005 become 0.03, 0.06, 0.06, 0.02."""
    adjusted = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert adjusted == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})


@pytest.mark.parametrize(("n", "points"), [(100, 4.0), (300, 2.3), (1600, 1.0)])
def test_provable_margin(n: int, points: float) -> None:
    """6 % discordant violations: 100, 300 and 1,600 labelled ones prove 4.0, 2.3 and 1.0 points."""
    assert provable_margin(Discordance(n, round(0.03 * n), round(0.03 * n))) * 100 == pytest.approx(points, abs=0.2)
