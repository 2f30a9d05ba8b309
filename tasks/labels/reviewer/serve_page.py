"""The reviewer's page for one rater, ready to be opened: what waits is known, and the port is bound."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from tasks import adapters
from tasks.adapters.lake import reading_lake
from tasks.base.errors import WrongUsage
from tasks.base.paths import DayPaths
from tasks.base.settings import Settings
from tasks.labels.reviewer.desk import Desk
from tasks.labels.reviewer.guideline import read_guideline
from tasks.labels.reviewer.loopback import LoopbackServer
from tasks.labels.reviewer.review_day import ReviewDay, requests_by_day
from tasks.labels.reviewer.review_queue import Progress
from tasks.labels.reviewer.stored_queue import StoredQueue
from tasks.ledger.champion import serving
from tasks.llm.prompt import load_prompt
from tasks.measure.metric_history import LABEL_DAYS

#: Longest name of a rater.
MAX_RATER_CHARS = 64


class ReviewCall(NamedTuple):
    """What the command was asked.

    Attributes:
        rater: who answers; the labels bear this name.
        run_date: the only day to be asked about; None for every day whose labels still count by themselves.
        port: of 127.0.0.1; 0 for any free one.
        break_after: answers until the page asks for a break; 0 for never.
        settle_first: whether what others disagree on comes first.
    """

    rater: str
    run_date: date | None = None
    port: int = 0
    break_after: int = 0
    settle_first: bool = False


class ReviewPage(NamedTuple):
    """A page that is ready: nobody is answered before `server.run`."""

    server: LoopbackServer
    queue: StoredQueue

    def progress(self) -> Progress:
        """How far the rater has come."""
        return self.queue.progress()


def serve_page(
    settings: Settings, call: ReviewCall, now: Callable[[], datetime], tell: Callable[[str], None]
) -> ReviewPage:
    """Make one rater's page.

    Reads: lake/label_requests, the labels of their days; later the days' comments, lake/verdicts.
    Writes: nothing now; at each answer labels/date=D/review-RATER.parquet.

    Args:
        settings: of the deployment.
        call: what is wanted.
        now: the time.
        tell: takes lines for the terminal.

    Raises:
        WrongUsage: if the rater's name or the port cannot be used, or no label is asked for.
        PromptInvalid: if the catalog does not have the prompt that raters judge by.
    """
    named = serving(settings)
    prompt = load_prompt(named.prompt, named.prompt_version)
    queue = rater_queue(settings, call, now, tell)
    desk = Desk(queue, read_guideline(prompt), prompt.categories, now, call.break_after)
    return ReviewPage(LoopbackServer(desk, settings.language, call.rater.strip(), tell, call.port), queue)


def rater_queue(
    settings: Settings, call: ReviewCall, now: Callable[[], datetime], tell: Callable[[str], None]
) -> StoredQueue:
    """What waits for the rater; see `serve_page`."""
    rater, zone = call.rater.strip(), ZoneInfo(settings.timezone)
    if not rater or len(rater) > MAX_RATER_CHARS or not rater.isprintable():
        raise WrongUsage(f"--rater must be a name of 1 to {MAX_RATER_CHARS} visible characters")
    outside, today = adapters.connect(settings), now().astimezone(zone).date()
    first = call.run_date or today - timedelta(days=LABEL_DAYS)
    with reading_lake():
        asked = requests_by_day(outside, DayPaths(settings, first), call.run_date or today)
        if not asked:
            raise WrongUsage(f"no labels are asked for {f'of {first}' if call.run_date else f'since {first}'}")
        days = [ReviewDay(outside, DayPaths(settings, day), requests, rater) for day, requests in asked.items()]
    return StoredQueue(days, now, zone, tell, settle_first=call.settle_first)


def describe_progress(progress: Progress, rater: str) -> str:
    """One line for the terminal."""
    settle = f", {progress.dispute_count} of them to settle" if progress.dispute_count else ""
    unsure = f", {progress.unsure_count} of them unsure" if progress.unsure_count else ""
    left, today = f"{progress.left_count} left{settle}", f"{progress.answered_count} answered today{unsure}"
    return f"{rater.strip()}: {left}; {today}"
