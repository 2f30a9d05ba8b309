"""A cancelled run stops the day's Bedrock jobs, and keeps what they answered.

Whoever cancels gives little time: Prefect kills the process thirty seconds after it asked it to end. So the requests to
stop go out first, all together, before anything is waited for. A job whose end does not come in time stays in the
ledger: the next run of the day finds it, reads what it answered and asks for the rest.

Source: Prefect 3.9, prefect/runner/_cancellation_manager.py (SIGTERM, 30 s of grace, SIGKILL, then the hooks).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, datetime

from pydantic import BaseModel, ConfigDict

from data_contracts.documents.ledger import EntryState, LedgerEntry
from tasks import adapters
from tasks.base.errors import DayInUse, ModerationError
from tasks.base.panics import panics_told
from tasks.base.paths import DayPaths
from tasks.base.settings import Settings
from tasks.jobs.collection import collect_day
from tasks.jobs.job_status import look, record_ends
from tasks.jobs.single_calls import answered_records, close_entry
from tasks.jobs.submission import find_accepted
from tasks.ledger.entries import is_live, is_running, read_ledger
from tasks.ledger.lease import Holder, held

#: Seconds from the first request to stop until what has ended is collected.
WAIT_S = 20.0
#: Of these, seconds in which intents are looked for that Bedrock may have taken.
_LOOK_FOR_S = 5.0
_LOOK_AGAIN_S = 1.0
#: Requests to stop under way at a time.
_STOPPERS = 16


class Stopped(BaseModel):
    """What became of a cancelled day's jobs."""

    model_config = ConfigDict(frozen=True)

    asked_count: int = 0
    running_count: int = 0
    booked_count: int = 0
    problems: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """One line for whoever cancelled."""
        if self.asked_count:
            ended_count = self.asked_count - self.running_count
            parts = [f"{self.asked_count} Bedrock jobs were asked to stop, {ended_count} have ended"]
        else:
            parts = ["no Bedrock job was running"]
        if self.booked_count:
            parts.append(f"the answers of {self.booked_count} are booked")
        if self.running_count:
            parts.append(f"{self.running_count} stay in the ledger until the next run")
        return "; ".join((*parts, *self.problems, "run the day again: only what is left is asked"))


@contextmanager
def stopped_on(
    signals: tuple[type[BaseException], ...],
    settings: Settings,
    run_date: date,
    now: Callable[[], datetime],
    tell: Callable[[str], None] = lambda _: None,
) -> Iterator[None]:
    """Stop the day's jobs if one of these ends the block, tell what was done and note it on the signal.

    A signal that hides behind another error is raised in its stead: a cancelled run has not failed.
    For whoever holds the day's lease: another run's jobs are none of his.
    """
    try:
        yield
    except BaseException as error:
        signal = next((cause for cause in causes(error) if isinstance(cause, signals)), None)
        if signal is None:
            raise
        try:
            with panics_told():
                outcome = stop_day(settings, run_date, now).told
        except Exception as problem:
            outcome = (
                f"its Bedrock jobs could not be stopped ({type(problem).__name__}: {problem}); they stay in the ledger"
            )
        tell(f"Cancelled: {outcome}")
        signal.add_note(outcome)
        if signal is error:
            raise
        raise signal from None


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error, what it was raised from or while handling, and so on.

    A signal may hide there: it comes anywhere, and what it cuts off may fail in its own way as it is left.
    """
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def stop_left(settings: Settings, run_date: date, run_id: str, now: Callable[[], datetime]) -> Stopped | None:
    """Stop what a run left running that was killed before it could; None if another run has had the day since."""
    body = adapters.connect(settings).storage.get(DayPaths(settings, run_date).lease)
    if body is None or Holder.model_validate_json(body).run_id != run_id:
        return None
    try:
        with held(settings.model_copy(update={"lease_wait_s": 0.0}), run_date, run_id):
            return stop_day(settings, run_date, now)
    except DayInUse:
        return None


def stop_day(
    settings: Settings,
    run_date: date,
    now: Callable[[], datetime],
    *,
    wait_s: float = WAIT_S,
) -> Stopped:
    """Stop every job of the day, wait a little for the ends, and book what has ended; doing it again is harmless.

    What Bedrock or the store refuses is told, and the rest is done all the same.

    Raises:
        ModerationError: if the ledger cannot be read.
    """
    stopping = _Stopping(settings, run_date, now)
    stopping.stop_all()
    stopping.await_ends(wait_s)
    return stopping.book()


class _Stopping:
    """The stop of a day's jobs: what Bedrock or the store refuses is put among the problems, and the rest goes on."""

    def __init__(self, settings: Settings, run_date: date, now: Callable[[], datetime]) -> None:
        self._settings, self._paths, self._now = settings, DayPaths(settings, run_date), now
        self._connected = adapters.connect(settings)
        self._clock = self._connected.clock
        self._begun = self._clock.monotonic()
        self._running: list[LedgerEntry] = []
        self._refused: dict[str, str] = {}
        self._problems: list[str] = []
        self._asked_count = 0

    def stop_all(self) -> None:
        """Ask every job to stop, also one that was accepted without this day's ledger knowing; begin no single call."""
        storage = self._connected.storage
        live = [entry for entry in read_ledger(storage, self._paths) if is_live(entry)]
        self._running = [entry for entry in live if entry.mode == "batch" and is_running(entry)]
        self._refused = _stop(self._connected, self._running)
        try:
            for entry in live:
                is_intent = entry.state is EntryState.INTENDED and entry.mode == "batch"
                if is_intent and self._clock.monotonic() - self._begun < _LOOK_FOR_S:
                    accepted = find_accepted(self._connected, self._settings, self._paths, entry, self._now())
                    running = [job for job in accepted if is_running(job)]
                    self._refused |= _stop(self._connected, running)
                    self._running += running
                elif _is_begun_on_demand(self._connected, entry):
                    close_entry(storage, self._paths, entry, self._now(), is_whole=False)
        except ModerationError as error:
            self._problems.append(str(error))
        self._asked_count = len(self._running)

    def await_ends(self, wait_s: float) -> None:
        """Put the ends on record as they are seen, and ask again where a stop was refused."""
        while self._running:
            try:
                jobs = look(self._connected.bedrock, self._running, self._now())
                entries = record_ends(self._connected.storage, self._paths, self._running, jobs)
                self._running = [entry for entry in entries if is_running(entry)]
            except ModerationError as error:
                self._problems.append(str(error))
            if not self._running or self._clock.monotonic() - self._begun >= wait_s:
                break
            self._clock.sleep(_LOOK_AGAIN_S)
            # A job that was taken a moment ago may not be known yet, and a busy Bedrock turns calls away.
            self._refused = _stop(self._connected, [entry for entry in self._running if entry.job_arn in self._refused])

    def book(self) -> Stopped:
        """Book what has ended, and say what came of it all."""
        self._problems += self._refused.values()
        booked_count = 0
        try:
            booked_count = collect_day(self._settings, self._paths, self._now()).job_count
        except ModerationError as error:
            self._problems.append(str(error))
        return Stopped(
            asked_count=self._asked_count,
            running_count=len(self._running),
            booked_count=booked_count,
            problems=tuple(dict.fromkeys(self._problems)),
        )


def _is_begun_on_demand(connected: adapters.Adapters, entry: LedgerEntry) -> bool:
    """Whether single calls have been answered that are not booked."""
    is_open = entry.state is EntryState.INTENDED and entry.mode == "on_demand"
    return is_open and bool(answered_records(connected.storage, entry))


def _stop(connected: adapters.Adapters, entries: Iterable[LedgerEntry]) -> dict[str, str]:
    """Ask for all of these stops at once; what went wrong, by the ARN of each job that was not asked."""

    def stop(job_arn: str) -> str:
        try:
            connected.bedrock.stop_job(job_arn)
        except ModerationError as error:
            return str(error)
        return ""

    arns = [entry.job_arn for entry in entries if entry.job_arn is not None]
    with ThreadPoolExecutor(_STOPPERS) as stoppers:
        return {arn: problem for arn, problem in zip(arns, stoppers.map(stop, arns), strict=True) if problem}
