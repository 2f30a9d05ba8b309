"""A flow run that Prefect starts again after a crash."""

from __future__ import annotations

import pytest
from prefect import flow

from data_contracts.documents.summary import Night
from flows.night import MOST_STARTS, NightOptions
from flows.nightly import run_night
from sandbox.days import sample_day
from tasks.base.errors import StartedTooOften
from tasks.base.settings import Settings
from tests.prefect_site import RUN_DATE, Site


@flow
def started(start_count: int) -> Night | None:
    """The day's judging in its start number N."""
    return run_night(Settings.load(), RUN_DATE, f"run-{start_count}", NightOptions(start_count=start_count))


def test_a_night_that_crashes_every_time_is_not_started_for_ever(site: Site) -> None:
    """One start too many stops with a reason before anything is asked or paid; the last one allowed is a night."""
    site.put_day(sample_day(RUN_DATE))
    with pytest.raises(StartedTooOften, match="start a new run of the day"):
        started(MOST_STARTS + 1)
    assert site.created_jobs() == 0
    night = started(MOST_STARTS)
    assert night is not None
    assert night.run_date == str(RUN_DATE)
