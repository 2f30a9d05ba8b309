"""Which records are asked, in which shards, and what stops a night before it spends."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from data_contracts.ledger import EntryState, LedgerEntry, job_name, shard_key
from data_contracts.verdicts import ANSWERS, REQUESTS
from tasks import adapters, build_batch
from tasks.build_batch import (
    Batch,
    Choice,
    asked_records,
    booked_cost,
    check_budget,
    check_minimum,
    choose,
    plan_shards,
    records_to_ask,
    settled_records,
    write_shards,
)
from tasks.errors import BelowMinimum, OverBudget, SettingsInvalid, Unbalanced
from tasks.estimate import OUTPUT_TOKENS
from tasks.families.claude import Claude
from tasks.families.converse import REASONING_TOKENS
from tasks.ingest import Plan, load_prompt
from tasks.ledger import read_ledger, update, write_intent
from tasks.paths import RunPaths
from tasks.prices import Price
from tasks.render_request import RequestTemplate
from tests import factories

TEMPLATE = RequestTemplate(Claude(), factories.prompt())
#: A dollar for a million tokens, whichever way.
PRICE = Price(1_000_000, 1_000_000)
STATUSES = ("judged", "refused", "malformed", "error", "missing")


def shards(line_bytes: Sequence[int], max_records: int, max_bytes: int, min_records: int) -> list[int]:
    return plan_shards(np.array(line_bytes, dtype=np.int64), max_records, max_bytes, min_records)


@pytest.mark.parametrize(
    ("record_count", "max_records", "max_bytes", "min_records", "expected"),
    [
        pytest.param(0, 100, 1_000, 10, [], id="nothing"),
        pytest.param(5, 100, 1_000, 10, [5], id="whole-night-under-the-minimum"),
        pytest.param(10, 100, 1_000, 10, [10], id="at-the-minimum"),
        pytest.param(100, 100, 1_000, 10, [100], id="exactly-one"),
        pytest.param(101, 100, 2_000, 10, [50, 51], id="one-too-many-is-no-shard-of-one"),
        pytest.param(250, 100, 1_000, 10, [83, 83, 84], id="even"),
        pytest.param(100, 100, 999, 10, [50, 50], id="cut-by-bytes"),
        pytest.param(20, 10, 1_000, 10, [10, 10], id="both-borders-at-once"),
    ],
)
def test_shards_are_even(
    record_count: int, max_records: int, max_bytes: int, min_records: int, expected: list[int]
) -> None:
    """Lines of ten bytes each: as few shards as the quotas allow, all about the same size."""
    assert shards([10] * record_count, max_records, max_bytes, min_records) == expected


@pytest.mark.parametrize(
    ("line_bytes", "max_records", "max_bytes", "min_records"),
    [
        pytest.param([10] * 15, 10, 1_000, 10, id="two-shards-needed-and-one-possible"),
        pytest.param([10] * 20, 100, 99, 10, id="minimum-too-many-bytes"),
        pytest.param([1, 1, 1_000], 100, 999, 1, id="line-over-the-bytes"),
    ],
)
def test_quotas_that_cannot_be_kept_are_named(
    line_bytes: list[int], max_records: int, max_bytes: int, min_records: int
) -> None:
    """Settings that leave no way to cut are wrong, and all three are named."""
    with pytest.raises(SettingsInvalid, match=r"MAX_SHARD_BYTES=.*MAX_SHARD_RECORDS=.*MIN_JOB_RECORDS="):
        shards(line_bytes, max_records, max_bytes, min_records)


@given(
    st.lists(st.integers(1, 1_000), max_size=300), st.integers(1, 120), st.integers(1_000, 50_000), st.integers(1, 60)
)
def test_shards_hold_every_record_within_every_bound(
    line_bytes: list[int], max_records: int, max_bytes: int, min_records: int
) -> None:
    """Every record is in a shard; none is over the records or the bytes, and none under the minimum but a lone one."""
    try:
        counts = shards(line_bytes, max_records, max_bytes, min_records)
    except SettingsInvalid:
        return
    assert sum(counts) == len(line_bytes)
    assert all(count <= max_records for count in counts)
    assert all(count >= min(min_records, len(line_bytes)) for count in counts)
    ends = [0, *itertools.accumulate(counts)]
    assert all(sum(line_bytes[start:end]) <= max_bytes for start, end in itertools.pairwise(ends))


@given(st.integers(1, 5_000), st.integers(2, 500))
def test_records_alone_can_always_be_cut(record_count: int, max_records: int) -> None:
    """A maximum of at least twice the minimum leaves a way to cut any number of records."""
    assert sum(shards([1] * record_count, max_records, 10**9, max_records // 2)) == record_count


ENTRIES = (
    factories.ledger_entry(key="done", state=EntryState.COLLECTED, run_id="earlier"),
    factories.ledger_entry(key="own", state=EntryState.COLLECTED),
    factories.ledger_entry(key="live", state=EntryState.SUBMITTED, run_id="earlier"),
    factories.ledger_entry(key="intent", state=EntryState.INTENDED),
)


def asked(requests: Sequence[factories.Row], answers: Sequence[factories.Row] = ()) -> pl.LazyFrame:
    return asked_records(
        factories.requests(*requests).lazy(), factories.answers(*answers).lazy(), ENTRIES, factories.RUN_ID
    )


def test_each_request_has_what_came_of_it() -> None:
    """An answer's status; missing where a finished job has no line; null while the job is live."""
    requests: list[factories.Row] = [
        {"record_id": "r1", "key": "done"},
        {"record_id": "r2", "key": "done"},
        {"record_id": "r2", "key": "own", "attempt": 2},
        {"record_id": "r3", "key": "live"},
        {"record_id": "r4", "key": "intent"},
    ]
    answers = [
        {"record_id": "r1", "key": "done", "status": "malformed"},
        {"record_id": "r2", "key": "own", "status": "judged"},
    ]
    actual = asked(requests, answers).collect().sort("record_id", "attempt")
    expected = pl.DataFrame(
        {
            "record_id": ["r1", "r2", "r2", "r3", "r4"],
            "text_sha256": ["t1"] * 5,
            "attempt": [1, 1, 2, 1, 1],
            "status": ["malformed", "missing", "judged", None, None],
            "is_own": [False, False, True, False, True],
        },
        schema_overrides={"attempt": pl.Int32},
    )
    assert_frame_equal(actual, expected)


def test_requests_of_entries_that_do_not_serve_are_not_seen() -> None:
    """A request of another model, prompt or epoch has no entry here and counts for nothing."""
    assert asked([{"key": "of another prompt"}]).collect().is_empty()


def test_nothing_was_asked_on_a_first_run() -> None:
    """An empty ledger means that nothing was asked."""
    empty = asked_records(factories.requests().lazy(), factories.answers().lazy(), (), factories.RUN_ID)
    assert empty.collect().is_empty()
    assert settled_records(empty, 2).collect().is_empty()


@pytest.mark.parametrize(
    ("tries", "settled"),
    [
        pytest.param([("done", "judged")], True, id="judged"),
        pytest.param([("done", "refused")], True, id="a-refusal-stays"),
        pytest.param([("done", "malformed")], False, id="malformed"),
        pytest.param([("done", "error")], False, id="error"),
        pytest.param([("done", None)], False, id="missing"),
        pytest.param([("live", None)], True, id="a-live-job-holds-it"),
        pytest.param([("intent", None)], True, id="an-intent-holds-it"),
        pytest.param([("done", "judged"), ("own", "error")], True, id="judged-before-an-error"),
        pytest.param([("done", "error"), ("live", None)], True, id="asked-again-already"),
        pytest.param([("own", "error")], False, id="one-own-attempt"),
        pytest.param([("own", "error"), ("own", "malformed")], True, id="two-own-attempts"),
        pytest.param([("done", "error")] * 5, False, id="another-run's-attempts-do-not-count"),
    ],
)
def test_a_record_is_asked_until_it_is_settled(tries: list[tuple[str, str | None]], settled: bool) -> None:
    """Judged, refused, held by a job, or failed as often as a run may ask: no new request; else one more."""
    kinds = {entry.key: entry for entry in ENTRIES}
    # Each try is a job of its own.
    entries = [kinds[kind].model_copy(update={"key": f"{kind}{attempt}"}) for attempt, (kind, _) in enumerate(tries, 1)]
    requests = [{"key": entry.key, "attempt": attempt} for attempt, entry in enumerate(entries, 1)]
    answers = [
        {"key": entry.key, "status": status} for entry, (_, status) in zip(entries, tries, strict=True) if status
    ]
    frame = asked_records(
        factories.requests(*requests).lazy(), factories.answers(*answers).lazy(), entries, factories.RUN_ID
    )
    assert (settled_records(frame, max_attempts=2).collect().height == 1) is settled


VALID = factories.valid({}, {}, {}, {})
IDS, TEXTS = VALID["record_id"], VALID["text_sha256"]


def to_ask(
    requests: Sequence[factories.Row] = (),
    answers: Sequence[factories.Row] = (),
    duplicates: pl.DataFrame | None = None,
) -> list[tuple[int, int]]:
    """Comment number and attempt of every record that is asked."""
    records = records_to_ask(
        VALID.lazy(),
        (factories.duplicates() if duplicates is None else duplicates).lazy(),
        asked(requests, answers),
        max_attempts=2,
    ).collect()
    return [
        (IDS.to_list().index(record) + 1, attempt) for record, attempt in records.select("record_id", "attempt").rows()
    ]


def test_a_first_run_asks_for_everything_but_duplicates() -> None:
    """Every valid comment in the order of the input, except those that are judged as another."""
    assert to_ask() == [(1, 1), (2, 1), (3, 1), (4, 1)]
    assert to_ask(duplicates=factories.duplicates((IDS[1], IDS[0]))) == [(1, 1), (3, 1), (4, 1)]


def test_a_rerun_asks_for_what_is_left() -> None:
    """What a job holds or has judged is left alone; what failed is asked again with the next number."""
    requests = [
        {"record_id": IDS[0], "text_sha256": TEXTS[0], "key": "done"},
        {"record_id": IDS[1], "text_sha256": TEXTS[1], "key": "done"},
        {"record_id": IDS[2], "text_sha256": TEXTS[2], "key": "live"},
    ]
    answers = [
        {"record_id": IDS[0], "key": "done", "status": "judged"},
        {"record_id": IDS[1], "key": "done", "status": "error"},
    ]
    assert to_ask(requests, answers) == [(2, 2), (4, 1)]


def test_a_changed_text_is_asked_whatever_was_answered_before() -> None:
    """A verdict belongs to a text: the same id with another text is asked again, numbered on."""
    requests = [{"record_id": IDS[0], "text_sha256": "another", "key": "done"}]
    answers = [{"record_id": IDS[0], "key": "done", "status": "judged"}]
    assert to_ask(requests, answers) == [(1, 2), (2, 1), (3, 1), (4, 1)]


def test_records_to_ask_carry_what_a_line_needs() -> None:
    """Text, its hash and bytes, estimated tokens and the attempt."""
    asked_now = records_to_ask(VALID.lazy(), factories.duplicates().lazy(), asked([]), 2)
    actual = asked_now.head(1).collect()
    expected = pl.DataFrame(
        {
            "record_id": [IDS[0]],
            "text": [VALID["text"][0]],
            "text_sha256": [TEXTS[0]],
            "text_bytes": [VALID["text_bytes"][0]],
            "text_tokens": [18],
            "attempt": [1],
        },
        schema_overrides={"attempt": pl.Int32},
    )
    assert_frame_equal(actual, expected)


def stored(records: pl.LazyFrame, folder: Path) -> Path:
    """The records as the Parquet file that shards are written from."""
    path = folder / "records.parquet"
    records.sink_parquet(path)
    return path


def record_frame(count: int) -> pl.LazyFrame:
    return pl.DataFrame(
        {
            "record_id": [f"{number:032x}" for number in range(count)],
            "text": [f"コメント {number}" for number in range(count)],
            "text_sha256": [f"t{number}" for number in range(count)],
            "text_bytes": [20] * count,
            "text_tokens": [7] * count,
            "attempt": pl.Series([1] * count, dtype=pl.Int32),
        }
    ).lazy()


@pytest.mark.parametrize("batch_rows", [pytest.param(2, id="batches-smaller-than-shards"), pytest.param(100, id="one")])
def test_shards_hold_the_records_in_order(batch_rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file has its count of lines in order, with hash, size, tokens and what was asked."""
    monkeypatch.setattr(build_batch, "_BATCH_ROWS", batch_rows)
    written = [
        (shard, shard.path.read_bytes())
        for shard in write_shards(stored(record_frame(7), tmp_path), [3, 4], TEMPLATE, tmp_path)
    ]
    lines = [body.splitlines() for _, body in written]
    assert [len(part) for part in lines] == [3, 4]
    assert [json.loads(line)["recordId"] for part in lines for line in part] == [f"{n:032x}" for n in range(7)]
    for shard, body in written:
        assert (shard.sha256, shard.size_bytes) == (hashlib.sha256(body).hexdigest(), len(body))
        assert shard.comment_tokens == 7 * shard.requests.height
        assert shard.requests.schema == REQUESTS.polars_schema
    assert [sha for shard, _ in written for sha in shard.requests["text_sha256"]] == [f"t{n}" for n in range(7)]


def test_the_same_records_give_the_same_bytes(tmp_path: Path) -> None:
    """Rendering is deterministic: after a crash the same shards are recognised by their hash."""
    first, again = (
        [shard.sha256 for shard in write_shards(stored(record_frame(6), tmp_path), [3, 3], TEMPLATE, tmp_path)]
        for _ in range(2)
    )
    assert first == again
    assert len(set(first)) == 2


def test_records_that_vanish_while_shards_are_written_stop_the_night(tmp_path: Path) -> None:
    """Fewer records than were counted is a defect of ours, not a short shard."""
    with pytest.raises(Unbalanced, match="fewer than they were counted"):
        list(write_shards(stored(record_frame(5), tmp_path), [3, 3], TEMPLATE, tmp_path))


@pytest.mark.parametrize(
    ("record_count", "stops"),
    [(0, False), (1, True), (99, True), (100, False), (101, False)],
)
def test_fewer_comments_than_a_job_takes_stop_the_night(record_count: int, stops: bool) -> None:
    """Below Bedrock's minimum nothing is submitted and the minimum is named; nothing to ask is no stop."""
    said = rf"^{record_count} comments .* minimum of 100 .*MODERATION_MIN_JOB_RECORDS"
    with pytest.raises(BelowMinimum, match=said) if stops else nullcontext():
        check_minimum(record_count, 100)


@pytest.mark.parametrize(
    ("estimated", "booked", "stops"),
    [
        pytest.param(0.0, 0.0, False, id="nothing"),
        pytest.param(10.0, 0.0, False, id="at-the-budget"),
        pytest.param(10.01, 0.0, True, id="over"),
        pytest.param(6.0, 4.0, False, id="with-what-is-booked-at-the-budget"),
        pytest.param(6.0, 4.01, True, id="with-what-is-booked-over"),
        pytest.param(None, 100.0, False, id="unknown"),
    ],
)
def test_a_night_over_the_budget_submits_nothing(estimated: float | None, booked: float, stops: bool) -> None:
    """The estimate and what the day has booked may reach MAX_COST_USD, not pass it."""
    said = r"MODERATION_MAX_COST_USD=\$10\.00: nothing was submitted"
    with pytest.raises(OverBudget, match=said) if stops else nullcontext():
        check_budget(estimated, booked, 10.0)


def test_the_day_has_booked_what_it_paid_and_what_is_under_way() -> None:
    """A finished job counts with its real cost, a live one with its estimate; unknown costs are left out."""
    entries = [
        factories.ledger_entry(estimated_cost_usd=9.0, usage=factories.usage(cost_usd=1.25)),
        factories.ledger_entry(estimated_cost_usd=2.5),
        factories.ledger_entry(estimated_cost_usd=None),
        factories.ledger_entry(estimated_cost_usd=9.0, usage=factories.usage(cost_usd=None)),
    ]
    assert booked_cost(entries) == 3.75
    assert booked_cost([]) == 0.0


def sizes(new: int, again: int) -> pl.DataFrame:
    """So many records that were never asked, and so many whose answer failed; a million tokens each."""
    attempts = [1] * new + [2] * again
    return pl.DataFrame(
        {"text_bytes": [10] * len(attempts), "text_tokens": [10**6] * len(attempts), "attempt": attempts},
        schema={"text_bytes": pl.Int64, "text_tokens": pl.Int64, "attempt": pl.Int32},
    )


def chosen(
    new: int,
    again: int,
    *,
    budget: float = 1_000.0,
    booked: float = 0.0,
    price: Price | None = PRICE,
    on_demand: bool = False,
) -> Choice:
    settings = factories.settings(max_cost_usd=budget, min_job_records=10, on_demand=on_demand)
    double = Price(2 * price.input_pico, 2 * price.output_pico) if price else None
    return choose(sizes(new, again), settings, booked, 0, {"batch": price, "on_demand": double})


@pytest.mark.parametrize(
    ("new", "again", "budget", "taken", "left"),
    [
        pytest.param(0, 0, 1_000, 0, 0, id="nothing"),
        pytest.param(10, 0, 1_000, 10, 0, id="new-at-the-minimum"),
        pytest.param(10, 5, 1_000, 15, 0, id="all"),
        pytest.param(5, 5, 1_000, 10, 0, id="failed-ones-fill-the-job"),
        pytest.param(0, 10, 1_000, 10, 0, id="failed-ones-alone"),
        pytest.param(0, 9, 1_000, 0, 9, id="too-few-failed-ones"),
        pytest.param(10, 5, 12, 10, 5, id="budget-for-the-new-ones"),
        pytest.param(0, 20, 12, 0, 20, id="no-budget-for-failed-ones"),
    ],
)
def test_failed_records_never_stop_a_night(new: int, again: int, budget: float, taken: int, left: int) -> None:
    """Further attempts are dropped first when a job would be too small or too dear; each record costs a dollar."""
    actual = chosen(new, again, budget=budget)
    assert (actual.sizes.height, actual.left_count) == (taken, left)
    assert actual.is_first_attempt_only is (left > 0)
    assert actual.expected.input_tokens == taken * 10**6
    assert actual.expected.output_tokens == taken * OUTPUT_TOKENS


@pytest.mark.parametrize(
    ("new", "again", "budget", "booked", "error"),
    [
        pytest.param(9, 0, 1_000, 0, BelowMinimum, id="too-few-new"),
        pytest.param(4, 5, 1_000, 0, BelowMinimum, id="too-few-with-failed-ones"),
        pytest.param(12, 0, 12, 0, OverBudget, id="new-over-the-budget"),
        pytest.param(12, 12, 12, 0, OverBudget, id="new-alone-over-the-budget"),
        pytest.param(10, 0, 12, 3, OverBudget, id="on-top-of-what-is-booked"),
        pytest.param(9, 100, 12, 0, BelowMinimum, id="too-dear-with-and-too-few-without"),
    ],
)
def test_comments_that_were_never_asked_may_stop_a_night(
    new: int, again: int, budget: float, booked: float, error: type[Exception]
) -> None:
    """Comments without any answer that are too few or too dear stop the night before anything is submitted."""
    with pytest.raises(error):
        chosen(new, again, budget=budget, booked=booked)


@pytest.mark.parametrize(
    ("new", "again", "budget", "mode", "taken"),
    [
        pytest.param(9, 0, 1_000, "on_demand", 9, id="below-the-minimum"),
        pytest.param(10, 0, 1_000, "batch", 10, id="at-the-minimum"),
        pytest.param(0, 9, 1_000, "on_demand", 9, id="failed-ones"),
        pytest.param(0, 9, 12, "batch", 0, id="failed-ones-too-dear-on-demand"),
        pytest.param(5, 4, 12, "on_demand", 5, id="budget-for-the-new-ones"),
    ],
)
def test_too_few_for_a_job_are_asked_on_demand(new: int, again: int, budget: float, mode: str, taken: int) -> None:
    """Below the minimum the dearer single calls are chosen, within the same budget."""
    actual = chosen(new, again, budget=budget, on_demand=True)
    assert (actual.mode if taken else mode, actual.sizes.height) == (mode, taken)
    if taken:
        each = 2.0 if mode == "on_demand" else 1.0
        assert actual.expected.cost_usd == pytest.approx(each * taken, rel=0.01)


def test_an_unknown_price_is_no_estimate() -> None:
    """Without a price the estimate is None, never 0, and the budget cannot be judged."""
    assert chosen(10, 0, budget=0.01, price=None).expected.cost_usd is None


class Night:
    """The stage between a valid frame and a ledger, below a local folder."""

    def __init__(self, root: Path, **overrides: Any) -> None:
        self.settings = factories.settings(root, **({"min_job_records": 2, "on_demand": False} | overrides))
        self.outside = factories.local_adapters()
        self.scratch = root / "scratch.parquet"
        self.write("valid", VALID)
        self.write("duplicates", factories.duplicates())

    def paths(self, plan: Plan | None = None) -> RunPaths:
        plan = plan or self.plan()
        return RunPaths(self.settings, plan.run_date, plan.run_id)

    def plan(self, **overrides: Any) -> Plan:
        return factories.plan(**({"prompt_sha256": load_prompt(self.settings).sha256} | overrides))

    def write(self, name: str, frame: pl.DataFrame) -> None:
        frame.write_parquet(self.scratch)
        self.outside.storage.send(self.scratch, self.paths().work(name))

    def build(self, **overrides: Any) -> Batch:
        return build_batch.build_batch.fn(self.settings, self.plan(**overrides), factories.NOW)

    def intend(self, batch: Batch) -> None:
        for shard in batch.shards:
            write_intent(self.outside.storage, self.paths(), shard)

    def answer(self, **statuses: str) -> None:
        """Collect every live entry; records by comment id, judged unless named."""
        for entry in read_ledger(self.outside.storage, self.paths()):
            if entry.state is EntryState.COLLECTED:
                continue
            wanted = pl.read_parquet(entry.requests_uri)
            by_record = dict(zip(IDS, VALID["comment_id"], strict=True))
            rows = [
                factories.answer_row(
                    record_id=record, attempt=attempt, status=statuses.get(by_record[record], "judged")
                )
                for record, attempt in wanted.select("record_id", "attempt").rows()
            ]
            pl.DataFrame(rows).select(ANSWERS.names).cast(ANSWERS.polars_schema).write_parquet(self.scratch)
            uri = self.paths().answers(entry.key)
            self.outside.storage.send(self.scratch, uri)
            update(self.outside.storage, self.paths(), entry, state=EntryState.COLLECTED, answers_uri=uri)

    def records(self, shard: LedgerEntry) -> list[tuple[str, int]]:
        names = dict(zip(IDS, VALID["comment_id"], strict=True))
        rows = pl.read_parquet(shard.requests_uri).select("record_id", "attempt").rows()
        return [(names[record], attempt) for record, attempt in rows]


@pytest.fixture
def night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Night:
    found = Night(tmp_path)
    monkeypatch.setattr(adapters, "connect", lambda _: found.outside)
    return found


def test_a_shard_is_an_intent_with_everything_that_its_job_needs(night: Night) -> None:
    """The entry names the file, its hash, the job and the token; the file is where it says."""
    (shard,) = night.build().shards
    body = Path(shard.input_uri).read_bytes()
    assert (shard.input_sha256, shard.input_bytes) == (hashlib.sha256(body).hexdigest(), len(body))
    assert shard.key == shard_key(factories.RUN_DATE, 0, shard.input_sha256, factories.MODEL_ID, "InvokeModel", 0)
    assert shard.client_request_token == shard.key
    assert shard.job_name == job_name(factories.RUN_DATE, 0, shard.key)
    assert shard.job_name.startswith("nm-2026-11-19-00000-")
    assert (shard.state, shard.record_count, shard.timeout_h) == (EntryState.INTENDED, 4, 24)
    assert [json.loads(line)["recordId"] for line in body.splitlines()] == IDS.to_list()
    assert night.records(shard) == [("c1", 1), ("c2", 1), ("c3", 1), ("c4", 1)]


def test_a_shard_is_written_as_its_plan_asks(night: Night) -> None:
    """Bodies follow the plan's invocation type, which the entry keeps; the settings may have changed since."""
    (shard,) = night.build(invocation_type="Converse").shards
    assert shard.invocation_type == "Converse"
    bodies = [json.loads(line)["modelInput"] for line in Path(shard.input_uri).read_bytes().splitlines()]
    assert {"anthropic_version" in body for body in bodies} == {False}
    assert {"inferenceConfig" in body for body in bodies} == {True}


def test_a_model_that_thinks_is_estimated_with_its_thoughts(night: Night) -> None:
    """The batch's and the shards' estimates have room for what the model thinks before it answers."""
    batch = night.build(model_id="openai.gpt-oss-20b-1:0", invocation_type="Converse")
    assert batch.estimated_output_tokens == 4 * (OUTPUT_TOKENS + REASONING_TOKENS)
    assert sum(shard.estimated_output_tokens for shard in batch.shards) == batch.estimated_output_tokens


def test_building_again_before_the_intent_gives_the_same_keys(night: Night) -> None:
    """A crash before the intent is on record repeats the same shards."""
    assert night.build().shards == night.build().shards


def test_what_is_intended_is_not_built_again(night: Night) -> None:
    """Once the intent is on record its job owns the records, whoever runs the day."""
    night.intend(night.build())
    again = night.build()
    assert (again.shards, again.record_count) == ((), 0)
    assert again.booked_cost_usd > 0


def test_estimates_of_shards_add_up_to_the_batch(night: Night) -> None:
    """Tokens are summed exactly, and dollars follow from them."""
    night.settings = night.settings.model_copy(update={"max_shard_records": 2})
    batch = night.build()
    assert [shard.record_count for shard in batch.shards] == [2, 2]
    assert [shard.shard for shard in batch.shards] == [0, 1]
    assert sum(shard.estimated_input_tokens for shard in batch.shards) == batch.estimated_input_tokens
    assert sum(shard.estimated_output_tokens for shard in batch.shards) == batch.estimated_output_tokens
    assert sum(shard.estimated_cost_usd or 0 for shard in batch.shards) == pytest.approx(batch.estimated_cost_usd)


def test_failed_records_are_asked_again_under_another_key(night: Night) -> None:
    """A second attempt is a new shard with a number of its own, so no token is ever used twice."""
    night.intend(night.build())
    night.answer(c2="error", c3="malformed")
    (second,) = night.build().shards
    assert night.records(second) == [("c2", 2), ("c3", 2)]
    (first,) = read_ledger(night.outside.storage, night.paths())
    assert (second.shard, first.shard) == (1, 0)
    assert second.key != first.key


def test_a_run_gives_up_on_a_record_after_max_attempts(night: Night) -> None:
    """A run asks MAX_ATTEMPTS times; the next run of the day may ask again."""
    for _ in range(2):
        night.intend(night.build())
        night.answer(c2="error", c3="malformed")
    assert night.build().shards == ()
    plan = night.plan(run_id="the next run")
    for name, frame in (("valid", VALID), ("duplicates", factories.duplicates())):
        frame.write_parquet(night.scratch)
        night.outside.storage.send(night.scratch, night.paths(plan).work(name))
    (shard,) = build_batch.build_batch.fn(night.settings, plan, factories.NOW).shards
    assert night.records(shard) == [("c2", 3), ("c3", 3)]


def test_a_higher_epoch_asks_for_everything_again(night: Night) -> None:
    """A deliberate re-judge asks for every record, those that were asked twice before included."""
    night.intend(night.build())
    night.answer(c2="error", c3="error")
    night.intend(night.build())
    night.answer()
    (shard,) = night.build(epoch=1).shards
    assert [comment for comment, _ in night.records(shard)] == ["c1", "c2", "c3", "c4"]
    keys = {entry.key for entry in read_ledger(night.outside.storage, night.paths())}
    assert len(keys) == 2
    assert shard.key not in keys


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"model_id": "jp.anthropic.claude-haiku-4-5-20251001-v1:0"}, id="model"),
        pytest.param({"prompt_sha256": "f" * 64}, id="prompt"),
    ],
)
def test_another_model_or_prompt_asks_for_everything(change: dict[str, Any], night: Night) -> None:
    """Answers count for the model and the prompt that gave them."""
    night.intend(night.build())
    night.answer()
    assert night.build(**change).record_count == 4


def test_a_failed_stage_leaves_no_intent(night: Night) -> None:
    """Over the budget nothing is on record, nothing is sent."""
    night.settings = night.settings.model_copy(update={"max_cost_usd": 1e-6})
    with pytest.raises(OverBudget):
        night.build()
    assert read_ledger(night.outside.storage, night.paths()) == []
    assert not Path(night.settings.batch_uri).exists()


@pytest.mark.parametrize(
    ("deadline_h", "timeout_h"),
    [
        pytest.param(1.0, 24, id="bedrock's-least"),
        pytest.param(24.5, 25, id="rounded-up"),
        pytest.param(168.0, 168, id="bedrock's-most"),
    ],
)
def test_the_job_times_out_within_bedrocks_bounds(deadline_h: float, timeout_h: int, night: Night) -> None:
    """A job may run as long as the night waits, within 24 to 168 hours."""
    night.settings = night.settings.model_copy(update={"deadline_h": deadline_h})
    assert night.build().shards[0].timeout_h == timeout_h


def test_an_empty_day_needs_no_shard(night: Night) -> None:
    """Nothing valid: nothing is asked and nothing is expected to cost."""
    night.write("valid", factories.valid())
    batch = night.build()
    assert (batch.shards, batch.record_count, batch.estimated_cost_usd) == ((), 0, 0.0)


@hypothesis_settings(max_examples=25)
@given(st.lists(st.tuples(st.sampled_from(["done", "own", "live"]), st.sampled_from([*STATUSES, None])), max_size=6))
def test_a_record_with_a_verdict_is_never_asked_again(tries: list[tuple[str, str | None]]) -> None:
    """Whatever happened to a record: once it is judged or refused, or held by a live job, no request is made."""
    kinds = {entry.key: entry for entry in ENTRIES}
    entries = [kinds[kind].model_copy(update={"key": f"k{number}"}) for number, (kind, _) in enumerate(tries)]
    requests = [
        {"record_id": IDS[0], "text_sha256": TEXTS[0], "key": entry.key, "attempt": number}
        for number, entry in enumerate(entries, 1)
    ]
    answers = [
        {"record_id": IDS[0], "key": entry.key, "status": status}
        for entry, (kind, status) in zip(entries, tries, strict=True)
        if status and kind != "live"
    ]
    frame = asked_records(
        factories.requests(*requests).lazy(), factories.answers(*answers).lazy(), entries, factories.RUN_ID
    )
    found = records_to_ask(VALID.lazy(), factories.duplicates().lazy(), frame, 2).collect()
    is_settled = (
        any(kind == "live" or status in ("judged", "refused") for kind, status in tries)
        or sum(kind == "own" for kind, _ in tries) >= 2
    )
    assert (IDS[0] not in found["record_id"].to_list()) is is_settled
