"""How a Bedrock behaves: what becomes of its jobs, and how it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from benchmarks.storms.answers import Kind
from tasks.base.ports import JobStatus


class Course(NamedTuple):
    """What becomes of a job that nobody stops.

    Attributes:
        end: the status it ends with.
        share: how many of its records are answered by then.
        wait_s: seconds until it is processed.
        work_s: seconds that takes.
        hidden_s: seconds until a listing shows it.
        stop_s: seconds from a stop to the end; None if a stop is not heeded.
    """

    end: JobStatus = JobStatus.COMPLETED
    share: float = 1.0
    wait_s: float = 0.0
    work_s: float = 1.0
    hidden_s: float = 0.0
    stop_s: float | None = 1.0


@dataclass
class Behaviour:
    """How a Bedrock behaves; the default is a good day.

    Attributes:
        kind: how a comment is answered, by its text and how often it was asked before.
        course: what becomes of a job, by its number.
        strangers: lines for records that nobody asked for, by the job's number.
        quota: unfinished jobs that are allowed.
        min_records: a job with fewer fails.
        forgets_tokens: a repeated token makes a second job; otherwise the first one's ARN is answered.
    """

    kind: Callable[[str, int], Kind] = lambda text, before: Kind.GOOD
    course: Callable[[int], Course] = lambda number: Course()
    strangers: Callable[[int], int] = lambda number: 0
    quota: int = 100
    min_records: int = 100
    forgets_tokens: bool = False
