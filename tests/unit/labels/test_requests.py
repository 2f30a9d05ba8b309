"""What a rater has still to do, and how answers become label files."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from data_contracts.tables.label_requests import LABEL_REQUESTS
from data_contracts.tables.labels import LABELS, LabelSource
from tasks import adapters
from tasks.base.paths import DayPaths
from tasks.base.settings import Settings
from tasks.labels.comment_texts import judged_texts
from tasks.labels.label_objects import Label, labels_name, put_labels
from tasks.labels.requests import (
    asked_label,
    disputed_requests,
    latest_labels,
    open_requests,
    read_day_labels,
    request_states,
)
from tests.measured_nights import DAY, NOW, label, labels_frame, settings_in


def request(comment_id: str, **overrides: Any) -> dict[str, Any]:
    """One row of the requests."""
    row = {"date": DAY, "comment_id": comment_id, "product_id": "p", "language": "ja", "stratum": "clear"}
    row |= {"stratum_size": 100, "inclusion_probability": 0.25, "rater_slots": 1, "purpose": "sample"}
    return row | {"requested_at": NOW, "run_id": "r"} | overrides


def states(requests: list[dict[str, Any]], labels: list[dict[str, Any]]) -> pl.DataFrame:
    """Requests against labels."""
    asked = pl.DataFrame(requests, schema=LABEL_REQUESTS.polars_schema)
    return request_states(asked, latest_labels(labels_frame(labels)))


def open_to(found: pl.DataFrame, rater: str | None) -> set[str]:
    """The comments that a rater may label."""
    return set(open_requests(found, rater)["comment_id"])


def test_open_requests() -> None:
    """A request is open while a slot is free, and not to who has answered it; appeals and planted ones answer none."""
    two = {"rater_slots": 2}
    asked = [request("none"), request("one"), request("two", **two), request("full", **two), request("appealed")]
    ann, ben = {"labeler": "ann"}, {"labeler": "ben"}
    given = [label("one", **ann), label("two", **ann), label("full", **ann), label("full", **ben)]
    given += [label("appealed", labeler="support", source="overturn"), label("elsewhere", **ann)]
    found = states(asked, given)
    assert open_to(found, "ann") == {"none", "appealed"}
    assert open_to(found, "ben") == {"none", "two", "appealed"}
    assert open_to(found, None) == {"none", "two", "appealed"}


def test_disputed_requests() -> None:
    """A tie of the raters is for a third, who settles it; what is answered by too few raters is only open."""
    bad = {"violation": True, "category": "spam"}
    labels = [label("a", labeler="ann"), label("a", labeler="ben", **bad), label("b", labeler="ann", **bad)]
    requests = [request("a", rater_slots=2), request("b", rater_slots=2)]
    found = states(requests, labels)
    assert disputed_requests(found, "cy")["comment_id"].to_list() == ["a"]
    assert disputed_requests(found, "ann").is_empty()
    settled = states(requests, [*labels, label("a", labeler="cy", **bad)])
    assert disputed_requests(settled, "dan").is_empty()


def test_every_rater_has_an_order_of_his_own() -> None:
    """The order differs from rater to rater, is the same every time, and tells nothing of the strata."""
    asked = [request(f"f{n}", stratum="flagged") for n in range(50)] + [request(f"c{n}") for n in range(50)]
    found = states(asked, [])
    ann, ben = (open_requests(found, rater)["comment_id"].to_list() for rater in ("ann", "ben"))
    assert ann != ben
    assert sorted(ann) == sorted(ben)
    assert ann == open_requests(found.reverse(), "ann")["comment_id"].to_list()
    assert 10 < sum(name.startswith("f") for name in ann[:50]) < 40


def test_a_comment_that_is_asked_for_twice_is_shown_once() -> None:
    """A sample's comment that two candidates disagree on is one task."""
    found = states([request("a"), request("a", purpose="disagreement")], [])
    assert len(open_requests(found, "ann")) == 1


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings whose roots are folders."""
    monkeypatch.setenv("AWS_REGION", "ap-northeast-1")
    return settings_in(tmp_path)


def answer(comment_id: str = "a", **overrides: Any) -> Label:
    """A rater's answer to a request."""
    given = {"labeler": "ann", "violation": True, "category": "spam", "labeled_at": NOW}
    return asked_label(request(comment_id), **given | overrides)


def test_an_answer_takes_over_what_is_known_of_its_request() -> None:
    """Stratum and probability are those that it was drawn with, and its source says why it was asked for."""
    found = answer()
    assert (found.stratum, found.inclusion_probability, found.source) == ("clear", 0.25, LabelSource.SAMPLE)


@pytest.mark.parametrize("wrong", [{"violation": False}, {"category": "none"}, {"labeler": ""}])
def test_an_answer_at_odds_with_itself(wrong: dict[str, Any]) -> None:
    """No such label is ever written."""
    with pytest.raises(ValueError, match=r"violation is|labeler"):
        answer(**wrong)


def test_the_same_answers_are_the_same_object(settings: Settings) -> None:
    """Whatever their order and whenever they were given; a correction is another object, whose later time counts."""
    storage, paths = adapters.connect(settings).storage, DayPaths(settings, DAY)
    first = put_labels(storage, paths, [answer("a"), answer("b")])
    again = put_labels(storage, paths, [answer("b", labeled_at=NOW + timedelta(1)), answer("a")])
    assert first.is_new
    assert again == first._replace(is_new=False)
    corrected = put_labels(
        storage, paths, [answer("a", violation=False, category="none", labeled_at=NOW + timedelta(hours=1))]
    )
    assert corrected.is_new
    assert first.uri.startswith(f"{paths.labels}/import-")
    found = read_day_labels(adapters.connect(settings), paths)
    assert dict(found.select("comment_id", "violation").iter_rows()) == {"a": False, "b": True}
    assert found.schema == LABELS.polars_schema


def test_a_new_draw_makes_no_new_object() -> None:
    """A file that is imported again after its day was judged again says what it said."""
    drawn_again = asked_label(
        request("a", inclusion_probability=0.5),
        labeler="ann",
        violation=True,
        category="spam",
        labeled_at=datetime(2026, 12, 1, tzinfo=UTC),
    )
    assert labels_name([answer("a")]) == labels_name([drawn_again])


def test_only_the_text_that_was_judged_is_shown() -> None:
    """Of several rows with one id, and of a text that was replaced, the one counts that the verdict is about."""
    rows = pl.DataFrame({"comment_id": ["a", "a", "b", "c"], "text": ["other", "Ｇｏｏｄ  value", "new words", None]})
    hashes = dict.fromkeys("abc", "0" * 64)
    assert judged_texts(rows, hashes) == {}
    hashes["a"] = hashlib.sha256(b"Good value").hexdigest()
    assert judged_texts(rows, hashes) == {"a": "Ｇｏｏｄ  value"}


def test_days_are_apart() -> None:
    """The order of a day says nothing about that of another."""
    asked = [request(f"c{n}", date=date(2026, 11, day)) for n in range(30) for day in (18, 19)]
    orders = [
        open_requests(states([one for one in asked if one["date"].day == day], []), "ann")["comment_id"].to_list()
        for day in (18, 19)
    ]
    assert orders[0] != orders[1]
