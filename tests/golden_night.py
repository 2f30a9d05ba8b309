"""A night that holds everything a night can meet, and what it publishes, row by row, on file.

`python -m tests.golden_night` writes the files anew: only when what is published is meant to change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import polars as pl
import pytest

from benchmarks.nights.answers import answer_text, bad_lines, output
from data_contracts.batch_lines import InvocationType
from data_contracts.documents.summary import Night
from data_contracts.tables.comments import COMMENTS
from sandbox.play import play_night
from tasks import adapters
from tasks.base.ports import Job, JobRequest, JobStatus
from tests import factories
from tests.hostile_texts import TEXTS, TOO_LONG

GOLDEN = Path(__file__).parent / "golden" / "night"
DAY = date(2026, 11, 19)
MIDNIGHT = datetime(2026, 11, 18, 15, tzinfo=UTC)
#: What differs from one folder, version of a library or reading of the clock to another.
_ASIDE = ("run_id", "decided_at", "batch_job_arn", "source_object")
_BETWEEN = (b"<comment>\\n", b"\\n</comment>")
_WORDS = ("とても", "良い", "商品", "でした", "配送", "が", "遅い", "箱", "great", "value", "arrived", "broken")


def rows(count: int = 360) -> list[dict[str, Any]]:
    """Comments in several scripts, attacks, repeats, and a few rows that break each rule."""
    texts = [*TEXTS.values()]
    for number in range(count):
        words = " ".join(_WORDS[number * step % len(_WORDS)] for step in range(3, 16))
        texts.append(f"{words} {number if number % 10 else 7}")
    made = [
        factories.comment(
            comment_id=f"c{number:04d}",
            posted_at=MIDNIGHT + timedelta(minutes=number),
            text=text,
            rating=number % 5 + 1,
            product_id=f"p{number % 7}",
        )
        for number, text in enumerate(texts)
    ]
    bad: list[dict[str, Any]] = [
        {"text": TOO_LONG},
        {"text": None},
        {"text": "\u200b \n"},
        {"posted_at": MIDNIGHT - timedelta(hours=1)},
    ]
    bad += [{"comment_id": "c0003", "posted_at": MIDNIGHT + timedelta(hours=20)}, {"rating": 2**40, "comment_id": ""}]
    return made + [factories.comment(comment_id=f"bad{number}") | changes for number, changes in enumerate(bad)]


class BadBedrock(factories.NoBedrock):
    """Answers each job at once and as badly as it can, its lines shuffled."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        #: hash of each job's input, in their order
        self.inputs: list[str] = []

    def create_job(self, request: JobRequest) -> str:
        """See BatchInference."""
        arn = f"arn:aws:bedrock:ap-northeast-1:123456789012:model-invocation-job/{len(self.jobs):012d}"
        source = Path(request.input_uri)
        target = Path(request.output_uri) / arn.rsplit("/", 1)[-1] / f"{source.name}.out"
        target.parent.mkdir(parents=True)
        body = source.read_bytes()
        self.inputs.append(hashlib.sha256(body).hexdigest())
        lines = [answered for line in body.splitlines(keepends=True) for answered in bad_lines(line, _BETWEEN)]
        target.write_bytes(b"".join(sorted(lines, key=lambda line: hashlib.sha256(line).digest())))
        self.jobs[arn] = Job(
            job_arn=arn, job_name=request.job_name, status=JobStatus.COMPLETED, input_uri=request.input_uri
        )
        return arn

    def get_job(self, job_arn: str) -> Job:
        """See BatchInference."""
        return self.jobs[job_arn]

    def find_jobs(self, request: JobRequest) -> list[Job]:
        """See BatchInference."""
        return [job for job in self.jobs.values() if job.job_name == request.job_name]

    def invoke(
        self, model_id: str, invocation_type: InvocationType, body: dict[str, Any], *, limit_s: float | None = None
    ) -> dict[str, Any]:
        """See BatchInference."""
        return output(answer_text(hashlib.sha256(orjson.dumps(body)).digest()[0]))


@contextmanager
def played(root: Path) -> Iterator[tuple[Night, BadBedrock, Path]]:
    """The night, played below a folder: its summary, its Bedrock, and where it published."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_REGION", "ap-northeast-1")
        bedrock = BadBedrock()
        patch.setattr(adapters, "connect", lambda _: factories.local_adapters(bedrock))
        folder = root / "comments" / f"date={DAY}"
        folder.mkdir(parents=True)
        frame = pl.DataFrame(rows(), schema=COMMENTS.polars_schema)
        frame[:200].write_parquet(folder / "a.parquet")
        frame[200:].write_parquet(folder / "b.parquet")
        settings = factories.settings(root, max_shard_records=150, golden_pack="none", max_attempts=1)
        night = play_night(settings, DAY, "run-1", lambda: datetime(2026, 11, 19, 18, 30, tzinfo=UTC))
        assert night is not None
        yield night, bedrock, root / "output"


def published(output_folder: Path, table: str) -> list[str]:
    """The rows of a table's plain object in order, each one line, without what differs from run to run."""
    (path,) = (output_folder / table).rglob("*.parquet")
    frame = pl.read_parquet(path, hive_partitioning=False).drop(_ASIDE, strict=False)
    if "text" in frame.columns:
        frame = frame.with_columns(pl.col("text").str.head(40), length=pl.col("text").str.len_chars())
    constant = [name for name in frame.columns if frame.height > 1 and frame[name].n_unique() == 1]
    return sorted(frame.drop(constant).write_ndjson().splitlines())


def facts(night: Night, bedrock: BadBedrock, output_folder: Path) -> dict[str, list[str]]:
    """What is held against the files: the published rows, the requests' hashes, the books."""
    lines = {table: published(output_folder, table) for table in ("verdicts", "rejected")}
    books = night.model_dump(mode="json")["balance"]
    kept = {name: value for name, value in books.items() if "version" not in name and "sha256" not in name}
    return lines | {"requests": bedrock.inputs, "books": [f"{name} {value}" for name, value in sorted(kept.items())]}


if __name__ == "__main__":
    with TemporaryDirectory() as folder, played(Path(folder)) as (night, bedrock, out):
        GOLDEN.mkdir(exist_ok=True)
        for name, lines in facts(night, bedrock, out).items():
            (GOLDEN / f"{name}.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
