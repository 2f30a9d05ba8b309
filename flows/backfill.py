"""Runs the nightly for each of several days, oldest first."""

from __future__ import annotations

from datetime import date, timedelta

from prefect import flow, get_run_logger

from flows.nightly import nightly
from tasks.describe import describe_failure
from tasks.errors import BackfillIncomplete, WrongUsage


@flow(name="backfill", flow_run_name="backfill-{start_date}-{end_date}", persist_result=False)
def backfill(start_date: date, end_date: date) -> str:
    """Judge every day from start to end; a day that stops does not keep the others from running.

    Args:
        start_date: The first local day.
        end_date: The last local day, included.
    """
    if end_date < start_date:
        raise WrongUsage(f"end_date {end_date} lies before start_date {start_date}")
    days = [start_date + timedelta(days=number) for number in range((end_date - start_date).days + 1)]
    stopped: dict[date, str] = {}
    for day in days:
        try:
            nightly(run_date=day, is_quiet=True)
        except Exception as error:
            stopped[day] = describe_failure(error)[1]
            get_run_logger().error("%s stopped: %s", day, stopped[day])
    if stopped:
        first, reason = next(iter(stopped.items()))
        raise BackfillIncomplete(f"{len(stopped)} of {len(days)} days stopped, the first is {first}: {reason}")
    return f"{len(days)} days published"
