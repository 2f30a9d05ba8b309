"""A reviewer's page without S3, its comments and answers in memory; and a day in a store whose labels are asked for."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from io import BytesIO

import polars as pl

from data_contracts.tables.label_requests import LABEL_REQUESTS
from prompts import load
from tasks import adapters
from tasks.base.errors import StorageUnavailable
from tasks.base.paths import DayPaths
from tasks.base.settings import Language, Settings
from tasks.intake.row_rules import normalise
from tasks.labels.reviewer.desk import Desk
from tasks.labels.reviewer.guideline import read_guideline
from tasks.labels.reviewer.loopback import LoopbackServer
from tasks.labels.reviewer.review_queue import Answer, Item, Progress
from tests.measured_nights import publish_verdicts, verdict, verdicts_frame

DAY = date(2026, 11, 19)
NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


def item(number: int, text: str, language: str = "en") -> Item:
    """A comment of the day."""
    return Item(DAY, f"c{number:03d}", text, language)


class MemoryQueue:
    """See ReviewQueue: the comments come as they were given.

    Attributes:
        answers: the rater's, by the comment's key, the last one last.
        is_broken: every write fails.
    """

    def __init__(self, items: Sequence[Item]) -> None:
        self.items = {each.key: each for each in items}
        self.answers: dict[str, Answer] = {}
        self.is_broken = False

    def next_item(self) -> Item | None:
        """See ReviewQueue."""
        return next((each for key, each in self.items.items() if key not in self.answers), None)

    def put(self, key: str, answer: Answer) -> None:
        """See ReviewQueue."""
        if self.is_broken:
            raise StorageUnavailable("write s3://site/labels/date=2026-11-19/review-1.parquet: SlowDown")
        if key not in self.items:
            raise KeyError(key)
        self.answers.pop(key, None)
        self.answers[key] = answer

    def take_back(self) -> tuple[Item, Answer] | None:
        """See ReviewQueue."""
        if not self.answers:
            return None
        key, answer = self.answers.popitem()
        return self.items[key], answer

    def progress(self) -> Progress:
        """See ReviewQueue."""
        left = [each for key, each in self.items.items() if key not in self.answers]
        unsure = sum(answer.category is None for answer in self.answers.values())
        return Progress(len(self.answers), unsure, len(left), sum(bool(each.opinions) for each in left))


class Page:
    """A page that is being served.

    Attributes:
        link: as the command prints it.
        said: lines for the terminal.
    """

    def __init__(self, queue: MemoryQueue, language: Language, break_after: int) -> None:
        self.queue, self.said = queue, list[str]()
        prompt = load("comment_review", "v1")
        self.desk = Desk(queue, read_guideline(prompt), prompt.categories, lambda: NOW, break_after)
        self._served = LoopbackServer(self.desk, language, "Sato <b>", self.said.append)
        self.link = self._served.link
        self.address = self.link.removeprefix("http://").partition("/")[0]

    @contextmanager
    def running(self) -> Iterator[Page]:
        """Serve it meanwhile."""
        thread = threading.Thread(target=self._served.run, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._served.stop()
            thread.join(30)


def served(queue: MemoryQueue, language: Language = "en", break_after: int = 0) -> Page:
    """A page over this queue, not yet running."""
    return Page(queue, language, break_after)


def put_day(
    settings: Settings,
    run_date: date,
    slots: Mapping[str, int],
    texts: Mapping[str, str] | None = None,
    lost: Collection[str] = (),
) -> None:
    """A judged day whose comments are all asked about, by so many raters each.

    Args:
        settings: where.
        run_date: the day.
        slots: raters by comment.
        texts: what the comments say, if it matters.
        lost: comments whose text upstream has replaced since.
    """
    paths, outside = DayPaths(settings, run_date), adapters.connect(settings)
    said = {name: (texts or {}).get(name, f"text of {name}") for name in slots}
    normal = pl.DataFrame({"text": list(said.values())}).select(normalise(pl.col("text")))["text"]
    hashes = dict(zip(said, (hashlib.sha256(text.encode()).hexdigest() for text in normal), strict=True))
    rows = [verdict(name, date=run_date, text_sha256=sha256) for name, sha256 in hashes.items()]
    publish_verdicts(settings, run_date, verdicts_frame(rows))
    request = {"date": run_date, "product_id": "p", "stratum": "clear", "stratum_size": 4 * len(slots)}
    request |= {"inclusion_probability": 0.25, "purpose": "sample", "requested_at": NOW, "run_id": "run-1"}
    asked = [
        request | {"comment_id": name, "rater_slots": count, "language": "en" if said[name].isascii() else "ja"}
        for name, count in slots.items()
    ]
    batches = pl.DataFrame(asked, schema=LABEL_REQUESTS.polars_schema).to_arrow().cast(LABEL_REQUESTS.arrow_schema)
    outside.lake.replace_day(paths.lake(LABEL_REQUESTS.name), LABEL_REQUESTS, run_date, batches.to_batches(), {})
    body = BytesIO()
    comments = {name: "another text" if name in lost else text for name, text in said.items()}
    pl.DataFrame({"comment_id": list(comments), "text": list(comments.values())}).write_parquet(body)
    outside.storage.put(f"{paths.comments}/part-0.parquet", body.getvalue())
