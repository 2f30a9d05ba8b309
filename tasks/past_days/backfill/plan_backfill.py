"""A backfill's first step: which days it takes, and what each will use, before anything is spent.

The plan is locked by its hash: what a person has seen is what is carried out, or it is planned again.
"""

from __future__ import annotations

import hashlib
import json
import math
import statistics
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta

import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict

from data_contracts.documents.ledger import LedgerEntry
from data_contracts.tables.verdicts import NIGHTS, Status
from tasks import adapters
from tasks.adapters import Adapters
from tasks.adapters.lake import reading_lake
from tasks.adapters.storage import Storage, StorageRefused
from tasks.base.errors import SchemaDrift
from tasks.base.paths import DayPaths, RunPaths, lake
from tasks.base.settings import Settings
from tasks.base.stage import stage
from tasks.ledger.entries import is_live, read_ledger
from tasks.past_days.backfill.day_estimate import count_comments, estimate_day, nothing_sampled, sample_day
from tasks.past_days.backfill.day_states import Day, DayState, survey
from tasks.past_days.backfill.record import BackfillRecord
from tasks.past_days.backfill.request import BackfillMode, BackfillRequest
from tasks.past_days.backfill.terms import KEEPING, DayTerms, TermsOfDays, choose_epoch

#: Why a day is left alone that this very backfill has judged.
DONE_BEFORE = "done by this backfill"
#: Days whose files are looked into together.
_READERS = 8
#: Published nights that say how long a night takes.
_TIMED_NIGHTS = 7


class PlannedDay(BaseModel):
    """A day that is to be judged, and what that is expected to use.

    Attributes:
        epoch, model_id, prompt_version: what it is judged with.
        comment_count: rows of its input; None if a file cannot be read.
        record_count: comments that a request is expected for.
        cost_usd: None when the model has no known price.
        job_count: batch jobs; 0 where the records are asked on demand.
    """

    model_config = ConfigDict(frozen=True)

    day: Day
    epoch: int
    model_id: str
    prompt_version: str
    comment_count: int | None
    record_count: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    job_count: int
    note: str = ""


class BackfillPlan(BaseModel):
    """What a backfill will do.

    Attributes:
        days: what is to be judged, oldest first.
        others: days of the range that are left alone, each with the reason.
        night_s: seconds that a night took lately; None if no night says so.
    """

    model_config = ConfigDict(frozen=True)

    request: BackfillRequest
    prompt_sha256: str
    planned_at: datetime
    days: tuple[PlannedDay, ...]
    others: tuple[tuple[Day, str], ...]
    night_s: float | None

    @property
    def sha256(self) -> str:
        """Hash of what was decided: days, their states and inputs, prompt, model, mode; not of the estimates."""
        decided = [
            self.request.mode,
            self.request.model_id,
            self.prompt_sha256,
            [
                [
                    str(day.day.run_date),
                    day.day.states,
                    [(item.uri, item.etag) for item in day.day.inputs],
                    day.epoch,
                    day.model_id,
                    day.prompt_version,
                ]
                for day in self.days
            ],
        ]
        return hashlib.sha256(json.dumps(decided).encode()).hexdigest()

    @property
    def cost_usd(self) -> float | None:
        """What all days are expected to cost; None if one is unknown."""
        costs = [day.cost_usd for day in self.days]
        return None if None in costs else math.fsum(cost or 0.0 for cost in costs)

    @property
    def finish_at(self) -> datetime | None:
        """When the last day is expected to be published, one after another as long as nights took lately."""
        return None if self.night_s is None else self.planned_at + timedelta(seconds=self.night_s * len(self.days))


def is_chosen(day: Day, mode: BackfillMode) -> bool:
    """Whether a mode takes a day; one without input is never taken."""
    return bool(day.inputs) and (mode == "all" or DayState(mode) in day.states)


def describe_left(day: Day, mode: BackfillMode, is_done: bool) -> str:
    """Why a day is left alone."""
    if is_done:
        return DONE_BEFORE
    return "no input" if not day.inputs else f"not {mode}"


def changed_days(before: BackfillPlan, after: BackfillPlan) -> list[date]:
    """The days that two plans of one backfill decide differently about."""
    decided = [
        {day.day.run_date: (day.day.states, day.day.inputs, day.epoch) for day in plan.days} for plan in (before, after)
    ]
    either = decided[0].keys() | decided[1].keys()
    return sorted(day for day in either if decided[0].get(day) != decided[1].get(day))


def plan_day(storage: Storage, day: Day, mode: BackfillMode, way: DayTerms, recorded: int | None) -> PlannedDay:
    """What one day will use."""
    ledger = read_ledger(storage, DayPaths(way.settings, day.run_date))
    epoch = choose_epoch(day, mode, way, [entry.epoch for entry in ledger], recorded)
    asked = [entry for entry in ledger if (entry.model_id, entry.prompt_sha256) == way.wanted and entry.epoch >= epoch]
    comment_count, record_count, note = None, 0, day.stopped or ""
    sample = nothing_sampled()
    try:
        comment_count = count_comments(storage, day.inputs)
        sample = sample_day(storage, day.inputs, day.run_date, way.settings)
        asked_count = round(comment_count * sample.asked_fraction)
        record_count = max(0, asked_count - count_settled(storage, asked))
        if mode in KEEPING and day.published and day.published.asked == way.wanted:
            late_count = count_comments(storage, day.late) if DayState.LATE_INPUT in day.states else 0
            record_count = min(asked_count, round(late_count * sample.asked_fraction) + day.published.open_count)
    except (SchemaDrift, StorageRefused) as error:
        note = str(error)
    tariff = way.tariffs.of(day.run_date, sample)
    request_tokens = sample.request_tokens(tariff.rates) if record_count else 0.0
    estimate = estimate_day(record_count, request_tokens, tariff, way.settings)
    return PlannedDay(
        day=day,
        epoch=epoch,
        model_id=way.wanted.model_id,
        prompt_version=way.settings.prompt_version,
        comment_count=comment_count,
        record_count=record_count,
        input_tokens=estimate.used.input_tokens,
        output_tokens=estimate.used.output_tokens,
        cost_usd=estimate.used.cost_usd,
        job_count=estimate.job_count,
        note=note,
    )


def count_settled(storage: Storage, entries: Sequence[LedgerEntry]) -> int:
    """Records that are not asked again: a job has them, or they were judged or refused."""
    total = 0
    for entry in entries:
        if is_live(entry):
            total += entry.record_count
        elif entry.answers_uri is not None:
            with storage.open(entry.answers_uri) as file:
                statuses = pq.read_table(file, columns=["status"]).column("status")
            counts = {item["values"]: item["counts"] for item in statuses.value_counts().to_pylist()}
            total += counts.get(Status.JUDGED, 0) + counts.get(Status.REFUSED, 0)
    return total


def seconds_a_night(outside: Adapters, settings: Settings) -> float | None:
    """How long the last published nights took, their median; None if there are none."""
    nights = outside.lake.scan(lake(settings, NIGHTS.name), NIGHTS).select("date", "run_id", "published_at").collect()
    took = []
    for day, run_id, _ in nights.top_k(_TIMED_NIGHTS, by="published_at").iter_rows():
        body = outside.storage.get(RunPaths(settings, day, run_id).file("summary.json"))
        if body is not None:
            took.append(sum(json.loads(body).get("seconds", {}).values()))
    return statistics.median(took) if took else None


@stage
@reading_lake()
def plan_backfill(settings: Settings, request: BackfillRequest, record: BackfillRecord, now: datetime) -> BackfillPlan:
    """Look at every day of the range and decide; nothing is written.

    Raises:
        PromptInvalid, UnsupportedModel: if the prompt version or the model is not there.
    """
    outside = adapters.connect(settings)
    ways = TermsOfDays(outside, settings, request, now)
    surveyed = survey(outside, settings, request.days, ways.named.wanted)
    done = record.done if request.mode == "all" else frozenset()
    chosen = [day for day in surveyed if is_chosen(day, request.mode) and day.run_date not in done]
    of_day = {day.run_date: ways.of(day) for day in chosen}

    def plan(day: Day) -> PlannedDay:
        begun = record.begun.get(day.run_date)
        return plan_day(outside.storage, day, request.mode, of_day[day.run_date], begun.epoch if begun else None)

    with ThreadPoolExecutor(_READERS) as readers:
        days = tuple(readers.map(plan, chosen))
    others = tuple(
        (day, describe_left(day, request.mode, day.run_date in done)) for day in surveyed if day.run_date not in of_day
    )
    return BackfillPlan(
        request=request,
        prompt_sha256=ways.named.wanted.prompt_sha256,
        planned_at=now,
        days=days,
        others=others,
        night_s=seconds_a_night(outside, settings),
    )
