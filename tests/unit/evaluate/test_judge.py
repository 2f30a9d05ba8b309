"""What a judge of explanations says, in figures, and whether it can be believed."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tasks.adapters.bedrock_models import NoModelFacts
from tasks.base.errors import BadRows, WrongUsage
from tasks.base.settings import Settings
from tasks.evaluate.judge.criteria import (
    CRITERIA,
    FIRST,
    SECOND,
    TIE,
    Explained,
    Pair,
    pair_questions,
    point_question,
    read_pair,
    read_point,
)
from tasks.evaluate.judge.figures import criteria_shares, gate, pair_figures
from tasks.evaluate.judge.judge_explanations import judge_asker
from tasks.evaluate.judge.ratings import COLUMNS, RATINGS, read_ratings, write_sheet
from tests.measured_nights import settings_in

HAIKU = "global.anthropic.claude-haiku-4-5-20251001-v1:0"
NOVA = "amazon.nova-pro-v1:0"
MET = dict.fromkeys(CRITERIA, True)


def pair(champion: str, challenger: str) -> Pair:
    return Pair("item", "buy now", ("spam", champion), ("spam", challenger))


def test_criteria_shares() -> None:
    """Each criterion has its share with an interval, and `all` is met only where each is."""
    shares = {figure.name: figure for figure in criteria_shares([MET, MET, {**MET, "adds_no_fact": False}])}
    assert shares["names_rule"].share == 1.0
    assert shares["adds_no_fact"].x == shares["all"].x == 2
    assert (shares["all"].ci_low or 0) < 2 / 3 < (shares["all"].ci_high or 0)
    assert criteria_shares([])[0].share is None


def test_only_a_win_in_both_orders_counts() -> None:
    """A judge that always takes the first decides nothing; one that follows the words wins, and length is told."""
    short, long = "An advert.", "An advert for another shop, with a link to it."
    found = pair_figures(
        [
            (pair(short, long), FIRST, FIRST),  # by position
            (pair(short, long), SECOND, FIRST),  # the challenger, in both orders
            (pair(short, long), SECOND, FIRST),
            (pair(long, short), FIRST, SECOND),  # the champion
            (pair(short, long), TIE, TIE),
            (pair(short, long), TIE, FIRST),  # a tie in one order alone
        ]
    )
    assert (found.champion_wins, found.challenger_wins, found.tie_count) == (1, 2, 3)
    assert found.position_consistency.share == pytest.approx(4 / 6)
    assert found.win_rate.share == pytest.approx(2 / 3)
    assert found.longer_win_rate.share == pytest.approx(5 / 6)
    assert found.follows_length.share == 1.0


def test_both_orders_are_other_questions_without_a_name() -> None:
    """The two questions differ in order alone, and name neither model nor role."""
    first, second = pair_questions(NOVA, pair("one way", "another way"))
    assert first.record_id != second.record_id
    assert sorted(first.text.split()) == sorted(second.text.split())
    assert not any(word in first.text.lower() for word in ("champion", "challenger", "claude", "nova"))


def test_equal_questions_are_one() -> None:
    """The same explanation of the same text to the same judge has one id, to another judge another."""
    one = Explained("c1", "buy now", "spam", "advertises", "An advert.")
    assert point_question(NOVA, one) == point_question(NOVA, one._replace(comment_id="c2"))
    assert point_question(NOVA, one).record_id != point_question("meta.llama3", one).record_id


def test_replies_are_yes_or_no() -> None:
    """A word in the place of a boolean, or a criterion that is missing, is no reply; further keys are dropped."""
    assert read_point("", {**MET, "why": "the comment says so"}) == MET
    assert read_point("", {**MET, "names_rule": "yes"}) is None
    assert read_point("", {"names_rule": True}) is None
    assert read_pair("", {"better": "first", "why": "..."}) == {"better": "first"}
    assert read_pair("", {"better": "both"}) is None


def rated(count: int, *, judge_errs: int = 0) -> tuple[pl.DataFrame, dict[str, dict[str, bool]]]:
    """Two people who differ on a tenth, and a judge that differs from both on one in `judge_errs`; 0: never."""
    rows, judged = [], {}
    for number in range(count):
        truth = {name: (number + place) % 3 != 0 for place, name in enumerate(CRITERIA)}
        name = f"c{number}"
        other = {**truth, "names_rule": truth["names_rule"] != (number % 2 == 0)}
        rows += [{"comment_id": name, "rater": "ann", **truth}, {"comment_id": name, "rater": "ben", **other}]
        errs = judge_errs and number % judge_errs == 0
        judged[name] = {key: value != bool(errs) for key, value in truth.items()}
    return pl.DataFrame(rows, schema=RATINGS), judged


def test_gate_validates_a_judge_as_good_as_people() -> None:
    """Enough doubly rated explanations and as much agreement as among people: validated, with both intervals."""
    found = gate(*rated(120))
    assert found.is_validated
    assert found.rated_count == 120
    assert (found.judge_low or 0) < (found.judge_kappa or 0) <= (found.judge_high or 0)
    assert found.people_kappa == pytest.approx(0.78, abs=0.03)


@pytest.mark.parametrize(
    ("count", "judge_errs", "reason"),
    [
        pytest.param(99, 0, "100 are needed", id="too few"),
        pytest.param(120, 3, "below", id="worse than people"),
        pytest.param(0, 0, "0 explanations", id="nobody rated"),
    ],
)
def test_gate_refuses(count: int, judge_errs: int, reason: str) -> None:
    """Otherwise its figures are shown as not validated, and why."""
    found = gate(*rated(count, judge_errs=judge_errs))
    assert not found.is_validated
    assert found.reason.startswith("not validated")
    assert reason in found.reason


def test_one_rater_is_no_yardstick() -> None:
    """What one person rated alone says nothing of how far people agree."""
    ratings, judged = rated(120)
    assert gate(ratings.filter(pl.col("rater") == "ann"), judged).rated_count == 0


@pytest.mark.parametrize(
    ("judge", "judged", "message"),
    [
        pytest.param("anthropic.claude-sonnet-4-6", HAIKU, "is of the family of", id="same maker"),
        pytest.param("us.amazon.nova-lite-v1:0", NOVA, "is of the family of", id="same maker by a profile"),
        pytest.param(
            "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc",
            HAIKU,
            "which model .* is a profile of is not known",
            id="a profile that nobody knows",
        ),
        pytest.param("arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abc", HAIKU, "its maker", id="ARN"),
        pytest.param(None, HAIKU, "no judge is named", id="none"),
    ],
)
def test_judge_of_the_same_family_is_refused(tmp_path: Path, judge: str | None, judged: str, message: str) -> None:
    """A model is no judge of its own family, nor one whose maker cannot be seen."""
    with pytest.raises(WrongUsage, match=message):
        judge_asker(settings_in(tmp_path), judge, [judged], NoModelFacts())


def test_judge_of_another_family(tmp_path: Path) -> None:
    """The setting names it, unless the command does."""
    settings: Settings = settings_in(tmp_path, judge_model_id=NOVA)
    assert judge_asker(settings, None, [HAIKU], NoModelFacts()).model_id == NOVA


def test_sheet_and_ratings(tmp_path: Path) -> None:
    """A sheet goes out without the judge's reply, and comes back filled in; a bad cell names its line."""
    sheet = tmp_path / "sheet.csv"
    write_sheet(sheet, [Explained("c1", 'buy, "now"', "spam", "", "An advert."), Explained("c2", "x", "spam", "", "y")])
    lines = sheet.read_text(encoding="utf-8-sig").splitlines()
    assert lines[0] == ",".join(COLUMNS)
    assert read_ratings([sheet]).is_empty()
    filled = tmp_path / "filled.csv"
    answered = lines[1].replace(",,,,,,", ",ann,true,true,TRUE,false,true")
    filled.write_text("\n".join([lines[0], answered, lines[2]]), encoding="utf-8")
    found = read_ratings([filled])
    assert found.select("comment_id", "rater", "adds_no_fact").rows() == [("c1", "ann", False)]
    with pytest.raises(BadRows, match="rated c1 already"):
        read_ratings([filled, filled])
    filled.write_text("\n".join([lines[0], answered.replace("TRUE", "maybe")]), encoding="utf-8")
    with pytest.raises(BadRows, match="line 2: quotes_nothing is maybe"):
        read_ratings([filled])
    with pytest.raises(WrongUsage, match="exists"):
        write_sheet(sheet, [])
