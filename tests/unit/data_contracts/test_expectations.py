"""The suites: derived from the contracts, each expectation failing where it should and nowhere else."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import polars as pl
import pytest

from data_contracts.expectations import Check, CheckSeverity, counts_by_check, profile_checks, row_checks
from data_contracts.tables.checked_rows import CHECKED_ROWS, ID_COLUMNS, PROFILE, ROW_REASONS, flag, presence
from data_contracts.tables.comments import COMMENTS, Reason
from tasks.intake.expectations.outcomes import Outcome, OutcomeState, askable, outcomes
from tests import factories
from tests.good_day import GOOD_DAY, LIMITS, PROFILE_CHECKS, ROW_CHECKS, ROWS

#: What may be wrong in a day of so many rows: their few, since a hundredth of them is less.
MOST = LIMITS.few_rows

#: A value that breaks each expectation of a row.
FAULTS: dict[str, dict[str, Any]] = {
    "outside_day": {"is_outside_day": True},
    "too_long": {"is_too_long": True},
    "bad_id": {"is_bad_id": True},
    "bad_rating": {"is_bad_rating": True},
    "bad_encoding": {"is_bad_encoding": True},
    "has_comment_id": {"has_comment_id": False},
    "has_product_id": {"has_product_id": False},
    "has_user_id": {"has_user_id": False},
    "has_posted_at": {"posted_at": None},
    "rating_on_scale": {"rating": LIMITS.highest_rating + 1},
}
GOOD_ROW = {
    "row_hash": 1,
    "id_hash": 1,
    **{presence(name): True for name in ID_COLUMNS},
    "posted_at": factories.NOON,
    "rating": 5,
    "char_count": 40,
    "language": "ja",
    **{flag(reason): False for reason in ROW_REASONS},
}

#: A value beyond each limit of the profile, a value at it, and what else such a value breaks.
PROFILE_FAULTS = [
    pytest.param("row_count", {"row_count_ratio": 0.099}, {"usual_row_count"}, id="row-count"),
    pytest.param("null_text_share", {"null_text_share": 0.051}, set(), id="null-text"),
    pytest.param("id_unique_share", {"id_unique_share": 0.949}, set(), id="repeated-ids"),
    pytest.param("usual_row_count", {"row_count_ratio": 0.49}, set(), id="few-rows"),
    pytest.param("usual_row_count", {"row_count_ratio": 2.01}, set(), id="many-rows"),
    pytest.param("blank_text_share", {"blank_text_share": 0.011}, set(), id="blank-text"),
    pytest.param("char_count_mean", {"char_count_mean": 1001.0}, set(), id="long-texts"),
    pytest.param("char_count_p50", {"char_count_p50": 4.0}, set(), id="short-texts"),
    pytest.param("char_count_p99", {"char_count_p99": 29.0}, set(), id="cut-texts"),
    pytest.param("text_length_ratio", {"text_length_ratio": 0.49}, set(), id="shorter-than-usual"),
    pytest.param("text_length_ratio", {"text_length_ratio": 2.01}, set(), id="longer-than-usual"),
    pytest.param("language_ja_change", {"language_ja_change": -0.21}, set(), id="less-japanese"),
    pytest.param("language_en_change", {"language_en_change": 0.21}, set(), id="more-english"),
    pytest.param("language_other_change", {"language_other_change": 0.21}, set(), id="more-of-others"),
    pytest.param("rating_mean", {"rating_mean": 4.95}, set(), id="ratings-at-the-top"),
    pytest.param("rating_mean", {"rating_mean": 1.05}, set(), id="ratings-at-the-bottom"),
    pytest.param("rating_null_share", {"rating_null_share": 0.951}, set(), id="no-ratings"),
    pytest.param("freshness_h", {"freshness_h": 6.01}, set(), id="no-evening"),
]


def rows(*faults: dict[str, Any], count: int = ROWS) -> pl.DataFrame:
    """So many rows, the first of which have these faults."""
    given = [GOOD_ROW | fault for fault in faults] + [GOOD_ROW] * (count - len(faults))
    return pl.DataFrame(given, schema=CHECKED_ROWS.polars_schema)


def judge_rows(*batches: pl.DataFrame) -> list[Outcome]:
    checks = list(ROW_CHECKS.values())
    return outcomes("rows", checks, counts_by_check("rows", checks, batches))


def judge_day(**numbers: float | None) -> list[Outcome]:
    checks, day = list(PROFILE_CHECKS.values()), GOOD_DAY | numbers
    frame = pl.DataFrame([day], schema=PROFILE.polars_schema)
    return outcomes("profile", checks, counts_by_check("profile", askable(checks, day), [frame]), day)


def names(found: list[Outcome], state: OutcomeState) -> set[str]:
    return {item.name for item in found if item.state is state}


def test_a_row_within_the_contract_and_a_day_at_every_limit_are_as_expected() -> None:
    """Limits belong to what is allowed."""
    assert names(judge_rows(rows()), OutcomeState.OK) == set(ROW_CHECKS)
    assert names(judge_day(), OutcomeState.OK) == set(PROFILE_CHECKS)


def test_every_expectation_has_a_fault_here() -> None:
    """No expectation goes untried."""
    assert set(FAULTS) == set(ROW_CHECKS)
    assert {case.values[0] for case in PROFILE_FAULTS} == set(PROFILE_CHECKS)


@pytest.mark.parametrize("name", FAULTS)
def test_a_rule_that_more_than_a_few_rows_break_fails_alone(name: str) -> None:
    """As many as are tolerated pass; one more fails this expectation and no other."""
    assert not names(judge_rows(rows(*[FAULTS[name]] * MOST)), OutcomeState.FAILED)
    found = judge_rows(rows(*[FAULTS[name]] * (MOST + 1)))
    assert names(found, OutcomeState.FAILED) == {name}
    counts = {item.name: (item.counted, item.unexpected_count) for item in found}
    assert counts[name] == (ROWS, MOST + 1)


@pytest.mark.parametrize(("name", "numbers", "others"), PROFILE_FAULTS)
def test_a_number_beyond_its_limit_fails_alone(name: str, numbers: dict[str, float], others: set[str]) -> None:
    """A number of the day just beyond its limit fails its expectation."""
    found = judge_day(**numbers)
    assert names(found, OutcomeState.FAILED) == {name} | others
    assert {item.name: item.observed for item in found}[name] in numbers.values()


@pytest.mark.parametrize("name", PROFILE_CHECKS)
def test_a_number_that_is_not_there_is_not_judged(name: str) -> None:
    """Null is neither good nor bad: there is nothing to look at, or to compare with."""
    column, checks = PROFILE_CHECKS[name].column, PROFILE_CHECKS.values()
    asked = askable(checks, GOOD_DAY | {column: None})
    assert [check.name for check in checks if check not in asked] == [c.name for c in checks if c.column == column]
    assert {item.state for item in outcomes("profile", [PROFILE_CHECKS[name]], [], GOOD_DAY)} == {
        OutcomeState.NOT_JUDGED
    }


@pytest.mark.parametrize(
    ("row_count", "judged"),
    [
        pytest.param(0, False, id="empty"),
        pytest.param(LIMITS.min_rows - 1, False, id="under-the-limit"),
        pytest.param(LIMITS.min_rows, True, id="at-the-limit"),
    ],
)
def test_means_and_changes_are_judged_from_a_hundred_rows_on(row_count: int, judged: bool) -> None:
    """A few rows' mean, median or change is chance; shares and counts are judged on any day that has rows."""
    found = judge_day(row_count=float(row_count), freshness_h=7.0)
    assert ("freshness_h" in names(found, OutcomeState.FAILED)) is judged
    assert ("row_count" in names(found, OutcomeState.NOT_JUDGED)) is (row_count == 0)


def test_ratings_that_were_not_given_are_not_off_the_scale() -> None:
    """A null rating is legal and counts neither way."""
    found = {item.name: item for item in judge_rows(rows(*[{"rating": None}] * 200))}
    assert (found["rating_on_scale"].state, found["rating_on_scale"].counted) == (OutcomeState.OK, 100)


def test_batches_count_together() -> None:
    """What may break a rule is a share of all rows: neither of one batch nor of the batches' verdicts."""
    fault = FAULTS["bad_id"]
    in_one = [rows(*[fault] * MOST, count=100), rows(count=100), rows(count=100)]
    assert not names(judge_rows(*in_one), OutcomeState.FAILED)
    spread = [rows(*[fault] * 2, count=100)] * 3
    assert names(judge_rows(*spread), OutcomeState.FAILED) == {"bad_id"}


def test_no_rows_are_not_judged() -> None:
    """Without a row there is nothing to say."""
    assert names(judge_rows(), OutcomeState.NOT_JUDGED) == set(ROW_CHECKS)


def test_only_three_expectations_stop_a_night() -> None:
    """Row count, share of null text and id uniqueness share are critical; all else is a warning."""
    checks = [*ROW_CHECKS.values(), *PROFILE_CHECKS.values()]
    critical = {check.name for check in checks if check.severity is CheckSeverity.CRITICAL}
    assert critical == {"row_count", "null_text_share", "id_unique_share"}


def test_suites_follow_the_contracts() -> None:
    """Every rule of a row stands in one suite, every column that may not be null is asked for, and nothing else."""
    columns = [check.column for check in row_checks(LIMITS, ROWS)]
    in_profile = {f"is_{name.removesuffix('_share')}" for name in PROFILE_CHECKS}
    for reason in Reason:
        if reason in ROW_REASONS:
            assert (flag(reason) in columns) is (flag(reason) not in in_profile)
    required = {column.name for column in COMMENTS if not column.nullable}
    assert {name.removeprefix("has_") for name in ROW_CHECKS if name.startswith("has_")} == required - {"text"}
    assert set(columns) <= set(CHECKED_ROWS.names)
    assert {check.column for check in PROFILE_CHECKS.values()} <= set(PROFILE.names)


@pytest.mark.parametrize("check", [*ROW_CHECKS.values(), *PROFILE_CHECKS.values()], ids=lambda check: check.name)
def test_every_limit_has_its_reason(check: Check) -> None:
    """Each limit is a named tolerance that says why."""
    assert check.reason.endswith(".")


def test_only_flags_numbers_and_times_reach_great_expectations() -> None:
    """No expectation looks at a column of strings, so no result can hold one."""
    looked_at = {check.column for check in (*ROW_CHECKS.values(), *PROFILE_CHECKS.values())}
    assert not [c.name for c in (*CHECKED_ROWS, *PROFILE) if c.name in looked_at and c.dtype == pl.String]


@pytest.mark.parametrize("count", [0, 1, 4, 5, 99])
def test_a_few_rows_of_a_small_day_are_no_fault(count: int) -> None:
    """Up to few_rows rows may be wrong whatever their share: limits are never under it."""
    tolerated = min(LIMITS.few_rows, count)
    for check in row_checks(LIMITS, count):
        assert not count or tolerated / count <= check.max_share <= 1
    limits = {check.name: check for check in profile_checks(LIMITS, count, count)}
    if count:
        assert tolerated / count <= (limits["null_text_share"].high or 0)
        assert (count - tolerated) / count >= (limits["id_unique_share"].low or 0)


def test_an_expectation_that_cannot_be_evaluated_is_a_defect() -> None:
    """It says nothing about the day, so it neither passes nor fails."""
    broken = pl.DataFrame({"rating": ["five"]})
    with pytest.raises(RuntimeError, match="expectation rating_on_scale could not be evaluated"):
        counts_by_check("rows", [ROW_CHECKS["rating_on_scale"]], [broken])


def test_great_expectations_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    """No progress bar and no line on the terminal."""
    judge_rows(rows())
    assert capfd.readouterr() == ("", "")


def test_great_expectations_is_loaded_only_when_it_is_asked() -> None:
    """Importing the stage takes no seconds for a library that another command does not need."""
    heavy = "('great_expectations', 'pandas')"
    code = f"import sys, tasks.intake.check_expectations; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
