"""A night of a site whose customers, labelers and model all attack, and the same night of a site where nobody does."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts.documents.summary import Night
from data_contracts.tables.comments import COMMENTS
from data_contracts.tables.labels import LABELS
from sandbox.play import play_night
from sandbox.serve import Sandbox
from sandbox.stand_in_model import read_comment
from tasks.base.settings import Settings
from tasks.reports.log_lines import describe_step
from tests import hostile_texts as hostile

DAY = date(2026, 11, 19)
#: The first minute of the day in Tokyo.
MIDNIGHT = datetime(2026, 11, 18, 15, tzinfo=UTC)
NOW = datetime(2026, 11, 20, 2, tzinfo=UTC)
#: Nothing holds this model to a schema, so it may say what it likes.
MODEL_ID = "amazon.nova-lite-v1:0"
#: Names of objects that a careless or hostile export may choose.
OBJECT_NAMES = (
    "part-0.parquet",
    'x"><img src=x onerror=alert(5)>.parquet',
    "=cmd @everyone [x](y) #?*%00\u202e.parquet",
)
#: Comments that nothing is wrong with, beside those that attack.
PLAIN_COUNT = 60
#: What a string column holds that is no UTF-8.
NOT_UTF8 = b"broken \xed\xa0\x80 \xff"

Row = dict[str, Any]


class Opinion(NamedTuple):
    """A judgement that is a whole answer."""

    text: str
    violation: bool = False
    category: str = "none"
    confidence: float = 0.5
    explanation: str = ""


class SlyMind:
    """Answers with everything that a model may be talked into, the comment itself included."""

    def __init__(self, answers: Sequence[str]) -> None:
        self._answers = answers

    def read_comment(self, prompt_text: str) -> str | None:
        return read_comment(prompt_text)

    def judge(self, texts: Sequence[str]) -> list[Opinion]:
        return [Opinion(self._answer(text)) for text in texts]

    def answer(self, judgement: Any) -> str:
        return str(judgement.text)

    def _answer(self, text: str) -> str:
        if hostile.CANARY in text:
            return hostile.answer(explanation=f"it says {text}")
        digest = hashlib.blake2b(text.encode(), digest_size=4).digest()
        return self._answers[int.from_bytes(digest, "big") % len(self._answers)]


#: Every answer that keeps the contract, and every one that does not.
SLY = SlyMind([*hostile.SLY_ANSWERS.values(), *hostile.BROKEN_ANSWERS.values()])
#: The same shares of good and broken answers, without a wrong word.
HONEST = SlyMind([hostile.answer()] * len(hostile.SLY_ANSWERS) + ["I cannot say."] * len(hostile.BROKEN_ANSWERS))


def comment(comment_id: str, text: str, **changes: Any) -> Row:
    """A row of the input."""
    row = {"comment_id": comment_id, "posted_at": MIDNIGHT + timedelta(minutes=1), "product_id": "p1"}
    return {**row, "user_id": "u1", "text": text, "rating": 3, **changes}


def hostile_rows() -> list[Row]:
    """Attacks by text, by product and user, and by the comment's own id."""
    rows = [comment(f"text-{name}", text) for name, text in hostile.TEXTS.items()]
    for name, value in hostile.FOREIGN_IDS.items():
        for number in range(2):
            text = f"product {name} is number {number}"
            rows.append(comment(f"id-{name}-{number}", text, product_id=value, user_id=value))
    rows += [comment(value, f"comment of id {name}") for name, value in hostile.COMMENT_IDS.items()]
    rows += [comment(value, f"comment of bad id {name}") for name, value in hostile.BAD_COMMENT_IDS.items()]
    rows.append(comment("too-long", hostile.TOO_LONG))
    return rows + [comment(f"plain-{number}", f"a fine thing, number {number}") for number in range(PLAIN_COUNT)]


def harmless_rows() -> list[Row]:
    """As many rows of as many products, with the same rows rejected for the same reasons."""
    rows: list[Row] = []
    for number, row in enumerate(hostile_rows()):
        is_bad = row["comment_id"] in hostile.BAD_COMMENT_IDS.values()
        changes = {
            "comment_id": "" if is_bad else f"c{number}",
            "product_id": f"p{hashlib.blake2b(row['product_id'].encode(), digest_size=3).hexdigest()}",
            "text": row["text"] if row["comment_id"] == "too-long" else f"a fine thing, number {number}",
        }
        rows.append(row | changes)
    return rows


def hostile_labels(rows: Sequence[Row]) -> list[Row]:
    """Labels whose words are chosen by an attacker."""
    words = list(hostile.FOREIGN_IDS.values())
    return [
        {
            "comment_id": row["comment_id"],
            "labeler": words[number % len(words)],
            "violation": number % 2 == 0,
            "category": words[(number + 1) % len(words)],
            "labeled_at": NOW,
            "source": "sample",
            "stratum": words[(number + 2) % len(words)],
            "inclusion_probability": 0.5,
        }
        for number, row in enumerate(rows)
    ]


def harmless_labels(rows: Sequence[Row]) -> list[Row]:
    """The same labels by labelers who attack nobody."""
    kinds = len(hostile.FOREIGN_IDS)
    return [
        label | {"labeler": f"r{number % kinds}", "category": "spam", "stratum": f"s{number % kinds}"}
        for number, label in enumerate(hostile_labels(rows))
    ]


def with_broken_strings(rows: Sequence[Row], broken: Sequence[bool]) -> pa.Table:
    """Rows as a careless writer stores them: the texts that are to be broken are no UTF-8."""
    table = pl.DataFrame(list(rows), schema=COMMENTS.polars_schema).to_arrow()
    texts = [NOT_UTF8 if is_broken else row["text"].encode() for row, is_broken in zip(rows, broken, strict=True)]
    raw = pa.array(texts, pa.binary())
    unchecked = pa.StringArray.from_buffers(len(raw), *raw.buffers()[1:], raw.buffers()[0])
    return table.set_column(table.schema.get_field_index("text"), "text", unchecked)


@dataclass(frozen=True)
class Played:
    """Everything that a night left behind.

    Attributes:
        rows: what came in and was legal Parquet.
        night: as it was closed.
        objects: every object of the output and batch buckets, by bucket and key.
        log: the lines that a flow logs.
    """

    rows: list[Row]
    night: Night
    objects: dict[str, bytes]
    log: list[str]

    def table(self, name: str) -> pl.DataFrame:
        """A published table."""
        return pl.read_parquet(BytesIO(self.objects[f"moderation-output/{name}/date={DAY}/{name}.parquet"]))

    def page(self, name: str) -> str:
        """A page of the run."""
        return self.objects[f"moderation-output/runs/{DAY}/{self.night.run_id}/{name}"].decode()

    def write(self, name: str, folder: Path) -> Path:
        """A published table as a local file."""
        path = folder / f"{name}.parquet"
        path.write_bytes(self.objects[f"moderation-output/{name}/date={DAY}/{name}.parquet"])
        return path


def play(
    sandbox: Sandbox, settings: Settings, rows: list[Row], labels: list[Row], object_names: Sequence[str]
) -> Played:
    """Put the day in as several objects, play it, and take everything that it left."""
    for part, name in enumerate(object_names):
        mine = rows[part :: len(object_names)]
        body = BytesIO()
        broken = [*mine, comment(f"broken-{part}", "")] if part == 0 else mine
        pq.write_table(with_broken_strings(broken, [False] * len(mine) + [True] * (len(broken) - len(mine))), body)
        _put(sandbox, f"comments/date={DAY}/{name}", body)
        body = BytesIO()
        pl.DataFrame(labels[part :: len(object_names)], schema=LABELS.polars_schema).write_parquet(body)
        _put(sandbox, f"labels/date={DAY}/{name}", body)
    log: list[str] = []
    night = play_night(
        settings,
        DAY,
        "run-1",
        lambda: NOW,
        report=lambda name, result, took_s: log.append(describe_step(name, result, took_s)),
    )
    assert night is not None
    return Played(rows, night, dict(objects(sandbox)), log)


def put_comments(sandbox: Sandbox, day: date, rows: Sequence[Row]) -> None:
    """Store a day's comments as one object."""
    body = BytesIO()
    pl.DataFrame(list(rows), schema=COMMENTS.polars_schema).write_parquet(body)
    _put(sandbox, f"comments/date={day}/part-0.parquet", body)


def asked(played: Played) -> dict[str, Row]:
    """The request bodies by record id, from the lines that Bedrock was given."""
    found = {}
    for key, body in played.objects.items():
        if key.startswith("moderation-batch/") and key.endswith(".jsonl"):
            for line in body.split(b"\n")[:-1]:
                item = json.loads(line)
                found[item["recordId"]] = item["modelInput"]
    return found


def _put(sandbox: Sandbox, key: str, body: BytesIO) -> None:
    sandbox.s3.put_object(Bucket="moderation-input", Key=key, Body=body.getvalue())


def objects(sandbox: Sandbox) -> list[tuple[str, bytes]]:
    """Every object of the output and batch buckets, by bucket and key."""
    found = []
    for bucket in ("moderation-output", "moderation-batch"):
        for page in sandbox.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for item in page.get("Contents", ()):
                body = sandbox.s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
                found.append((f"{bucket}/{item['Key']}", body))
    return found
