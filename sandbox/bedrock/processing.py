"""The records of one job: read from S3, checked, answered chunk by chunk, written back shuffled.

Input and output lie on local disk while the job runs, so that memory holds one chunk and one number a record.

Sources: Bedrock User Guide, batch-inference-data (input, record ids, order), batch-inference-results (output and
manifest), batch-inference-monitor (what Validating checks); AWS General Reference, Amazon Bedrock quotas.
"""

import hashlib
import itertools
import json
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from sandbox.bedrock.files import InvalidInput, Source, Spool, read_lines, split_uri
from sandbox.bedrock.inference import Answer, Inference, Refused, Request
from sandbox.bedrock.jobs import Counts, Job

MIN_RECORDS = 100
MAX_RECORDS = 100_000
MAX_FILE_BYTES = 1_000_000_000
MAX_JOB_BYTES = 5_000_000_000
_READ_BYTES = 1 << 20


class Limits(NamedTuple):
    """The account's quotas for one job."""

    min_records: int = MIN_RECORDS
    max_records: int = MAX_RECORDS
    max_file_bytes: int = MAX_FILE_BYTES
    max_job_bytes: int = MAX_JOB_BYTES


class Records:
    """The records of one job, from its input folder to its output folder."""

    def __init__(
        self, job: Job, s3: Any, inference: Inference, folder: Path, limits: Limits, paid: Callable[[str], None]
    ) -> None:
        self._job = job
        self._s3 = s3
        self._inference = inference
        self._folder = folder
        self._limits = limits
        self._paid = paid
        self._sources: list[Source] = []
        self._spools: dict[str, Spool] = {}
        self._pending: Iterator[tuple[Source, dict[str, Any]]] = iter(())
        self._serial = itertools.count(1)
        self._counts = Counts()
        self.total = 0
        self.taken = 0

    def load(self) -> None:
        """Fetch and check the input, as Bedrock does while a job is Validating (bodies are not looked at).

        Raises:
            InvalidInput: with AWS's message where it is known.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._sources = list(self._fetch())
        for source in self._sources:
            count = sum(1 for _ in read_lines(source))
            self.total += count
            if count > self._limits.max_records:
                raise InvalidInput(
                    f"Batch input file contains more records ({count}) than the allowed maximum of: "
                    f"{self._limits.max_records}"
                )
        if self.total > self._limits.max_records:
            raise InvalidInput(
                f"Batch job contains more records ({self.total}) than the allowed maximum of: "
                f"{self._limits.max_records}"
            )
        if self.total < self._limits.min_records:
            raise InvalidInput(
                f"Batch job contains less records ({self.total}) than the required minimum of: "
                f"{self._limits.min_records}"
            )
        self._pending = ((source, record) for source in self._sources for record in read_lines(source))

    def process(self, size: int) -> int:
        """Answer the next records, at most ``size``; how many there were."""
        chunk = list(itertools.islice(self._pending, size))
        self.taken += len(chunk)
        kept = [(source, self._with_id(record)) for source, record in chunk]
        faults = [self._job.faults.of_record(record["recordId"]) for _, record in kept]
        denied = self._denied()
        requests, asked = [], []
        for place, (_, record) in enumerate(kept):
            if denied is None and faults[place] not in ("missing_records", "error_records"):
                key = f"{self._job.job_id}/{record['recordId']}".encode("utf-8", "surrogatepass")
                requests.append(Request(record["modelInput"], key, faults[place]))
                asked.append(place)
        converse = self._job.request.get("modelInvocationType") == "Converse"
        outcomes: dict[int, Answer | Refused] = dict(
            zip(
                asked,
                self._inference.answer(requests, self._job.target.model, converse=converse, batch=True),
                strict=True,
            )
        )
        for place, (source, record) in enumerate(kept):
            self._settle(source, record, outcomes.get(place), faults[place], denied)
        # Shown all at once, so that successes and errors always add up to what is processed.
        self._job.counts = replace(self._counts, total=self.total)
        return len(chunk)

    def publish(self) -> None:
        """Put the output files, shuffled, and the manifest into the job's folder; nothing if no record was run."""
        if not self._job.counts.processed:
            return
        output = self._job.request["outputDataConfig"]["s3OutputDataConfig"]["s3Uri"]
        bucket, prefix = split_uri(output)
        folder = f"{prefix.rstrip('/')}/{self._job.job_id}".lstrip("/")
        for name, spool in self._spools.items():
            shuffled = self._folder / "shuffled"
            spool.write_shuffled(shuffled, random.Random(f"{self._job.job_id}/{name}"))
            with shuffled.open("rb") as body:
                self._s3.put_object(Bucket=bucket, Key=f"{folder}/{name}.out", Body=body)
        counts = self._job.counts
        manifest = {
            "totalRecordCount": counts.total,
            "processedRecordCount": counts.processed,
            "successRecordCount": counts.success,
            "errorRecordCount": counts.error,
            "inputTokenCount": counts.input_tokens,
            "outputTokenCount": counts.output_tokens,
        }
        self._s3.put_object(Bucket=bucket, Key=f"{folder}/manifest.json.out", Body=json.dumps(manifest).encode())

    def discard(self) -> None:
        """Remove the local files."""
        for spool in self._spools.values():
            spool.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _fetch(self) -> Iterator[Source]:
        bucket, prefix = split_uri(self._job.request["inputDataConfig"]["s3InputDataConfig"]["s3Uri"])
        found = self._list(bucket, prefix)
        if not found:
            raise InvalidInput(f"No .jsonl file was found at s3://{bucket}/{prefix}")
        if sum(size for _, size, _ in found) > self._limits.max_job_bytes:
            raise InvalidInput(f"Batch job is larger than the allowed maximum of: {self._limits.max_job_bytes} bytes")
        for number, (key, size, name) in enumerate(found):
            if size > self._limits.max_file_bytes:
                raise InvalidInput(
                    f"Batch input file {key} is larger ({size} bytes) than the allowed maximum of: "
                    f"{self._limits.max_file_bytes} bytes"
                )
            path = self._folder / f"input-{number}"
            body = self._s3.get_object(Bucket=bucket, Key=key)["Body"]
            with path.open("wb") as copy:
                shutil.copyfileobj(body, copy, _READ_BYTES)
            yield Source(path, name)

    def _list(self, bucket: str, prefix: str) -> list[tuple[str, int, str]]:
        """The input objects as (key, size, name below the job's output folder): one file, or every .jsonl below."""
        folder = f"{prefix.rstrip('/')}/" if prefix.strip("/") else ""
        found = []
        try:
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            for item in (item for page in pages for item in page.get("Contents", ())):
                key = item["Key"]
                if key == prefix and key.endswith(".jsonl"):
                    return [(key, item["Size"], key.rpartition("/")[2])]
                if key.startswith(folder) and key.endswith(".jsonl"):
                    found.append((key, item["Size"], key.removeprefix(folder)))
        except self._s3.exceptions.ClientError as error:
            raise InvalidInput(f"The input s3://{bucket}/{prefix} cannot be read: {error}") from None
        return found

    def _with_id(self, record: dict[str, Any]) -> dict[str, Any]:
        number = next(self._serial)
        if isinstance(record.get("recordId"), str):
            return record
        made = hashlib.sha256(f"{self._job.job_id}/{number}".encode()).hexdigest()[:11].upper()
        return {**record, "recordId": made}

    def _denied(self) -> tuple[int, str] | None:
        """The error that every record of the job gets, if a fault says so."""
        faults = self._job.faults
        if faults.get("all_error"):
            message = (
                "Malformed input request: #: extraneous key [tools] is not permitted, please reformat your input and "
                "try again."
            )
            return 400, message
        if faults.get("profile_region_permission_missing") == "records":
            return 403, profile_denied(self._job)
        return None

    def _settle(
        self,
        source: Source,
        record: dict[str, Any],
        outcome: Answer | Refused | None,
        fault: str | None,
        denied: tuple[int, str] | None,
    ) -> None:
        """Write the lines of one record and count it."""
        counts, record_id = self._counts, record["recordId"]
        line = {"recordId": record_id, "modelInput": record["modelInput"]}
        if isinstance(outcome, Answer):
            self._paid(record_id)
            counts.success += 1
            counts.input_tokens += outcome.input_tokens
            counts.output_tokens += outcome.output_tokens
            line["modelOutput"] = outcome.body
        else:
            if denied is None and fault == "missing_records":
                return
            code: int | str
            code, message = denied or (400, "")
            counts.error += 1
            if isinstance(outcome, Refused):
                message = outcome.message
            elif denied is None:
                code, message = _ERRORS[int(self._job.faults.chance("error", record_id) * len(_ERRORS))]
            error: dict[str, int | str] = {"errorCode": code, "errorMessage": message}
            line["error"] = error
        counts.processed += 1
        spool = self._spool(source)
        spool.add(line)
        if fault == "duplicate_records":
            spool.add(line if self._job.faults.chance("duplicate", record_id) < 0.5 else _broken(line))
        if fault == "unknown_records":
            stranger = hashlib.sha256(f"stranger/{record_id}".encode("utf-8", "surrogatepass")).hexdigest()
            spool.add({**line, "recordId": stranger[: len(record_id) or 1]})
            if isinstance(outcome, Answer):
                counts.input_tokens += outcome.input_tokens
                counts.output_tokens += outcome.output_tokens

    def _spool(self, source: Source) -> Spool:
        if source.output_name not in self._spools:
            self._spools[source.output_name] = Spool(self._folder / f"output-{len(self._spools)}")
        return self._spools[source.output_name]


# What an error line may hold. The errorCode is a number in AWS's documents and a string in one of AWS's samples.
_ERRORS: tuple[tuple[int | str, str], ...] = (
    (400, "bad request"),
    ("400", "bad request"),
    (500, "Internal server error"),
    (429, "Too many requests, please wait before trying again."),
)


def profile_denied(job: Job) -> str:
    """The message for a role that may not invoke the model in a destination Region of its profile."""
    return (
        f"User: {job.request['roleArn']} is not authorized to perform: bedrock:InvokeModel on resource: "
        f"arn:aws:bedrock:us-west-2::foundation-model/{job.target.model.model_id} because no identity-based policy "
        "allows the bedrock:InvokeModel action"
    )


def _broken(value: Any) -> Any:
    """The same line, its answer cut in half."""
    if isinstance(value, dict):
        return {key: item if key == "modelInput" else _broken(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_broken(item) for item in value]
    return value[: len(value) // 2] if isinstance(value, str) and "violation" in value else value
