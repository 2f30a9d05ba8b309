"""The stage between the valid frame and the ledger: intents with everything that a job needs, and what they cost."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from data_contracts.documents.ledger import EntryState, LedgerEntry, job_name, shard_key
from data_contracts.documents.plan import Plan
from data_contracts.tables.verdicts import ANSWERS
from tasks import adapters
from tasks.base.errors import OverBudget
from tasks.base.paths import RunPaths
from tasks.base.ports import JobStatus
from tasks.batch import build_batch
from tasks.batch.build_batch import Batch
from tasks.batch.estimate.rates import OUTPUT_TOKENS
from tasks.batch.read_quotas import Quotas
from tasks.ledger.entries import read_ledger, record_move, write_intent
from tasks.ledger.moves import Move, closed, collected, ended, submitted
from tasks.llm.families.converse import REASONING_TOKENS
from tasks.llm.prompt import load_prompt
from tests import factories

VALID = factories.valid({}, {}, {}, {})
IDS = VALID["record_id"]


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
        return factories.plan(
            **({"prompt_sha256": load_prompt(self.settings.prompt, self.settings.prompt_version).sha256} | overrides)
        )

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
            if entry.mode == "batch":
                job = self.move(submitted(entry, factories.JOB_ARN, factories.NOW))
                done = self.move(ended(job, JobStatus.COMPLETED, None))
            else:
                done = self.move(closed(entry, factories.NOW, is_whole=True))
            self.move(collected(done, uri, factories.usage(), factories.NOW))

    def move(self, move: Move) -> LedgerEntry:
        return record_move(self.outside.storage, self.paths(), move)

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
    root, day = night.settings.output_uri, factories.RUN_DATE
    assert shard.key == shard_key(root, day, 0, shard.input_sha256, factories.MODEL_ID, "InvokeModel", 0)
    assert shard.client_request_token == shard.key
    assert shard.job_name == job_name(factories.RUN_DATE, 0, shard.key)
    assert shard.job_name.startswith("nm-2026-11-19-00000-")
    assert (shard.state, shard.record_count, shard.timeout_h) == (EntryState.INTENDED, 4, 24)
    assert [json.loads(line)["recordId"] for line in body.splitlines()] == IDS.to_list()
    assert night.records(shard) == [("c1", 1), ("c2", 1), ("c3", 1), ("c4", 1)]


def test_a_masked_plan_sends_no_telephone_number(night: Night) -> None:
    """The shard's lines hold placeholders and are as long as they were counted; the comment's own hash stays."""
    night.write("valid", factories.valid(*[{"text": f"番号は090-1234-567{number}、a@b.co"} for number in range(4)]))
    (shard,) = night.build(masking="1").shards
    body = Path(shard.input_uri).read_text(encoding="utf-8")
    assert body.count("番号は[PHONE]、[EMAIL]") == 4
    assert "090-1234" not in body
    assert shard.masking == "1"
    assert len({digest for (digest,) in pl.read_parquet(shard.requests_uri).select("text_sha256").rows()}) == 4
    (plain,) = night.build().shards
    assert "090-1234-5670" in Path(plain.input_uri).read_text(encoding="utf-8")
    assert plain.key != shard.key


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


@pytest.mark.parametrize(
    ("quotas", "counts"),
    [
        pytest.param(Quotas(), [4], id="nothing-is-known"),
        pytest.param(Quotas(records=100_000, size_bytes=10**9), [4], id="as-much-as-the-settings"),
        pytest.param(Quotas(records=3), [2, 2], id="fewer-records"),
        pytest.param(Quotas(size_bytes=10_000), [2, 2], id="smaller-files"),
        pytest.param(Quotas(records=0, size_bytes=0), [2, 2], id="a-quota-of-nothing-leaves-what-a-job-takes"),
    ],
)
def test_shards_keep_to_the_lesser_of_settings_and_account(quotas: Quotas, counts: list[int], night: Night) -> None:
    """An account may have less than AWS's defaults, and Bedrock would refuse the job once it is there."""
    batch = build_batch.build_batch.fn(night.settings, night.plan(), factories.NOW, quotas)
    assert [shard.record_count for shard in batch.shards] == counts


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
