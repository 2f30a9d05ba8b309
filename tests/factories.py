"""Valid objects for tests, each from defaults that a test overrides where its rule lies."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest

from data_contracts.batch_lines import InvocationType
from data_contracts.documents.evaluation.classifier import ClassifierVersion
from data_contracts.documents.ledger import LedgerEntry, Usage, job_name, record_id, shard_key
from data_contracts.documents.plan import InputObject, Plan, PlannedAsker
from data_contracts.tables.comments import COMMENTS
from data_contracts.tables.table import Table
from data_contracts.tables.verdicts import ANSWERS, REQUESTS, VERDICTS
from prompts import Prompt
from tasks.adapters import Adapters
from tasks.adapters.aws import Aws
from tasks.adapters.lake import Lake
from tasks.adapters.storage import Storage
from tasks.base.paths import DayPaths
from tasks.base.ports import BatchInference, Job, JobRequest
from tasks.base.settings import Settings
from tasks.intake.foreign_parquet import BROKEN
from tasks.llm.request_line import comment_json
from tasks.route.classifier.features import READING

RUN_DATE = date(2026, 11, 19)
RUN_ID = "20261119T183000-0badcafe"
#: Noon of the run date in Tokyo.
NOON = datetime(2026, 11, 19, 3, tzinfo=UTC)
#: When the night runs.
NOW = datetime(2026, 11, 19, 18, 30, tzinfo=UTC)
MODEL_ID = "global.anthropic.claude-haiku-4-5-20251001-v1:0"
ROLE_ARN = "arn:aws:iam::123456789012:role/bedrock-batch"
JOB_ARN = "arn:aws:bedrock:ap-northeast-1:123456789012:model-invocation-job/abc123def456"
SOURCE = "s3://comments-bucket/comments/date=2026-11-19/part-0.parquet"
TEXT = "届くのが早くて助かりました。"

Row = dict[str, Any]


def settings(root: Path | None = None, **overrides: Any) -> Settings:
    """Settings with roots in S3, or below a local folder; without a golden pack, which has tests of its own."""
    base = str(root) if root else "s3://moderation-bucket"
    roots = {f"{name}_uri": f"{base}/{name}" for name in ("comments", "labels", "output", "batch")}
    return Settings.load(**(roots | {"role_arn": ROLE_ARN, "golden_pack": "none"} | overrides))


class NoBedrock:
    """Bedrock for stages that must not ask it anything."""

    def create_job(self, request: JobRequest) -> str:
        raise AssertionError(f"create_job({request.job_name})")

    def get_job(self, job_arn: str) -> Job:
        raise AssertionError(f"get_job({job_arn})")

    def find_jobs(self, request: JobRequest) -> list[Job]:
        raise AssertionError(f"find_jobs({request.job_name})")

    def list_jobs(self, name_contains: str, submitted_after: datetime) -> list[Job]:
        raise AssertionError(f"list_jobs({name_contains})")

    def stop_job(self, job_arn: str) -> None:
        raise AssertionError(f"stop_job({job_arn})")

    def invoke(
        self, model_id: str, invocation_type: InvocationType, body: dict[str, Any], *, limit_s: float | None = None
    ) -> dict[str, Any]:
        raise AssertionError(f"invoke({model_id})")


@cache
def _aws() -> Aws:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_REGION", "ap-northeast-1")
        return Aws()


def local_adapters(bedrock: BatchInference | None = None) -> Adapters:
    """Real storage and lake, for local paths; what `adapters.connect` is replaced by."""
    return Adapters(storage=Storage(_aws()), lake=Lake(_aws()), bedrock=bedrock or NoBedrock(), alerts=())


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def comment(**overrides: Any) -> Row:
    """A row of the input."""
    return {
        "comment_id": "c1",
        "posted_at": NOON,
        "product_id": "p1",
        "user_id": "u1",
        "text": TEXT,
        "rating": 5,
    } | overrides


def comments(*rows: Row) -> pl.DataFrame:
    """The input as a frame: an override for each row; ids count up from c1."""
    numbered = [comment(comment_id=f"c{number}") | row for number, row in enumerate(rows, 1)]
    return pl.DataFrame(numbered, schema=COMMENTS.polars_schema)


def read_rows(*rows: Row) -> pl.LazyFrame:
    """The input as `read_comments` gives it: a float rating, and a row key that counts up unless overridden."""
    schema = pl.Schema(
        {
            **COMMENTS.polars_schema,
            "rating": pl.Float64(),
            "source_object": pl.String(),
            "source_row": pl.Int64(),
            BROKEN: pl.Boolean(),
        }
    )
    numbered = [
        comment(comment_id=f"c{number + 1}", source_object=SOURCE, source_row=number) | {BROKEN: False} | row
        for number, row in enumerate(rows)
    ]
    return pl.DataFrame(numbered, schema=schema, strict=False).lazy()


def valid_row(**overrides: Any) -> Row:
    """A row of the run's `valid` frame; the record's columns follow from id and text unless overridden."""
    row = comment(source_object=SOURCE, source_row=0) | overrides
    text: str = row["text"]
    return {
        **row,
        "record_id": record_id(RUN_DATE, row["comment_id"]),
        "text_sha256": sha256(text),
        "language": "ja",
        "text_chars": len(text),
        "text_bytes": len(comment_json(text)),
    } | overrides


VALID_SCHEMA = pl.Schema(
    {
        **COMMENTS.polars_schema,
        "source_object": pl.String(),
        "source_row": pl.Int64(),
        "record_id": pl.String(),
        "text_sha256": pl.String(),
        "language": pl.String(),
        "text_chars": pl.Int64(),
        "text_bytes": pl.Int64(),
    }
)


def valid(*rows: Row) -> pl.DataFrame:
    """The run's `valid` frame: an override for each row; ids and row numbers count up, texts differ."""
    numbered = [
        valid_row(**({"comment_id": f"c{number + 1}", "source_row": number, "text": f"{TEXT}{number}"} | row))
        for number, row in enumerate(rows)
    ]
    return pl.DataFrame(numbered, schema=VALID_SCHEMA)


def duplicates(*pairs: tuple[str, str]) -> pl.DataFrame:
    """The run's `duplicates` frame: (record_id, judged_as)."""
    return pl.DataFrame(pairs, schema={"record_id": pl.String, "judged_as": pl.String}, orient="row")


def _keyed(table: Table, rows: tuple[Row, ...]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema={**table.polars_schema, "key": pl.String})


def requests(*rows: Row) -> pl.DataFrame:
    """What was asked, as `fetch_requests` gives it."""
    return _keyed(
        REQUESTS, tuple({"record_id": "r1", "text_sha256": "t1", "attempt": 1, "key": "k1"} | row for row in rows)
    )


def answer_row(**overrides: Any) -> Row:
    """A row of ANSWERS with its key; verdict columns are null unless it is judged."""
    row = {"record_id": "r1", "status": "judged", "attempt": 1, "key": "k1", "decided_at": NOW} | overrides
    verdict: Row = {"violation": True, "category": "spam", "confidence": 0.9, "explanation": "an advert"}
    if row["status"] != "judged":
        verdict = dict.fromkeys(verdict)
    return {"status_detail": None, **verdict, "input_tokens": 1000, "output_tokens": 50} | row


def answers(*rows: Row) -> pl.DataFrame:
    """What was answered, as `fetch_answers` gives it."""
    return _keyed(ANSWERS, tuple(answer_row(**row) for row in rows))


def verdict_row(**overrides: Any) -> Row:
    """A row of VERDICTS."""
    return {
        "comment_id": "c1",
        "date": RUN_DATE,
        "posted_at": NOON,
        "product_id": "p1",
        "language": "ja",
        "status": "judged",
        "status_detail": None,
        "violation": False,
        "category": "none",
        "confidence": 0.9,
        "explanation": "",
        "decided_by": "model",
        "attempt": 1,
        "model_id": MODEL_ID,
        "prompt_name": "comment_review",
        "prompt_version": "v1",
        "prompt_sha256": "a" * 64,
        "text_sha256": sha256(TEXT),
        "input_tokens": 1000,
        "output_tokens": 50,
        "cost_usd": 0.000625,
        "batch_job_arn": JOB_ARN,
        "run_id": RUN_ID,
        "decided_at": NOW,
        "step": "model",
        "is_audit": False,
    } | overrides


def verdicts(*rows: Row) -> pl.DataFrame:
    """Verdicts: an override for each row; ids count up from c1."""
    numbered = [verdict_row(**({"comment_id": f"c{number}"} | row)) for number, row in enumerate(rows, 1)]
    return pl.DataFrame(numbered, schema=VERDICTS.polars_schema)


def input_object(**overrides: Any) -> InputObject:
    return InputObject(**({"uri": SOURCE, "etag": "e1", "size_bytes": 1000, "row_count": 3} | overrides))


def plan(**overrides: Any) -> Plan:
    """The plan of a night."""
    given: Row = {
        "run_date": RUN_DATE,
        "run_id": RUN_ID,
        "planned_at": NOW,
        "inputs": (input_object(),),
        "model_id": MODEL_ID,
        "invocation_type": "InvokeModel",
        "prompt_name": "comment_review",
        "prompt_version": "v1",
        "prompt_sha256": "a" * 64,
        "epoch": 0,
        "settings": {"timezone": "Asia/Tokyo", "max_text_chars": 10_000, "deduplicate": True},
    }
    return Plan(**(given | overrides))


def classifier_version(**overrides: Any) -> ClassifierVersion:
    """A classifier that may clear."""
    given: Row = {
        "version": 0,
        "arrays_sha256": "d" * 64,
        "reading": READING,
        "trained_at": NOW,
        "first_date": date(2026, 10, 20),
        "last_date": date(2026, 11, 18),
        "prompt_name": "comment_review",
        "prompt_sha256": "a" * 64,
        "label_count": 500,
        "verdict_count": 1_000,
        "seen": {"violence": 60},
        "rare": (),
        "margin": 0.02,
        "tried": (),
        "clear_to": 0.0,
    }
    return ClassifierVersion(**(given | overrides))


def planned_asker(**overrides: Any) -> PlannedAsker:
    """Who a step of a policy asks: the model step, unless overridden."""
    given: Row = {
        "step": "model",
        "model_id": MODEL_ID,
        "invocation_type": "InvokeModel",
        "prompt_name": "comment_review",
        "prompt_version": "v1",
        "prompt_sha256": "a" * 64,
    }
    return PlannedAsker(**(given | overrides))


def usage(**overrides: Any) -> Usage:
    return Usage(**overrides)


def ledger_entry(**overrides: Any) -> LedgerEntry:
    """An intent that nothing has come of yet; key and name follow from day, shard and epoch unless overridden."""
    given: Row = {
        "run_date": RUN_DATE,
        "shard": 0,
        "epoch": 0,
        "run_id": RUN_ID,
        "model_id": MODEL_ID,
        "invocation_type": "InvokeModel",
        "prompt_name": "comment_review",
        "prompt_version": "v1",
        "prompt_sha256": "a" * 64,
        "input_sha256": "b" * 64,
        "record_count": 100,
        "input_bytes": 500_000,
        "estimated_input_tokens": 100_000,
        "estimated_output_tokens": 6_000,
        "estimated_cost_usd": 0.065,
        "role_arn": ROLE_ARN,
        "timeout_h": 24,
        "intended_at": NOW,
    } | overrides
    key = given.setdefault(
        "key",
        shard_key(
            "s3://moderation-bucket/output",
            given["run_date"],
            given["shard"],
            given["input_sha256"],
            given["model_id"],
            given["invocation_type"],
            given["epoch"],
        ),
    )
    folder = f"s3://moderation-bucket/batch/{given['run_date']}/{key[:16]}"
    derived = {
        "input_uri": f"{folder}/input/shard-{given['shard']:05d}.jsonl",
        "output_uri": f"{folder}/output/",
        "requests_uri": f"s3://moderation-bucket/output/requests/{given['run_date']}/{key}.parquet",
        "job_name": job_name(given["run_date"], given["shard"], key),
        "client_request_token": key,
    }
    return LedgerEntry(**(derived | given))


def key_of_earlier_versions(_deployment: str, *parts: object) -> str:
    """A shard's key as versions before 0.2 made it: without the deployment."""
    return hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).hexdigest()


def put_entry(storage: Storage, paths: DayPaths, entry: LedgerEntry) -> None:
    """Have an entry on record, however far it has come."""
    storage.put(paths.entry(entry.key), entry.model_dump_json().encode())


def prompt(**overrides: Any) -> Prompt:
    """A prompt of two lines."""
    given: Row = {
        "id": "tiny",
        "version": "v1",
        "language": "en",
        "families": ("claude",),
        "max_tokens": 100,
        "temperature": 0.0,
        "categories": ("spam", "hate", "none"),
        "system": "Judge the comment.",
        "user": "<comment>\n{{comment}}\n</comment>",
    }
    return Prompt(**(given | overrides))


def answer_text(**overrides: Any) -> str:
    """What the model says: a good answer."""
    given = {"violation": True, "category": "spam", "confidence": 0.9, "explanation": "an advert"}
    return json.dumps(given | overrides, ensure_ascii=False)


def claude_output(
    text: str | None = None, stop_reason: str = "end_turn", input_tokens: int = 1000, output_tokens: int = 50
) -> Row:
    """A `modelOutput` of Claude."""
    return {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "text", "text": answer_text() if text is None else text}],
        "stop_reason": stop_reason,
        "usage": {"input_tokens": input_tokens, "output_tokens": output_tokens},
    }


def message_output(text: str | None = None, stop_reason: str = "end_turn") -> Row:
    """A `modelOutput` of Nova, or of any model by Converse."""
    return {
        "output": {"message": {"role": "assistant", "content": [{"text": answer_text() if text is None else text}]}},
        "stopReason": stop_reason,
        "usage": {"inputTokens": 1000, "outputTokens": 50, "totalTokens": 1050},
    }


def output_line(record: str, output: Mapping[str, Any] | None = None, **fields: Any) -> bytes:
    """A line of a `.jsonl.out` file with its echo of the input."""
    given = {"modelInput": {"messages": []}, "modelOutput": claude_output() if output is None else output}
    return orjson.dumps({"recordId": record} | given | fields) + b"\n"


def error_line(record: str, code: int | str = 400, message: str = "the body is not valid") -> bytes:
    """A line of a record that Bedrock did not answer."""
    error = {"errorCode": code, "errorMessage": message}
    return orjson.dumps({"recordId": record, "modelInput": {}, "error": error}) + b"\n"
