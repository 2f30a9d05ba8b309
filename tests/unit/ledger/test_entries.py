"""The day's ledger: identities that never collide, intents that are put once, entries that count for a plan."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from botocore.loaders import Loader
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from data_contracts.documents.ledger import EntryState, LedgerEntry, job_name, record_id, shard_key, without_strays
from data_contracts.tables.verdicts import ANSWERS, REQUESTS
from tasks.base.paths import DayPaths
from tasks.base.ports import JobStatus
from tasks.ledger.entries import (
    fetch_answers,
    fetch_requests,
    is_live,
    is_running,
    read_ledger,
    record_move,
    serves,
    write_intent,
)
from tasks.ledger.moves import ended, submitted
from tests import factories

SHARD: dict[str, Any] = {
    "deployment": "s3://moderation",
    "run_date": date(2026, 11, 19),
    "shard": 0,
    "input_sha256": "b" * 64,
    "model_id": factories.MODEL_ID,
    "invocation_type": "InvokeModel",
    "epoch": 0,
}
CREATE_JOB = Loader().load_service_model("bedrock", "service-2")["shapes"]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"deployment": "s3://moderation-staging"}, id="deployment"),
        pytest.param({"run_date": date(2026, 11, 20)}, id="day"),
        pytest.param({"shard": 1}, id="shard"),
        pytest.param({"input_sha256": "c" * 64}, id="input"),
        pytest.param({"model_id": "anthropic.claude-opus-5"}, id="model"),
        pytest.param({"invocation_type": "Converse"}, id="invocation"),
        pytest.param({"epoch": 1}, id="epoch"),
    ],
)
def test_a_key_is_of_everything_that_makes_the_job(change: dict[str, Any]) -> None:
    """Two shards that differ in anything have different tokens; the same shard always has the same one."""
    assert shard_key(**SHARD) == shard_key(**SHARD) != shard_key(**(SHARD | change))
    assert re.fullmatch("[0-9a-f]{64}", shard_key(**SHARD))


@given(st.dates(), st.integers(0, 99_999))
def test_names_and_tokens_are_those_that_bedrock_takes(run_date: date, shard: int) -> None:
    """The job's name and the client request token keep AWS's own patterns and lengths."""
    key = shard_key(**(SHARD | {"run_date": run_date, "shard": shard}))
    name = job_name(run_date, shard, key)
    for value, shape in ((name, "ModelInvocationJobName"), (key, "ModelInvocationIdempotencyToken")):
        rule = CREATE_JOB[shape]
        assert re.fullmatch(rule["pattern"], value)
        assert rule["min"] <= len(value) <= rule["max"]
    assert name == f"nm-{run_date.isoformat()}-{shard:05d}-{key[:16]}"


@given(st.text(), st.text(), st.dates())
def test_a_record_id_is_of_its_day_and_comment(one: str, other: str, run_date: date) -> None:
    """32 lower hex digits that show nothing of the comment's id; another id is another record."""
    found = record_id(run_date, one)
    assert re.fullmatch("[0-9a-f]{32}", found)
    assert (found == record_id(run_date, other)) is (one == other)


def test_the_same_comment_on_another_day_is_another_record() -> None:
    """Ids of records do not repeat across days."""
    assert record_id(date(2026, 11, 19), "c1") != record_id(date(2026, 11, 20), "c1")


@pytest.fixture
def paths(tmp_path: Path) -> DayPaths:
    return DayPaths(factories.settings(tmp_path), factories.RUN_DATE)


STORAGE = factories.local_adapters().storage


def test_an_intent_is_put_once(paths: DayPaths) -> None:
    """The second to put an intent gets what is there, however far it has come."""
    intent = factories.ledger_entry()
    assert write_intent(STORAGE, paths, intent) == intent
    moved = record_move(STORAGE, paths, submitted(intent, factories.JOB_ARN, factories.NOW))
    late = intent.model_copy(update={"run_id": "another run"})
    assert write_intent(STORAGE, paths, late) == moved
    assert read_ledger(STORAGE, paths) == [moved]


def test_an_entry_moves_forward_on_record(paths: DayPaths) -> None:
    """A move changes what it is about and leaves the rest, in memory and on record alike."""
    intent = write_intent(STORAGE, paths, factories.ledger_entry())
    job = record_move(STORAGE, paths, submitted(intent, factories.JOB_ARN, factories.NOW))
    moved = record_move(STORAGE, paths, ended(job, JobStatus.FAILED, "no access"))
    changes = {"state": EntryState.SUBMITTED, "job_arn": factories.JOB_ARN, "submitted_at": factories.NOW}
    assert moved == intent.model_copy(update=changes | {"job_status": "Failed", "job_message": "no access"})
    assert read_ledger(STORAGE, paths) == [moved]


def test_entries_are_read_in_order_of_epoch_and_shard(paths: DayPaths) -> None:
    """Whatever their keys, entries come back in the order in which they were meant; other files are no entries."""
    places = [(1, 0), (0, 10), (0, 2), (0, 1)]
    for epoch, shard in places:
        write_intent(STORAGE, paths, factories.ledger_entry(epoch=epoch, shard=shard))
    STORAGE.put(f"{paths.ledger}/README.txt", b"not an entry")
    assert [(entry.epoch, entry.shard) for entry in read_ledger(STORAGE, paths)] == sorted(places)


def test_a_day_without_a_ledger_has_no_entries(paths: DayPaths) -> None:
    """Before the first intent there is nothing to read, and other days' entries are not the day's."""
    other = DayPaths(paths.settings, date(2026, 11, 18))
    write_intent(STORAGE, other, factories.ledger_entry(run_date=date(2026, 11, 18)))
    assert read_ledger(STORAGE, paths) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param({}, True, id="the-same"),
        pytest.param({"epoch": 1}, True, id="higher-epoch"),
        pytest.param({"run_id": "another"}, True, id="another-run"),
        pytest.param({"role_arn": "arn:aws:iam::123456789012:role/other"}, True, id="another-role"),
        pytest.param({"model_id": "jp." + factories.MODEL_ID.removeprefix("global.")}, False, id="another-profile"),
        pytest.param({"invocation_type": "Converse"}, False, id="another-invocation"),
        pytest.param({"prompt_sha256": "f" * 64}, False, id="another-prompt"),
    ],
)
def test_answers_count_for_the_plan_that_would_ask_the_same(change: dict[str, Any], expected: bool) -> None:
    """The same model asked in the same way with the same prompt serves, whichever run asked."""
    assert serves(factories.ledger_entry(**change), factories.plan()) is expected


def test_masked_answers_count_for_masked_plans_alone() -> None:
    """Another question was asked, even where the text is the same; without masking nothing says so."""
    assert shard_key(**SHARD, masking=None) == shard_key(**SHARD) != shard_key(**SHARD, masking="1")
    for asked, planned in ((None, "1"), ("1", None), ("1", "2")):
        assert not serves(factories.ledger_entry(masking=asked), factories.plan(masking=planned))
    assert serves(factories.ledger_entry(masking="1"), factories.plan(masking="1"))
    assert "masking" not in factories.ledger_entry().model_dump_json() + factories.plan().model_dump_json()
    assert factories.plan(masking="1").sha256 != factories.plan().sha256


def test_answers_of_earlier_epochs_do_not_count() -> None:
    """A plan with a higher epoch is not served by what was answered before."""
    assert not serves(factories.ledger_entry(epoch=1), factories.plan(epoch=2))


@pytest.mark.parametrize(
    ("state", "job_status", "live", "running"),
    [
        pytest.param(EntryState.INTENDED, None, True, False, id="intended"),
        pytest.param(EntryState.SUBMITTED, None, True, True, id="submitted"),
        pytest.param(EntryState.SUBMITTED, "InProgress", True, True, id="in-progress"),
        pytest.param(EntryState.SUBMITTED, "Completed", True, False, id="ended-and-not-booked"),
        pytest.param(EntryState.COLLECTED, "Completed", False, False, id="booked"),
    ],
)
def test_an_entry_is_live_until_it_is_booked(
    state: EntryState, job_status: str | None, live: bool, running: bool
) -> None:
    """Bedrock may have the job until its answers are booked; it takes a place until it was seen to end."""
    entry = factories.ledger_entry(state=state, job_status=job_status)
    assert (is_live(entry), is_running(entry)) == (live, running)


def stored(paths: DayPaths, tmp_path: Path, key: str, with_answers: bool) -> LedgerEntry:
    scratch = tmp_path / "scratch.parquet"
    factories.requests({"record_id": f"r-{key}"}).select(REQUESTS.names).write_parquet(scratch)
    STORAGE.send(scratch, paths.requests(key))
    if with_answers:
        factories.answers({"record_id": f"r-{key}"}).select(ANSWERS.names).write_parquet(scratch)
        STORAGE.send(scratch, paths.answers(key))
    return factories.ledger_entry(
        key=key, requests_uri=paths.requests(key), answers_uri=paths.answers(key) if with_answers else None
    )


def test_requests_and_answers_carry_the_key_of_their_job(paths: DayPaths, tmp_path: Path) -> None:
    """What was asked and answered comes as one frame each; a job without answers has requests alone."""
    entries = [stored(paths, tmp_path, "k1", True), stored(paths, tmp_path, "k2", False)]
    folder = tmp_path / "local"
    folder.mkdir()
    requests = fetch_requests(STORAGE, entries, folder).collect()
    answers = fetch_answers(STORAGE, entries, folder).collect()
    expected = factories.requests({"record_id": "r-k1", "key": "k1"}, {"record_id": "r-k2", "key": "k2"})
    assert_frame_equal(requests, expected)
    assert_frame_equal(answers, factories.answers({"record_id": "r-k1", "key": "k1"}))


def test_an_empty_ledger_has_frames_without_rows(tmp_path: Path) -> None:
    """No jobs: the frames exist with their columns."""
    assert_frame_equal(fetch_requests(STORAGE, (), tmp_path).collect(), factories.requests())
    assert_frame_equal(fetch_answers(STORAGE, (), tmp_path).collect(), factories.answers())
    assert factories.answers().schema["attempt"] == pl.Int32


@pytest.mark.parametrize(
    ("other", "is_stray"),
    [
        pytest.param({"term": 2}, True, id="another-of-its-number-in-a-later-term"),
        pytest.param({"term": 2, "state": EntryState.COLLECTED}, True, id="however-far-that-one-has-come"),
        pytest.param({"term": 1}, False, id="of-the-same-term"),
        pytest.param({"term": 2, "shard": 1}, False, id="another-number"),
        pytest.param({"term": 2, "mode": "canary"}, False, id="a-canary-has-no-number"),
    ],
)
def test_which_intents_are_strays(other: dict[str, Any], is_stray: bool) -> None:
    """An intent is one that its run put too late, if a later run has an entry of the same number."""
    late = factories.ledger_entry(term=1)
    entries = [late, factories.ledger_entry(input_sha256="c" * 64, **other)]
    assert (late not in without_strays(entries)) is is_stray
    assert without_strays(entries)[-1] == entries[-1]


def test_what_was_asked_is_no_stray() -> None:
    """An entry that Bedrock has a job for counts, whatever its term: somebody pays for it."""
    asked = factories.ledger_entry(term=1, state=EntryState.SUBMITTED, job_arn=factories.JOB_ARN)
    assert asked in without_strays([asked, factories.ledger_entry(input_sha256="c" * 64, term=2)])
