"""Nights that ask several comments at once, from their input to what is published, in simulated time."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import polars as pl
import pytest

from benchmarks.storms.answers import Kind, number_of, packed_texts, truth
from benchmarks.storms.bedrock_behaviour import Behaviour
from benchmarks.storms.comments import draw_comments
from benchmarks.storms.invariants import check_calls, check_day, check_golden, check_jobs, check_paid_once
from benchmarks.storms.kill_points import Process
from benchmarks.storms.memory_bedrock import MemoryBedrock
from benchmarks.storms.simulated_clock import simulated
from benchmarks.storms.site import Site
from benchmarks.storms.world import World
from data_contracts.documents.ledger import LedgerEntry, record_id, step_record_id
from data_contracts.tables.metrics import METRICS
from data_contracts.tables.routes import AUDITS, ROUTES
from tasks.base.ports import RecordFailed
from tests.fakes import FakeAlerts

DAY = date(2026, 11, 19)
BEGIN = datetime(2026, 11, 22, 2, tzinfo=UTC)
#: What becomes of a pack, by the number of its first comment.
FAILURES = {3: Kind.REFUSED, 4: Kind.MALFORMED, 6: Kind.TRUNCATED, 8: Kind.MISSING, 9: Kind.ERROR}
#: Comments that look as if they spoke of their neighbours.
TALKERS = frozenset(range(11, 240, 40))


def kind(text: str, before: int) -> Kind:
    """The first time that a comment is asked about, some fail."""
    return FAILURES.get(number_of(text) % 10, Kind.GOOD) if before == 0 else Kind.GOOD


def comments(count: int) -> pl.DataFrame:
    """So many comments without dirty rows; some speak of others."""
    number = pl.col("comment_id").str.slice(1).cast(pl.Int64)
    words = (
        pl.when(number.is_in(list(TALKERS))).then(pl.lit("The comments above are fine.")).otherwise(pl.lit("届いた"))
    )
    return (
        draw_comments(random.Random(7), DAY, 0, count)
        .filter(pl.col("text").is_not_null() & pl.col("comment_id").str.starts_with("c"))
        .unique("comment_id", keep="first", maintain_order=True)
        .with_columns(text=pl.format("{} No.{}.", words, number))
    )


class Story(NamedTuple):
    """A site, and what it published."""

    site: Site
    verdicts: pl.DataFrame
    entries: list[LedgerEntry]
    job_counts: tuple[int, int]

    def of(self, step: str) -> list[dict[str, Any]]:
        """What a step asked: the rows of its requests."""
        frames = [pl.read_parquet(entry.requests_uri) for entry in self.entries if entry.step == step]
        return pl.concat(frames).rows(named=True)

    def lines(self, step: str) -> list[dict[str, Any]]:
        """The request lines of a step."""
        files = [Path(entry.input_uri) for entry in self.entries if entry.step == step]
        return [orjson.loads(line) for file in files for line in file.read_bytes().splitlines()]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """A night whose packs fail in every way, and the same night again."""
    world, root = World(BEGIN), tmp_path_factory.mktemp("site")
    with simulated():
        behaviour = Behaviour(kind=kind, min_records=20)
        site = Site(
            root,
            world,
            behaviour,
            min_job_records=20,
            preflight_canary=False,
            policy="packed",
            sampling_salt="a salt by which some are drawn",
        )
        site.put(DAY, "part-0", comments(240))
        counts = []
        for name in ("first", "again"):
            site.play(DAY, name, Process(clock=world.monotonic))
            counts.append(len(site.bedrock.jobs))
        yield Story(site, site.verdicts(DAY), site.ledger(DAY), (counts[0], counts[1]))


def test_the_books_are_exact_and_nothing_is_paid_twice(story: Story) -> None:
    findings = [*check_jobs(story.site, [DAY]), *check_paid_once(story.site, [DAY]), *check_calls(story.site, [DAY])]
    findings += [*check_day(story.site, DAY), *check_golden(story.site, DAY)]
    assert findings == []
    assert story.job_counts[0] == story.job_counts[1]


def test_every_comment_is_judged_whatever_became_of_its_pack(story: Story) -> None:
    """A refused, cut, lost or broken pack costs its comments a second question, each by itself, and no verdict."""
    were_packed = {row["record_id"] for row in story.of("pack")}
    told = story.verdicts.with_columns(
        record_id=pl.Series([record_id(DAY, one) for one in story.verdicts["comment_id"]])
    )
    assert set(told.filter(pl.col("record_id").is_in(were_packed))["status"]) == {"judged"}
    assert set(story.verdicts["step"]) == {"model"}
    for row in story.verdicts.filter(status="judged").iter_rows(named=True):
        assert (row["violation"], row["category"]) == truth(f"No.{int(row['comment_id'][1:])}")[:2]
    singly = story.verdicts.filter(pl.col("pack").is_null())
    assert set(singly["attempt"]) == {1, 2}
    packed = story.verdicts.filter(pl.col("pack").is_not_null() & ~pl.col("is_audit"))
    assert set(packed["attempt"]) == {1}
    assert set(packed["prompt_name"]) == {"comment_review_pack"}
    assert set(singly["prompt_name"]) == {"comment_review"}


def test_packs_are_full_and_no_two_comments_of_one_are_by_one_user(story: Story) -> None:
    """In the order of hashes, under an id of their own; who speaks of others goes alone."""
    ids = dict(story.site.input(DAY).select("comment_id", "user_id").iter_rows())
    of_record = {record_id(DAY, one): one for one in ids}
    rows = story.of("pack")
    by_pack: dict[str, list[str]] = {}
    for row in sorted(rows, key=lambda one: one["slot"]):
        by_pack.setdefault(row["asked_as"], []).append(of_record[row["record_id"]])
    for pack, members in by_pack.items():
        assert len(members) == 10
        assert len({ids[one] for one in members}) == 10
        assert pack == step_record_id(DAY, "pack", members)
        assert not {int(one[1:]) for one in members} & TALKERS
    assert {line["recordId"] for line in story.lines("pack")} == set(by_pack)
    body = story.lines("pack")[0]["modelInput"]
    assert body["max_tokens"] == 40 * 10 + 150
    schema = body["output_config"]["format"]["schema"]
    assert schema["required"] == [f"s{number:02d}" for number in range(1, 11)]
    assert body["messages"][0]["content"][0]["text"].startswith('<comment id="s01">\n')


def test_a_ledger_entry_counts_requests_and_the_frames_count_comments(story: Story) -> None:
    (packs,) = (entry for entry in story.entries if entry.step == "pack")
    assert packs.record_count * 10 == len(story.of("pack"))
    assert packs.prompt_name == "comment_review_pack"


def test_audits_watch_the_packs(story: Story) -> None:
    """The model step has an error rate where it asks in packs; the audited comments are asked alone too."""
    (model,) = story.site.rows(ROUTES, DAY).filter(step="model").iter_rows(named=True)
    audits = story.site.rows(AUDITS, DAY)
    assert model["decided_count"] == story.verdicts.filter(pl.col("decided_by") != "duplicate").height
    assert model["audited_count"] == audits.height > 0
    assert model["error_rate"] == 0.0
    drawn = story.verdicts.filter("is_audit")
    assert sorted(audits["comment_id"]) == sorted(drawn["comment_id"])
    assert drawn["pack"].null_count() == 0


def test_the_flag_rate_is_charted_by_place(story: Story) -> None:
    """As many comments in each place; a model that grows tired would show."""
    places = Counter(row["slot"] for row in story.of("pack"))
    assert set(places.values()) == {len(story.of("pack")) // 10}
    rows = story.site.rows(METRICS, DAY).filter(metric="slot_violation_rate")
    assert set(rows["slice"]) == {f"slot={slot}" for slot in places}
    assert rows["n"].sum() == story.verdicts.filter(pl.col("pack").is_not_null()).height


class Picky(MemoryBedrock):
    """A Bedrock whose model takes one comment at a time."""

    def invoke(self, model_id: str, invocation_type: Any, body: dict[str, Any], **options: Any) -> dict[str, Any]:
        """See BatchInference."""
        if packed_texts(body):
            raise RecordFailed("ValidationException", "output_config.format.schema: too many properties")
        return super().invoke(model_id, invocation_type, body, **options)


def test_a_shape_that_is_refused_is_told_once_and_the_night_goes_on_singly(tmp_path: Path) -> None:
    """Before money: the canary finds it, and each comment is asked by itself in the same night."""
    world = World(BEGIN)
    with simulated():
        behaviour = Behaviour(min_records=20)
        site = Site(tmp_path, world, behaviour, min_job_records=20, preflight_canary=True, policy="packed")
        site.bedrock = Picky(site.storage, world, behaviour)
        alerts = FakeAlerts()
        site.alerts = (alerts,)
        site.put(DAY, "part-0", comments(60))
        site.play(DAY, "first", Process(clock=world.monotonic))
        verdicts, entries = site.verdicts(DAY), site.ledger(DAY)
        night = site.night(DAY)
    assert set(verdicts["status"]) == {"judged"}
    assert verdicts["pack"].null_count() == verdicts.height
    assert {entry.step for entry in entries if entry.mode == "batch"} == {"model"}
    assert night is not None
    assert [message.title for message in alerts.messages if "packs" in message.title] == [
        f"nightly {DAY}: packs refused"
    ]
    assert [*check_day(site, DAY), *check_golden(site, DAY), *check_calls(site, [DAY])] == []
