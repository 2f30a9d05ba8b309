"""Why the violation rate changed: parts that add up to the change, and put each cause down to itself."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.documents.golden import GoldenComparison, GoldenNight, GoldenSetup
from data_contracts.documents.why import Basis, Cause, Cell, Change, NightCells, Version
from tasks.measure.explain_change import split_at_change
from tasks.measure.why.cells import MOST_PRODUCTS, OTHER, count_cells
from tasks.measure.why.change import Evidence, split_change
from tasks.measure.why.evidence import DayFlips, evidence_for, judge_moved

DAY = date(2026, 11, 19)
V1 = Version(prompt="tiny/v1", prompt_sha256="1", model_id="model-a")
V2 = Version(prompt="tiny/v2", prompt_sha256="2", model_id="model-a")
OTHER_MODEL = V1.model_copy(update={"model_id": "model-b"})
BOTH = Version(prompt="tiny/v2", prompt_sha256="2", model_id="model-b")

#: language, product, is_repeat, valid, judged, violations
Row = tuple[str, str, bool, int, int, int]


def night(*rows: Row, version: Version = V1, day: date = DAY) -> NightCells:
    """A night of these cells, all judged by one version."""
    cells = [
        Cell(language=language, product=product, is_repeat=repeat, version=0, valid_count=valid, judged_count=judged,
             violation_count=violations)
        for language, product, repeat, valid, judged, violations in rows
    ]  # fmt: skip
    return NightCells(run_date=day, run_id=f"run-{day}", versions=(version,), cells=tuple(cells))


def split(before: NightCells, after: NightCells, evidence: Evidence = Evidence(Basis.ASSUMED)) -> Change:
    """The change between two nights."""
    change = split_change([before], [after], evidence)
    assert change is not None
    return change


def parts(change: Change) -> dict[Cause, float]:
    """Each cause's part in points, rounded; without those that have none."""
    return {part.name: round(100 * part.change, 6) for part in change.parts if abs(part.change) > 1e-12}


def test_more_of_a_worse_language_is_the_languages_part() -> None:
    """The rates within each language stay, and the mix alone moves."""
    before = night(("ja", "p", False, 900, 900, 9), ("en", "p", False, 100, 100, 10))
    after = night(("ja", "p", False, 500, 500, 5), ("en", "p", False, 500, 500, 50))
    assert parts(split(before, after)) == {Cause.LANGUAGE: 3.6}


def test_a_new_language_is_the_languages_part() -> None:
    """A kind of comment that the period before has not seen has no rate there to be compared with."""
    before = night(("ja", "p", False, 1000, 1000, 10))
    after = night(("ja", "p", False, 500, 500, 5), ("ru", "p", False, 500, 500, 250))
    assert parts(split(before, after)) == {Cause.LANGUAGE: 24.5}


def test_a_wave_on_one_product_is_the_products_part() -> None:
    """Within the same language."""
    before = night(("ja", "p1", False, 900, 900, 9), ("ja", "p2", False, 100, 100, 50))
    after = night(("ja", "p1", False, 450, 450, 5), ("ja", "p2", False, 550, 550, 275))
    found = parts(split(before, after))
    assert found[Cause.PRODUCT_GROUP] > 20
    assert Cause.LANGUAGE not in found


def test_repeated_texts_have_a_part_of_their_own() -> None:
    """A text that is sent again and again counts each time."""
    before = night(("ja", "p", False, 950, 950, 19), ("ja", "p", True, 50, 50, 25))
    after = night(("ja", "p", False, 950, 950, 19), ("ja", "p", True, 450, 450, 225))
    assert set(parts(split(before, after))) == {Cause.REPEATED_TEXTS}


def test_lost_answers_are_the_pipelines_part() -> None:
    """Where answers fail among the worst comments, the rate falls, and nobody behaves better."""
    before = night(("ja", "p", False, 900, 900, 9), ("en", "p", False, 100, 100, 50))
    after = night(("ja", "p", False, 900, 900, 9), ("en", "p", False, 100, 20, 10))
    assert set(parts(split(before, after))) == {Cause.PIPELINE_ERRORS}
    assert split(before, after).after < split(before, after).before


def test_worse_comments_of_the_same_kind_are_the_rest() -> None:
    """No version changed: what they say has, or a model under the same name."""
    change = split(night(("ja", "p", False, 1000, 1000, 10)), night(("ja", "p", False, 1000, 1000, 40)))
    assert parts(change) == {Cause.REST: 3.0}
    assert change.basis is Basis.NO_CHANGE


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        pytest.param(V2, {Cause.PROMPT_VERSION: 3.0}, id="prompt"),
        pytest.param(OTHER_MODEL, {Cause.MODEL_VERSION: 3.0}, id="model"),
        pytest.param(V1.model_copy(update={"policy": "tenth"}), {Cause.POLICY: 3.0}, id="policy"),
        pytest.param(BOTH, {Cause.PROMPT_VERSION: 1.5, Cause.MODEL_VERSION: 1.5}, id="both-in-halves"),
    ],
)
def test_a_new_version_takes_what_nothing_tells_apart(version: Version, expected: dict[Cause, float]) -> None:
    """Within comments of one kind; and the basis says that this is assumed."""
    before, after = (
        night(("ja", "p", False, 1000, 1000, count), version=each) for count, each in ((10, V1), (40, version))
    )
    change = split(before, after)
    assert (parts(change), change.basis) == (expected, Basis.ASSUMED)


def test_flips_measure_the_versions_part() -> None:
    """Days that both versions judged say what it adds on the same comments; the remainder is the rest."""
    before, after = night(("ja", "p", False, 1000, 1000, 10)), night(("ja", "p", False, 1000, 1000, 40), version=V2)
    change = split(before, after, Evidence(Basis.FLIPS, 0.01))
    assert (parts(change), change.basis) == ({Cause.PROMPT_VERSION: 1.0, Cause.REST: 2.0}, Basis.FLIPS)


def test_a_quiet_golden_pack_acquits_the_version() -> None:
    """The same texts get the same answers: what moved is the traffic."""
    before, after = night(("ja", "p", False, 1000, 1000, 10)), night(("ja", "p", False, 1000, 1000, 40), version=V2)
    change = split(before, after, Evidence(Basis.GOLDEN))
    assert (parts(change), change.basis) == ({Cause.REST: 3.0}, Basis.GOLDEN)


def test_versions_that_judged_side_by_side_are_compared() -> None:
    """A day of the period before that the new version judged tells them apart better than anything else."""
    old = [night(("ja", "p", False, 1000, 1000, 10)), night(("ja", "p", False, 1000, 1000, 30), version=V2)]
    change = split_change(old, [night(("ja", "p", False, 1000, 1000, 40), version=V2)], Evidence(Basis.ASSUMED))
    assert change is not None
    assert change.basis is Basis.OVERLAP
    found = parts(change)
    assert set(found) == {Cause.PROMPT_VERSION, Cause.REST}
    assert sum(found.values()) == pytest.approx(2.0)


def test_without_verdicts_there_is_nothing_to_split() -> None:
    """A night whose answers all failed has no rate."""
    assert split_change([], [night(("ja", "p", False, 1, 1, 0))]) is None
    assert split_change([night(("ja", "p", False, 1, 1, 0))], [night(("ja", "p", False, 1, 0, 0))]) is None


def test_slices_say_where_it_moved() -> None:
    """Each with share and rate on both sides; the largest first."""
    before = night(("ja", "p", False, 900, 900, 9), ("en", "p", False, 100, 100, 10))
    after = night(("ja", "p", False, 900, 900, 9), ("en", "p", False, 100, 100, 60))
    first = next(each for each in split(before, after).slices if each.name.startswith("language"))
    assert (first.name, first.rate_before, first.rate_after) == ("language=en", 0.1, 0.6)
    assert first.share_before == first.share_after == 0.1


@st.composite
def nights(draw: st.DrawFn) -> list[NightCells]:
    """One to three nights of any cells, judged by any of three versions."""
    kinds = st.tuples(st.sampled_from(["ja", "en", "ko"]), st.sampled_from(["p1", "p2", OTHER]), st.booleans())
    found = []
    for number in range(draw(st.integers(1, 3))):
        rows = []
        for kind in draw(st.lists(kinds, min_size=1, max_size=8, unique=True)):
            valid = draw(st.integers(1, 1000))
            judged = draw(st.integers(0, valid))
            rows.append((*kind, valid, judged, draw(st.integers(0, judged))))
        found.append(night(*rows, version=draw(st.sampled_from([V1, V2, BOTH])), day=DAY + timedelta(number)))
    return found


@given(nights(), nights(), st.sampled_from([Basis.ASSUMED, Basis.GOLDEN, Basis.FLIPS]), st.floats(-0.2, 0.2))
def test_the_parts_add_up_to_the_change(
    before: list[NightCells], after: list[NightCells], basis: Basis, shift: float
) -> None:
    """Whatever came, whoever judged it and whatever is known: nothing is left over."""
    change = split_change(before, after, Evidence(basis, shift))
    if change is None:
        return
    whole = change.after - change.before
    assert math.fsum(part.change for part in change.parts) == pytest.approx(whole, abs=1e-12)
    assert {part.name for part in change.parts} == set(Cause)
    for side, period in ((change.before, change.period_before), (change.after, change.period_after)):
        assert side == pytest.approx(period.violation_count / period.judged_count)
    assert all(math.isfinite(part.change) for part in change.parts)


@given(nights())
def test_nothing_changed_between_a_period_and_itself(same: list[NightCells]) -> None:
    """Every part is 0."""
    change = split_change(same, same)
    assert change is None or all(part.change == pytest.approx(0, abs=1e-12) for part in change.parts)


def comparison(turned: int, compared: int = 160) -> GoldenComparison:
    """Golden answers across the change from V1 to V2."""
    return GoldenComparison(
        before_date=DAY, after_date=DAY, before_model_id="model-a", before_prompt="tiny/v1", after_model_id="model-a",
        after_prompt="tiny/v2", compared_count=compared, became_violation=turned, became_none=0, other_category=0,
        violation_p_value=0.5, became_right=0, became_wrong=0, right_p_value=0.5,
    )  # fmt: skip


def golden(turned: int) -> GoldenNight:
    """A night that shows this change."""
    setup = GoldenSetup(model_id="model-a", invocation_type="InvokeModel", prompt_name="tiny", prompt_version="v2",
                        prompt_sha256="2", pack_sha256="p")  # fmt: skip
    return GoldenNight(run_date=DAY, run_id="run", setup=setup, item_count=160, asked_count=160, judged_count=160,
                       right_count=150, attack_count=60, compared_count=0, change=comparison(turned))  # fmt: skip


def flips(**changes: Any) -> DayFlips:
    """A day that V2 judged anew after V1."""
    given: dict[str, Any] = {
        "before": {"model_id": "model-a", "prompt": "tiny/v1"},
        "after": {"model_id": "model-a", "prompt": "tiny/v2"},
        "compared_count": 1000,
        "ways": {"ok → violation": 30, "violation → ok": 10, "other category": 5},
        "reasons": {"prompt": 45},
    }
    return DayFlips.model_validate(given | changes)


@pytest.mark.parametrize(
    ("told", "turned", "expected"),
    [
        pytest.param([flips()], 0, Evidence(Basis.FLIPS, 0.02), id="flips-first"),
        pytest.param([], 1, Evidence(Basis.GOLDEN), id="golden-quiet"),
        pytest.param([], 30, Evidence(Basis.ASSUMED), id="golden-moved"),
        pytest.param([flips(reasons={"prompt": 40, "late input": 5})], 30, Evidence(Basis.ASSUMED), id="other-texts"),
        pytest.param(
            [flips(after={"model_id": "x", "prompt": "tiny/v2"})], 30, Evidence(Basis.ASSUMED), id="other-model"
        ),
    ],
)
def test_evidence_is_of_this_very_change(told: list[DayFlips], turned: int, expected: Evidence) -> None:
    """Flips of days that were judged by both, else golden answers across the change, else nothing."""
    before, after = night(("ja", "p", False, 1, 1, 0)), night(("ja", "p", False, 1, 1, 0), version=V2)
    assert evidence_for([before], [after], told, golden(turned)) == expected


def test_few_items_say_nothing() -> None:
    """A pack of a dozen items tells nobody whether the judge moved."""
    assert judge_moved(None) is None
    assert judge_moved(comparison(0, compared=12)) is None
    assert (judge_moved(comparison(2)), judge_moved(comparison(10))) == (False, True)


def test_the_last_change_of_version_parts_the_nights() -> None:
    """A day that a backfill judged by the new version before it came is no change."""
    row = ("ja", "p", False, 1, 1, 0)
    versions = [V1, V2, V1, V2, V2]
    found = split_at_change([night(row, version=version, day=DAY + timedelta(n)) for n, version in enumerate(versions)])
    assert found is not None
    assert [len(side) for side in found] == [3, 2]
    assert split_at_change([night(row), night(row, day=DAY + timedelta(1))]) is None


def test_a_day_is_counted_by_kind_and_version() -> None:
    """Comments, verdicts and violations; the rare products are one."""
    products = [f"p{number:02d}" for number in range(MOST_PRODUCTS + 5) for _ in range(MOST_PRODUCTS + 5 - number)]
    count = len(products)
    frame = pl.LazyFrame(
        {
            "language": ["ja"] * count,
            "product_id": products,
            "decided_by": ["duplicate", *["model"] * (count - 1)],
            "status": ["judged"] * (count - 1) + ["missing"],
            "violation": [True] + [False] * (count - 2) + [None],
            "model_id": ["model-a"] * count,
            "prompt_name": ["tiny"] * count,
            "prompt_version": ["v1"] * count,
            "prompt_sha256": ["1"] * count,
        },
        schema_overrides={"violation": pl.Boolean},
    )
    found = count_cells(frame, DAY, "run")
    assert found.versions == (V1,)
    assert sum(cell.valid_count for cell in found.cells) == count
    assert sum(cell.judged_count for cell in found.cells) == count - 1
    assert [(cell.product, cell.violation_count) for cell in found.cells if cell.is_repeat] == [("p00", 1)]
    other = [cell.valid_count for cell in found.cells if cell.product == OTHER]
    assert other == [sum(range(1, 6))]
