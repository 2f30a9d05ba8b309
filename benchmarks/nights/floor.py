"""The bytes of a night, merely moved: its comments read, its requests written, its answers read, its verdicts written.

What is moved is what the run before it left behind.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.nights.days import RUN_DATE
from benchmarks.nights.measured import Meter, Taken
from benchmarks.nights.server import BATCH, COMMENTS, OUTPUT, Served


def play(address: str) -> Taken:
    """Move the bytes, and measure it."""
    import boto3

    served, s3 = Served(address), boto3.client("s3")
    batch = _keys(s3, BATCH, "")
    inputs, answers = ([key for key in batch if key.endswith(end)] for end in (".jsonl", ".jsonl.out"))
    verdicts = [key for key in _keys(s3, OUTPUT, "verdicts/") if key.endswith(".parquet")]
    with tempfile.TemporaryDirectory() as folder:
        kept, scratch = Path(folder), Path(folder) / "scratch"
        written = [(BATCH, key) for key in inputs] + [(OUTPUT, key) for key in verdicts]
        for number, (bucket, key) in enumerate(written):
            s3.download_file(bucket, key, str(kept / str(number)))
        meter = Meter(served)
        for key in _keys(s3, COMMENTS, f"comments/date={RUN_DATE}/"):
            s3.download_file(COMMENTS, key, str(scratch))
        for number, (bucket, key) in enumerate(written):
            s3.upload_file(str(kept / str(number)), bucket, f"floor/{key}")
        for key in answers:
            s3.download_file(BATCH, key, str(scratch))
        return meter.taken()


def _keys(s3: Any, bucket: str, prefix: str) -> list[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [item["Key"] for page in pages for item in page.get("Contents", ())]
