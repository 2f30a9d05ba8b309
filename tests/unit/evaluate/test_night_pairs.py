"""Which comments of a night are labelled after a challenger, and what their labels say of the night."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest

from data_contracts.documents.evaluation.comparison import ComparisonOutcome
from data_contracts.tables.label_requests import LABEL_REQUESTS, PairedVerdicts, Purpose
from tasks.evaluate.nights.pairs import (
    CHECKS,
    MOST_DIFFERING,
    Answered,
    NightDraw,
    answered,
    draw_night,
    in_share,
    new_requests,
    with_cells,
)
from tasks.evaluate.nights.weighed import TriedNight, compare_tried
from tests.measured_nights import label, labels_frame

DAY = date(2026, 11, 19)
NOW = datetime(2026, 11, 20, 3, tzinfo=UTC)
SALT = b"salt"


def pairs(both: int, clears: int, flags: int, neither: int, judged: str = "judged") -> pl.DataFrame:
    """A night of so many comments in each cell."""
    says = [(True, True)] * both + [(True, False)] * clears + [(False, True)] * flags + [(False, False)] * neither
    count = len(says)
    return pl.DataFrame(
        {
            "comment_id": [f"c{number:05d}" for number in range(count)],
            "product_id": ["p"] * count,
            "language": ["en"] * count,
            "champion_status": [judged] * count,
            "champion_violation": [first for first, _ in says],
            "challenger_status": ["judged"] * count,
            "challenger_violation": [second for _, second in says],
            **{f"{role}_{name}": [1.0] * count for role in ("champion", "challenger")
               for name in ("cost_usd", "input_tokens", "output_tokens")},
        }
    )  # fmt: skip


def drawn(night: pl.DataFrame) -> NightDraw:
    return draw_night(with_cells(night), DAY, SALT)


def test_all_that_differ_and_two_checks_are_drawn() -> None:
    """Probabilities are those of the draw, so that their inverses sum to the night; the draw is the same every time."""
    night = pairs(500, 30, 40, 9000)
    found = drawn(night)
    counts = dict(found.rows.group_by("stratum").len().iter_rows())
    assert counts == {"both_flag": CHECKS, "challenger_clears": 30, "challenger_flags": 40, "both_clear": CHECKS}
    assert found.rows.select((1 / pl.col("inclusion_probability")).sum()).item() == pytest.approx(night.height)
    again = drawn(night.sample(fraction=1.0, shuffle=True, seed=1))
    assert set(again.rows["comment_id"]) == set(found.rows["comment_id"])


def test_many_that_differ_are_drawn_from() -> None:
    """A challenger that contradicts half the night costs no more labels than people can give."""
    counts = dict(drawn(pairs(100, 3000, 1000, 100)).rows.group_by("stratum").len().iter_rows())
    assert counts["challenger_clears"] == 750
    assert counts["challenger_flags"] == 250
    assert sum(counts.values()) == MOST_DIFFERING + 2 * CHECKS


def test_an_answer_that_is_none_is_no_flag_and_a_lost_one_is_left_out() -> None:
    """A refusal judges nothing, so it flags nothing; what no model has answered says nothing of either."""
    night = pairs(3, 0, 0, 1).with_columns(
        challenger_status=pl.Series(["refused", "missing", "judged", "judged"]),
        challenger_violation=pl.Series([None, None, True, False]),
    )
    assert with_cells(night)["stratum"].to_list() == ["challenger_clears", "both_flag", "both_clear"]


def test_a_part_holds_smaller_parts() -> None:
    """A tenth of a night is within its half, so that a larger share asks only what is new."""
    night = pairs(0, 0, 0, 4000)
    tenth, half = (set(in_share(night, share, DAY, SALT)["comment_id"]) for share in (0.1, 0.5))
    assert tenth < half
    assert len(tenth) == pytest.approx(400, abs=80)
    assert in_share(night, 1.0, DAY, SALT).height == 4000


def test_nobody_is_asked_twice() -> None:
    """A second challenger asks only for what the first did not; the sample's own requests are others."""
    found = drawn(pairs(100, 30, 40, 100))
    stamp = {"date": DAY, "requested_at": NOW, "run_id": "run-1"}
    first = new_requests(found, LABEL_REQUESTS.empty(), **stamp)
    assert first.height == found.rows.height
    assert set(first["purpose"]) == {Purpose.DISAGREEMENT.value}
    assert new_requests(found, first, **stamp).is_empty()
    sample = first.with_columns(purpose=pl.lit(Purpose.SAMPLE.value))
    assert new_requests(found, sample, **stamp).height == found.rows.height


def test_labels_are_counted_by_cell() -> None:
    """Any label of a drawn comment counts, but an overturn and a tie; one of another comment does not."""
    found = drawn(pairs(1, 2, 0, 0))
    names = dict(zip(found.rows["stratum"], found.rows["comment_id"], strict=False))
    both, clears = names["both_flag"], names["challenger_clears"]
    yes = {"violation": True, "category": "spam"}
    labels = [label(both, **yes), label(clears, source="disagreement"), label("other", **yes)]
    counted = answered(found, labels_frame(labels))
    assert {(cell.champion, cell.challenger): (cell.labelled, cell.violations) for cell in counted.cells} == {
        (True, True): (1, 1),
        (True, False): (1, 0),
    }
    assert (counted.drawn_count, counted.answered_count) == (3, 2)
    tie = [label(both, labeler="x", **yes), label(both, labeler="y"), label(clears, source="overturn", **yes)]
    assert [cell.labelled for cell in answered(found, labels_frame(tie)).cells] == [0, 0]


def tried(night: pl.DataFrame, labels: Answered) -> TriedNight:
    return TriedNight("night-2026-11-19", "prompt=p/v1", "prompt=p/v2", with_cells(night), labels, ())


def labelled(found: NightDraw, shares: dict[PairedVerdicts, float], part: float = 1.0) -> Answered:
    """Everybody's labels: of each cell such a share are violations."""
    rows, random = [], np.random.default_rng(1)
    for name, stratum in found.rows.select("comment_id", "stratum").head(round(part * found.rows.height)).iter_rows():
        is_violation = bool(random.random() < shares[PairedVerdicts(stratum)])
        rows.append(label(name, violation=is_violation, category="spam" if is_violation else "none"))
    return answered(found, labels_frame(rows))


SHARES = dict(zip(PairedVerdicts, (0.95, 0.1, 0.9, 0.0), strict=True))


def test_a_better_challenger_is_found_by_few_labels() -> None:
    """230 labels of a night of 10,000 tell; the figures are the night's, and counts are the labels'."""
    night = pairs(560, 50, 60, 9330)
    found = compare_tried(tried(night, labelled(drawn(night), SHARES)), 0.02, NOW)
    assert found.outcome is ComparisonOutcome.BETTER
    assert found.ci_low > 0
    assert found.needs_labels is None
    assert (found.n, found.split, found.set_version) == (CHECKS * 2 + 110, "night", 0)
    assert found.challenger.precision == pytest.approx((0.95 * 560 + 0.9 * 60) / 620, abs=0.05)
    assert found.p_value < 0.001
    assert found.provable_margin < 0.1


@pytest.mark.parametrize("part", [pytest.param(0.0, id="none"), pytest.param(0.5, id="half")])
def test_before_the_labels_nothing_is_told(part: float) -> None:
    """The outcome waits for nine tenths of what was drawn, and says how many are open."""
    night = pairs(560, 50, 60, 9330)
    draw = drawn(night)
    found = compare_tried(tried(night, labelled(draw, SHARES, part)), 0.02, NOW)
    assert found.outcome is ComparisonOutcome.CANNOT_TELL
    assert found.needs_labels == draw.rows.height - round(part * draw.rows.height)
    assert found.ci_low <= found.f1_difference <= found.ci_high
    assert any("label the rest" in reason for reason in found.reasons)


def test_a_challenger_that_agrees_needs_no_more_than_checks() -> None:
    """Nothing differs: no label can tell them apart, and with enough violations that is "not worse"."""
    night = pairs(900, 0, 0, 9000)
    found = compare_tried(tried(night, labelled(drawn(night), SHARES)), 0.06, NOW)
    assert (found.discordant, found.f1_difference) == (0, 0)
    assert found.outcome is ComparisonOutcome.NOT_WORSE
