"""Answers in a store: none is lost, none is doubled, and what waits for whom is what the requests say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq
import pytest

from data_contracts.tables.labels import LABELS
from tasks import adapters
from tasks.adapters.storage import Storage, StorageRefused
from tasks.base.errors import WrongUsage
from tasks.base.paths import DayPaths
from tasks.base.settings import Settings
from tasks.labels.requests import read_day_labels
from tasks.labels.reviewer.answer_book import decode, unsure_ids
from tasks.labels.reviewer.review_day import ReviewDay, requests_by_day
from tasks.labels.reviewer.review_queue import Answer, Item, Opinion
from tasks.labels.reviewer.serve_page import ReviewCall, serve_page
from tasks.labels.reviewer.stored_queue import StoredQueue
from tests.measured_nights import DAY, NOW, label, labels_frame, settings_in
from tests.review_site import put_day

BEFORE = DAY - timedelta(days=1)
ZONE = ZoneInfo("Asia/Tokyo")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings whose roots are folders."""
    monkeypatch.setenv("AWS_REGION", "ap-northeast-1")
    return settings_in(tmp_path)


def put_labels(settings: Settings, name: str, *rows: dict[str, Any]) -> None:
    """A label file of the day."""
    body = BytesIO()
    labels_frame(list(rows)).write_parquet(body)
    adapters.connect(settings).storage.put(f"{DayPaths(settings, DAY).labels}/{name}.parquet", body.getvalue())


def queue_of(settings: Settings, rater: str, tell: Callable[[str], None] = print, **more: Any) -> StoredQueue:
    """What the command makes for a rater."""
    outside = adapters.connect(settings)
    asked = requests_by_day(outside, DayPaths(settings, BEFORE), DAY)
    days = [ReviewDay(outside, DayPaths(settings, day), requests, rater) for day, requests in asked.items()]
    return StoredQueue(days, lambda: NOW, ZONE, tell, **more)


def say(queue: StoredQueue, category: str | None, seconds_later: int = 0, note: str = "") -> Item:
    """Answer what the queue shows next."""
    item = queue.next_item()
    assert item is not None
    queue.put(item.key, Answer(category=category, note=note, seconds=2.5, answered_at=at(seconds_later)))
    return item


def at(seconds: int) -> datetime:
    """A moment."""
    return NOW + timedelta(seconds=seconds)


def labels_in(settings: Settings, run_date: date = DAY) -> dict[tuple[str, str], str | None]:
    """What any reader of label files finds."""
    found = read_day_labels(adapters.connect(settings), DayPaths(settings, run_date))
    return {(name, who): category for name, who, category in found.select("comment_id", "labeler", "category").rows()}


def test_an_answer_is_a_label_at_once(settings: Settings) -> None:
    """It stands among the day's labels as the contract has it, with what is known of its request."""
    put_day(settings, DAY, dict.fromkeys("abc", 1))
    item = say(queue_of(settings, "Sato"), "spam", note="a link")
    assert item.text == f"text of {item.comment_id}"
    found = read_day_labels(adapters.connect(settings), DayPaths(settings, DAY))
    assert found.schema == LABELS.polars_schema
    row = found.row(0, named=True)
    expected = {"labeler": "Sato", "violation": True, "category": "spam", "source": "sample", "stratum": "clear"}
    assert row.items() >= (expected | {"inclusion_probability": 0.25, "labeled_at": NOW}).items()


def test_a_crash_loses_nothing(settings: Settings) -> None:
    """Another process goes on where the first was: answers, notes, unsure ones and the order of all are there."""
    put_day(settings, DAY, dict.fromkeys("abcdef", 1))
    first = queue_of(settings, "Sato")
    done = [say(first, category, place, f"note {place}") for place, category in enumerate(("none", None, "hate"))]
    second = queue_of(settings, "Sato")
    assert second.progress() == first.progress()
    assert second.progress()[:3] == (3, 1, 3)
    assert {item.comment_id for item in done}.isdisjoint(second._days[0].waiting)
    for item, category in zip(reversed(done), ("hate", None, "none"), strict=True):
        taken = second.take_back()
        assert taken is not None
        assert (taken[0], taken[1].category, taken[1].seconds) == (item, category, 2.5)
    assert second.take_back() is None
    assert labels_in(settings) == {}
    assert second.progress() == (0, 0, 6, 0)


def test_unsure_is_no_label(settings: Settings) -> None:
    """It is kept, the rater is not asked again, and another rater is; readers of labels see nothing of it."""
    put_day(settings, DAY, {"a": 1})
    queue = queue_of(settings, "Sato")
    say(queue, None, note="slang?")
    assert queue.next_item() is None
    assert labels_in(settings) == {}
    other = queue_of(settings, "Mori").next_item()
    assert other is not None
    assert other.opinions == ()
    (file,) = adapters.connect(settings).storage.list(DayPaths(settings, DAY).labels)
    assert unsure_ids(pq.read_schema(file.uri).metadata) == {"a"}
    assert unsure_ids(None) == unsure_ids({b"other": b"x"}) == frozenset()


def test_a_second_word_replaces_the_first(settings: Settings) -> None:
    """One label a comment and rater, whichever key came last; unsure takes the label away."""
    put_day(settings, DAY, {"a": 1})
    queue = queue_of(settings, "Sato")
    key = say(queue, "spam").key
    queue.put(key, Answer(category="fraud", answered_at=at(5)))
    assert labels_in(settings) == {("a", "Sato"): "fraud"}
    queue.put(key, Answer(category=None, answered_at=at(6)))
    assert labels_in(settings) == {}


def test_two_raters_at_once_lose_nothing(settings: Settings) -> None:
    """Each has an order of his own, sees before each comment what the other did, and both labels of one count."""
    names = [f"c{number:02d}" for number in range(20)]
    put_day(settings, DAY, dict.fromkeys(names, 1))
    queues = [queue_of(settings, "Sato"), queue_of(settings, "Mori")]
    shown = [queue.next_item() for queue in queues]
    assert shown[0] != shown[1]
    seen, met = list[str](), 0
    while any(items := [queue.next_item() for queue in queues]):
        met += items[0] == items[1]
        for queue, item in zip(queues, items, strict=True):
            if item is not None:
                seen.append(item.comment_id)
                queue.put(item.key, Answer(category="none", answered_at=NOW))
    assert set(seen) == set(names)
    assert len(labels_in(settings)) == len(seen)
    assert len(seen) == len(names) + met  # twice only what was on both screens at one time
    assert met < len(names) / 4


def test_one_rater_twice_loses_nothing(settings: Settings) -> None:
    """Two processes of one name write the same object; neither undoes what the other wrote."""
    put_day(settings, DAY, dict.fromkeys("abcd", 1))
    one, other = queue_of(settings, "Sato"), queue_of(settings, "Sato")
    first, second = one.next_item(), other.next_item()
    assert first is not None
    assert first == second
    one.put(first.key, Answer(category="spam", answered_at=at(0)))
    key = next(key for key, (_, name) in other._places.items() if name != first.comment_id)
    other.put(key, Answer(category="none", answered_at=at(1)))
    one.put(first.key, Answer(category="hate", answered_at=at(2)))
    assert sorted(labels_in(settings).values(), key=str) == ["hate", "none"]


def test_a_write_that_meets_another_is_done_again(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody wrote between our reading and our writing: what is there is read again, and nothing is undone."""
    put_day(settings, DAY, dict.fromkeys("abc", 1))
    one, other = queue_of(settings, "Sato"), queue_of(settings, "Sato")
    keys = list(one._places)
    one.put(keys[0], Answer(category="none", answered_at=at(0)))
    real, raced = Storage.put_if_match, list[bool]()

    def race(self: Storage, uri: str, body: bytes, etag: str) -> bool:
        if not raced:
            raced.append(True)
            other.put(keys[1], Answer(category="spam", answered_at=at(1)))
        return real(self, uri, body, etag)

    monkeypatch.setattr(Storage, "put_if_match", race)
    one.put(keys[2], Answer(category="hate", answered_at=at(2)))
    assert sorted(map(str, labels_in(settings).values())) == ["hate", "none", "spam"]


def test_a_third_settles(settings: Settings) -> None:
    """Who has not answered is asked last, reads both answers and the note, and his voice decides."""
    put_day(settings, DAY, {"a": 2, "b": 1})
    bad = {"violation": True, "category": "spam"}
    put_labels(settings, "import-1", label("a", labeler="Sato", **bad))
    queue = queue_of(settings, "Mori")
    while (item := queue.next_item()) is not None:
        queue.put(item.key, Answer(category="none", note=f"fine: {item.comment_id}", answered_at=NOW))
        assert item.opinions == ()
    third = queue_of(settings, "Abe")
    assert third.progress()[2:] == (1, 1)
    dispute = third.next_item()
    assert dispute is not None
    assert set(dispute.opinions) == {Opinion("spam"), Opinion("none", "fine: a")}
    third.put(dispute.key, Answer(category="spam", answered_at=NOW))
    assert queue_of(settings, "Ito").next_item() is None
    assert queue_of(settings, "Sato").next_item() is None


def test_two_violations_may_differ_too(settings: Settings) -> None:
    """Spam or fraud: both see a violation, and a third says which; with --settle he is asked that first."""
    put_day(settings, DAY, {"a": 2, "b": 1})
    put_labels(settings, "import-1", label("a", labeler="Sato", violation=True, category="spam"))
    put_labels(settings, "import-2", label("a", labeler="Mori", violation=True, category="fraud"))
    assert [item.comment_id for item in (queue_of(settings, "Abe").next_item(),) if item] == ["b"]
    queue = queue_of(settings, "Abe", settle_first=True)
    item = say(queue, "fraud")
    assert (item.comment_id, set(item.opinions)) == ("a", {Opinion("spam"), Opinion("fraud")})
    assert queue_of(settings, "Ito").progress()[3] == 0


def test_what_cannot_be_shown_is_passed_over(settings: Settings) -> None:
    """A comment whose text is another now is not asked about; the terminal hears it once."""
    put_day(settings, DAY, dict.fromkeys("abc", 1), lost={"b"})
    said: list[str] = []
    queue = queue_of(settings, "Sato", said.append)
    while (item := queue.next_item()) is not None:
        queue.put(item.key, Answer(category="none", answered_at=NOW))
    assert {name for name, _ in labels_in(settings)} == {"a", "c"}
    (line,) = said
    assert "1 of 3 comments cannot be shown" in line


def test_the_newest_day_comes_first(settings: Settings) -> None:
    """Then the day before; undo goes back over the border; a day's answers lie with the day's labels."""
    put_day(settings, BEFORE, {"old": 1})
    put_day(settings, DAY, {"new": 1})
    queue = queue_of(settings, "Sato")
    assert [say(queue, "none", place).comment_id for place in range(2)] == ["new", "old"]
    assert labels_in(settings, BEFORE) == {("old", "Sato"): "none"}
    taken = [queue.take_back(), queue.take_back()]
    assert [each[0].comment_id for each in taken if each] == ["old", "new"]


def test_today_ends_at_midnight_of_the_settings_zone(settings: Settings) -> None:
    """An answer of 23:59 yesterday in Tokyo is not of today, whatever UTC says."""
    put_day(settings, DAY, dict.fromkeys("ab", 1))
    queue = queue_of(settings, "Sato")
    midnight = NOW.astimezone(ZONE).replace(hour=0, minute=0, second=0)
    for moment in (midnight - timedelta(seconds=1), midnight):
        item = queue.next_item()
        assert item is not None
        queue.put(item.key, Answer(category="none", answered_at=moment))
    assert queue.progress().answered_count == 1


def test_a_foreign_object_is_left_alone(settings: Settings) -> None:
    """Somebody else's file under the page's name stops the page, and stays as it is."""
    put_day(settings, DAY, {"a": 1})
    say(queue_of(settings, "Sato"), "none")
    storage = adapters.connect(settings).storage
    (file,) = storage.list(DayPaths(settings, DAY).labels)
    body = BytesIO()
    labels_frame([label("a")]).write_parquet(body)
    storage.put(file.uri, body.getvalue())
    with pytest.raises(StorageRefused, match="was not written by the reviewer's page"):
        queue_of(settings, "Sato")
    assert storage.get(file.uri) == body.getvalue()
    assert decode(b"nonsense") is None


@pytest.mark.parametrize("name", ["", "  ", "x" * 65, "a\nb", "a\u202eb"])
def test_a_rater_has_a_name(settings: Settings, name: str) -> None:
    """It stands in every label."""
    with pytest.raises(WrongUsage, match="--rater"):
        serve_page(settings, ReviewCall(name), lambda: NOW, print)


def test_no_requests(settings: Settings) -> None:
    """Of a day, or at all: one line says it."""
    with pytest.raises(WrongUsage, match="no labels are asked for since 2026-11-06"):
        serve_page(settings, ReviewCall("Sato"), lambda: NOW, print)
    with pytest.raises(WrongUsage, match="no labels are asked for of 2026-11-19"):
        serve_page(settings, ReviewCall("Sato", DAY), lambda: NOW, print)
