"""Erasing a comment of a played night: afterwards nobody can read it anywhere, and it does not come back."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from io import BytesIO
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

import prompts
from data_contracts.documents.ledger import erasure_id, record_id
from data_contracts.tables.evaluation_sets import EXPERIMENTS
from data_contracts.tables.labels import LabelSource
from sandbox.days import sample_day
from sandbox.play import play_night
from sandbox.serve import Sandbox
from tasks import adapters
from tasks.base.errors import DayInUse
from tasks.base.paths import DayPaths, EvaluationPaths
from tasks.base.settings import Settings
from tasks.evaluate.runs.run_candidates import run_candidates
from tasks.evaluate.sets.add_set import add_set
from tasks.evaluate.sets.versions import read_version
from tasks.labels.label_objects import Label
from tasks.labels.reviewer.answer_book import AnswerBook, Entry
from tasks.labels.reviewer.review_queue import Answer
from tasks.ledger.lease import held
from tasks.past_days.erasure.erase_comment import erase_comment
from tasks.past_days.erasure.remedies import TABLES
from tests.bench import Bench
from tests.played_once import PlayedInSandbox

pytestmark = pytest.mark.usefixtures("without_expectations")

DAY, NEXT_DAY = date(2026, 11, 18), date(2026, 11, 19)
NOW = datetime(2026, 11, 20, 1, tzinfo=UTC)
PERSON = "person-c0ffee-2026"
TEXT = 'Contact me "directly" at <my shop> & get bad things, 個人的な連絡先はこちらです'
OTHER = "other-person-2026"


class Site:
    """A site with two published nights; PERSON posted once, then the same id was rejected on the next day."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.settings = sandbox, Settings.load()
        self.nights = 0

    def put_day(self, day: date, *, with_person: bool = True) -> None:
        comments = sample_day(day, comment_count=150, dirty_fraction=0).comments
        extra = comments.head(2).with_columns(
            comment_id=pl.Series([PERSON, OTHER]), text=pl.Series([TEXT, TEXT]), user_id=pl.Series(["u-p", "u-o"])
        )
        frame = pl.concat([comments, extra]) if with_person else comments
        body = BytesIO()
        frame.write_parquet(body)
        key = f"comments/date={day}/part-0.parquet"
        self.sandbox.s3.put_object(Bucket="moderation-input", Key=key, Body=body.getvalue())

    def play(self, day: date, epoch: int = 0) -> None:
        self.nights += 1
        play_night(self.settings, day, f"run-{self.nights}", lambda: NOW, epoch=epoch)

    def objects(self) -> Iterator[tuple[str, bytes]]:
        """Every object of ours: name and body."""
        for bucket in ("moderation-output", "moderation-batch"):
            for page in self.sandbox.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
                for item in page.get("Contents", ()):
                    body = self.sandbox.s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
                    yield f"{bucket}/{item['Key']}", body

    def holding(self, *needles: str) -> list[str]:
        """Objects that hold a word in any spelling: in the name, in the bytes, or in a decoded Parquet value."""
        words = [spelt.encode() for needle in needles for spelt in spellings(needle)]
        return [
            name for name, body in self.objects() if any(word in name.encode() + readable(name, body) for word in words)
        ]

    def verdicts(self, day: date = DAY) -> pl.DataFrame:
        body = self.sandbox.s3.get_object(Bucket="moderation-output", Key=f"verdicts/date={day}/verdicts.parquet")[
            "Body"
        ].read()
        return pl.read_parquet(BytesIO(body))

    def lake(self, table: str) -> pl.DataFrame:
        outside, paths = adapters.connect(self.settings), DayPaths(self.settings, DAY)
        return outside.lake.scan(paths.lake(table), TABLES[table]).collect()


def spellings(word: str) -> set[str]:
    plain = {word, prompts.escape(word), html.escape(word)}
    return plain | {json.dumps(each, ensure_ascii=ascii)[1:-1] for each in plain for ascii in (True, False)}


def readable(name: str, body: bytes) -> bytes:
    """The raw bytes; of a Parquet file also every value, each column's statistics and the key-value metadata."""
    if not name.endswith(".parquet"):
        return body
    file = pq.ParquetFile(BytesIO(body))
    said = [json.dumps(file.read().to_pylist(), default=str, ensure_ascii=False), str(file.metadata.metadata)]
    for group in range(file.metadata.num_row_groups):
        for column in range(file.metadata.num_columns):
            said.append(str(file.metadata.row_group(group).column(column).statistics))
    return body + "".join(said).encode()


def _site(sandbox: Sandbox, environment: pytest.MonkeyPatch) -> Site:
    for name, value in sandbox.environment.items():
        environment.setenv(name, value)
    environment.setenv("MODERATION_DEDUPLICATE", "false")
    return Site(sandbox)


@pytest.fixture
def site(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site without a day."""
    return _site(sandbox, monkeypatch)


@pytest.fixture(scope="module")
def played(_bench: Bench) -> PlayedInSandbox:
    """A site after its first night."""
    _bench.sandbox.reset()
    _bench.sandbox.set_speed(0)
    with pytest.MonkeyPatch.context() as environment:
        site = _site(_bench.sandbox, environment)
        site.put_day(DAY)
        site.play(DAY)
    return PlayedInSandbox(_bench.sandbox)


@pytest.fixture
def published(site: Site, played: PlayedInSandbox) -> Site:
    """The site as its first night has left it."""
    played.bring_back(site.sandbox)
    site.nights = 1
    return site


RECORD = record_id(DAY, PERSON)


def test_the_review_list_forgets_it_too(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A comment that a person should have looked at goes from the list, in the lake and in the plain object."""
    site.settings = site.settings.model_copy(update={"min_judged_fraction": 0.0, "max_attempts": 1})
    site.sandbox.faults.set("refusals", "1.0")
    site.put_day(DAY)
    site.play(DAY)
    assert {PERSON, OTHER} <= set(site.lake("review")["comment_id"])
    erasure = erase_comment(site.settings, PERSON, None, NOW, is_sure=True)
    assert erasure.is_good, erasure.lines
    assert site.holding(PERSON, RECORD) == []
    assert OTHER in set(site.lake("review")["comment_id"])
    assert any(name.startswith("moderation-output/review/") for name in site.holding(OTHER))


def test_the_flips_forget_it_too(published: Site) -> None:
    """A comment whose verdict changed goes from the list of those, its runs' history included."""
    site = published
    site.settings = site.settings.model_copy(update={"min_judged_fraction": 0.0, "max_attempts": 1})
    site.sandbox.faults.set("refusals", "1.0")
    site.play(DAY, epoch=1)
    assert {PERSON, OTHER} <= set(site.lake("flips")["comment_id"])
    erasure = erase_comment(site.settings, PERSON, None, NOW, is_sure=True)
    assert erasure.is_good, erasure.lines
    assert site.holding(PERSON, RECORD) == []
    assert OTHER in set(site.lake("flips")["comment_id"])
    assert any(name.startswith("moderation-output/flips/") for name in site.holding(OTHER))


def test_nobody_is_asked_about_it(published: Site) -> None:
    """A comment that people should label goes from the requests, in the lake, its history and the plain object."""
    site = published
    assert {PERSON, OTHER} <= set(site.lake("label_requests")["comment_id"])
    erasure = erase_comment(site.settings, PERSON, None, NOW, is_sure=True)
    assert erasure.is_good, erasure.lines
    assert site.holding(PERSON, RECORD) == []
    assert OTHER in set(site.lake("label_requests")["comment_id"])
    assert any(name.startswith("moderation-output/label_requests/") for name in site.holding(OTHER))


def test_an_erased_comment_is_nowhere(published: Site) -> None:
    """Tables, their history, plain objects, requests, answers and batch files are free of it; others' rows stay."""
    site = published
    site.play(DAY, epoch=1)  # the day now has a past in the lake
    before = site.verdicts()
    assert len(site.holding(PERSON)) >= 3
    assert len(site.holding(RECORD)) >= 6
    erasure = erase_comment(site.settings, PERSON, None, NOW, is_sure=True)
    assert erasure.is_good, erasure.lines
    assert site.holding(PERSON, RECORD) == []
    assert any("again: 0 hits" in line for line in erasure.lines)
    assert site.verdicts().equals(before.filter(pl.col("comment_id") != PERSON))
    assert site.lake("verdicts")["comment_id"].sort().equals(site.verdicts()["comment_id"].sort())
    assert not [name for name, _ in site.objects() if name.startswith(f"moderation-batch/{DAY}/")]


def test_the_text_is_gone_where_nobody_else_wrote_it(site: Site) -> None:
    """A rejected row holds the text; another person's row with the same words is no trace and stays."""
    site.put_day(NEXT_DAY)
    frame = sample_day(NEXT_DAY, comment_count=150, dirty_fraction=0).comments
    late = frame.tail(2).with_columns(
        comment_id=pl.Series([PERSON, OTHER]),
        text=pl.Series([TEXT, TEXT]),
        posted_at=pl.lit(NOW).cast(frame.schema["posted_at"]),
    )
    body = BytesIO()
    pl.concat([frame, late]).write_parquet(body)
    site.sandbox.s3.put_object(
        Bucket="moderation-input", Key=f"comments/date={NEXT_DAY}/part-0.parquet", Body=body.getvalue()
    )
    site.play(NEXT_DAY)
    assert {name.split("/")[1] for name in site.holding(TEXT)} == {"lake", "rejected"}
    assert erase_comment(site.settings, PERSON, None, NOW, is_sure=True).is_good
    assert site.holding(PERSON, record_id(NEXT_DAY, PERSON)) == []
    assert site.lake("rejected").filter(pl.col("text") == TEXT)["comment_id"].to_list() == [OTHER]
    assert erase_comment(site.settings, OTHER, None, NOW, is_sure=True).is_good
    assert site.holding(TEXT, OTHER) == []


def test_an_erased_comment_does_not_come_back(published: Site) -> None:
    """The input still holds it: judging the day again rejects the row as `erased`, with nothing but its place."""
    site = published
    erasure = erase_comment(site.settings, PERSON, None, NOW, is_sure=True)
    assert any(f"comments/date={DAY}/part-0.parquet" in line for line in erasure.lines)
    site.play(DAY, epoch=1)
    assert site.holding(PERSON, RECORD) == []
    assert PERSON not in site.verdicts()["comment_id"].to_list()
    assert OTHER in site.verdicts()["comment_id"].to_list()
    row = site.lake("rejected").filter(pl.col("reason") == "erased").row(0, named=True)
    assert {name for name, value in row.items() if value is not None} == {
        "date", "source_object", "source_row", "reason", "run_id"
    }  # fmt: skip


def test_the_record_of_an_erasure_does_not_name_it(published: Site) -> None:
    """What is kept is a hash; erasing again finds nothing, and says so."""
    site = published
    erase_comment(site.settings, PERSON, None, NOW, is_sure=True)
    records = [(name, body) for name, body in site.objects() if "/state/erasures/" in name]
    assert [name for name, _ in records] == [f"moderation-output/state/erasures/{DAY}/{erasure_id(DAY, PERSON)}.json"]
    assert b"person" not in records[0][1]
    again = erase_comment(site.settings, PERSON, None, NOW, is_sure=True)
    assert again.is_good
    assert any("0 hold it" in line for line in again.lines)


def test_without_yes_nothing_is_done(published: Site) -> None:
    """It tells each object that holds the comment and what would be done, and changes none."""
    site = published
    before = dict(site.objects())
    erasure = erase_comment(site.settings, PERSON, DAY, NOW, is_sure=False)
    assert erasure.is_good
    assert "add --yes" in erasure.lines[-1]
    told = [name for name in before if any(f"s3://{name}:" in line for line in erasure.lines)]
    assert set(site.holding(PERSON, RECORD)) <= set(told)
    assert dict(site.objects()) == before


@pytest.mark.parametrize("day", [pytest.param(None, id="any-day"), pytest.param(DAY, id="that-day")])
def test_an_unknown_comment_is_told(published: Site, day: date | None) -> None:
    """Nothing is done, and the line says that nothing holds it."""
    site = published
    erasure = erase_comment(site.settings, "nobody-ever-wrote-this", day, NOW, is_sure=True)
    assert not erasure.is_good
    assert "nobody-ever-wrote-this" in erasure.lines[0]
    assert not [name for name, _ in site.objects() if "/erasures/" in name]


def test_one_day_alone_is_erased(published: Site) -> None:
    """With a date, another day's comment of the same id stays; without, both go."""
    site = published
    site.put_day(NEXT_DAY)
    site.play(NEXT_DAY)
    erasure = erase_comment(site.settings, PERSON, DAY, NOW, is_sure=True)
    assert erasure.is_good, erasure.lines
    assert site.holding(RECORD) == []
    assert PERSON in site.verdicts(NEXT_DAY)["comment_id"].to_list()
    assert erase_comment(site.settings, PERSON, None, NOW, is_sure=True).is_good
    assert site.holding(PERSON, RECORD, record_id(NEXT_DAY, PERSON)) == []


def test_a_comment_that_was_never_judged_is_kept_out(site: Site) -> None:
    """With a date, a comment that only the input holds is recorded, so that the first night rejects it."""
    site.put_day(DAY)
    assert erase_comment(site.settings, PERSON, DAY, NOW, is_sure=True).is_good
    site.play(DAY)
    assert site.holding(PERSON, RECORD, "u-p") == []


def test_open_jobs_are_not_disturbed(published: Site) -> None:
    """While a job may still read its input, nothing is deleted, and the line says what to do."""
    site = published
    paths, outside = DayPaths(site.settings, DAY), adapters.connect(site.settings)
    for item in outside.storage.list(paths.ledger):
        body = outside.storage.get(item.uri)
        assert body is not None
        outside.storage.put(item.uri, body.replace(b'"collected"', b'"submitted"'))
    before = dict(site.objects())
    erasure = erase_comment(site.settings, PERSON, None, NOW, is_sure=True)
    assert not erasure.is_good
    assert any(line.startswith(f"refused: jobs of {DAY}") for line in erasure.lines)
    assert dict(site.objects()) == before


def test_a_day_that_is_worked_on_is_left_alone(published: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A night and an erasure of one day wait for each other."""
    monkeypatch.setenv("MODERATION_LEASE_WAIT_S", "0")
    site = published
    site.settings = Settings.load()
    with held(site.settings, DAY, "a-night"), pytest.raises(DayInUse, match="a-night"):
        erase_comment(site.settings, PERSON, DAY, NOW, is_sure=True)
    assert PERSON in site.verdicts()["comment_id"].to_list()


def test_a_bucket_with_versions_is_no_proof(published: Site) -> None:
    """Old versions outlive deletion: the erasure is done, and called unproven."""
    site = published
    site.sandbox.s3.put_bucket_versioning(Bucket="moderation-output", VersioningConfiguration={"Status": "Enabled"})
    try:
        erasure = erase_comment(site.settings, PERSON, None, NOW, is_sure=True)
    finally:
        site.sandbox.s3.put_bucket_versioning(
            Bucket="moderation-output", VersioningConfiguration={"Status": "Suspended"}
        )
    assert not erasure.is_good
    assert any("NOT PROVEN" in line and "moderation-output" in line for line in erasure.lines)
    assert site.holding(PERSON, RECORD) == []


def _evaluate(site: Site, folder: Path) -> EvaluationPaths:
    """A set with PERSON's comment by its id, its text without an id, a variant of it and OTHER's, asked of a model; and
    a file that a crash has left."""
    rows: list[dict[str, object]] = [
        {"text": TEXT, "item_id": "first", "comment_id": PERSON, "date": DAY},
        {"text": f"they said: {TEXT}", "item_id": "second"},
        {"text": "other words for what the person said", "item_id": "first.paraphrase", "source": "model"},
        {"text": TEXT, "item_id": "third", "comment_id": OTHER, "date": DAY},
    ]
    file = folder / "set.jsonl"
    file.write_text(
        "\n".join(json.dumps(row | {"violation": True, "category": "privacy"}, default=str) for row in rows), "utf-8"
    )
    add_set(site.settings, "reviews", [file], NOW)
    add_set(site.settings, "reviews", [file], NOW)
    run_candidates(site.settings, "reviews", ["prompt=v1"], "all", 5.0, "run-e", lambda: NOW)
    paths = EvaluationPaths(site.settings, DAY, "reviews")
    storage = adapters.connect(site.settings).storage
    storage.put(paths.batch_input("f" * 64, 7), json.dumps({"recordId": "another", "says": TEXT}).encode())
    return paths


def _reviewed(site: Site) -> AnswerBook:
    """A rater's file of the day: notes on PERSON's comment and on OTHER's, which says the same, and on a third."""
    storage = adapters.connect(site.settings).storage
    book = AnswerBook(storage, DayPaths(site.settings, DAY).review("0123456789abcdef"))
    for comment_id, note in ((PERSON, "an own shop"), (OTHER, f"as above: {TEXT}"), ("third", "clear")):
        answer = Answer(category="none", note=note, seconds=2.0, answered_at=NOW)
        label = Label(
            comment_id=comment_id, labeler="ann", violation=False, category="none", labeled_at=NOW,
            source=LabelSource.OVERTURN,
        )  # fmt: skip
        book.put(comment_id, Entry(answer, label))
    return book


def test_evaluations_and_notes_forget_it_too(published: Site, tmp_path: Path) -> None:
    """Its text leaves every version of a set, a variant of it too; explanations that may quote it, and notes, go."""
    site = published
    paths, book = _evaluate(site, tmp_path), _reviewed(site)
    storage = adapters.connect(site.settings).storage
    told = erase_comment(site.settings, PERSON, None, NOW, is_sure=False).lines
    assert any("lake/experiments: 2 answers with an explanation" in line for line in told)
    assert any("set reviews v2: 3 items, blank their text" in line for line in told)
    erasure = erase_comment(site.settings, PERSON, None, NOW, is_sure=True)
    assert erasure.is_good, erasure.lines
    assert site.holding(PERSON, RECORD) == []
    assert not storage.list(paths.batch)
    for number in (1, 2):
        items = read_version(storage, paths, number)[1]
        said = dict(items.select("item_id", "text").rows())
        assert said == {"first": None, "second": None, "first.paraphrase": None, "third": TEXT}
        assert items["comment_id"].drop_nulls().to_list() == [OTHER]
    asked = adapters.connect(site.settings).lake.scan(paths.lake(EXPERIMENTS.name), EXPERIMENTS).collect()
    assert asked.height == 3
    assert not any(asked["explanation"].drop_nulls())
    assert asked["category"].null_count() < 3
    again = AnswerBook(storage, DayPaths(site.settings, DAY).review("0123456789abcdef"))
    assert {name: entry.answer.note for name, entry in again.entries.items()} == {
        PERSON: "",
        OTHER: "",
        "third": "clear",
    }
    assert len(again.entries) == len(book.entries)
    did = "\n".join(erasure.lines)
    for words in ("set reviews v1: the text of 3 items blanked", "batch files of its evaluations deleted",
                  "lake/experiments: the explanation of", "notes on it cleared"):  # fmt: skip
        assert words in did
    assert erase_comment(site.settings, PERSON, None, NOW, is_sure=True).is_good


def test_an_evaluation_under_way_is_not_disturbed(published: Site, tmp_path: Path) -> None:
    """While a job of the set may still read its input, nothing is deleted, and the line says what to do."""
    site = published
    paths = _evaluate(site, tmp_path)
    storage = adapters.connect(site.settings).storage
    for item in storage.list(paths.ledger):
        storage.put(item.uri, (storage.get(item.uri) or b"").replace(b'"collected"', b'"submitted"'))
    before = dict(site.objects())
    erasure = erase_comment(site.settings, PERSON, None, NOW, is_sure=True)
    assert any("refused: jobs of reviews are not collected" in line for line in erasure.lines)
    assert dict(site.objects()) == before
