"""A night whose parts are worked on by the workers of a Dask cluster, in processes of their own, some of which die."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest
from distributed import LocalCluster, WorkerPlugin
from prefect import flow

from data_contracts.documents.summary import Night
from flows.nightly import nightly
from flows.workers.cluster import Cluster
from sandbox.days import sample_day
from sandbox.serve import Sandbox
from tasks.base.errors import WorkersLost
from tests.prefect_site import RUN_DATE, Site, open_site

#: Of the parts that are done, those whose worker dies before it has told anybody: a shard that was written, and, with
#: three shards and that one again, a job whose answers were.
DEADLY = (0, 4)


class Dies(WorkerPlugin):
    """Counts the parts that are done in files of a folder, and ends a worker at some."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def transition(self, key: Any, start: str, finish: str, **_: Any) -> None:
        """See WorkerPlugin."""
        if start == "executing" and str(key).startswith("do_part"):
            for number in count():
                with suppress(FileExistsError):
                    (self._folder / str(number)).touch(exist_ok=False)
                    break
            if number in DEADLY:
                os._exit(9)


class Both(NamedTuple):
    """The verdicts of one day from this machine alone, and from a cluster, with the site that the latter left."""

    here: pl.DataFrame
    jobs_here: int
    there: pl.DataFrame
    night: Night
    site: Site
    counted: Path


def played(site: Site) -> Night:
    """The night of a day that makes three jobs."""
    site.put_day(sample_day(RUN_DATE))
    night: Night | None = nightly(run_date=RUN_DATE)
    assert night is not None
    return night


def workers(how_many: int) -> Any:
    """A cluster of this machine's, each worker a process with one thread."""
    new: Any = LocalCluster
    return new(n_workers=how_many, threads_per_worker=1, host="127.0.0.1", dashboard_address=None)


@pytest.fixture(scope="module")
def both(served: Sandbox, prefect_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """The same day, played twice."""
    counted = tmp_path_factory.mktemp("parts")
    with pytest.MonkeyPatch.context() as environment:
        site = open_site(served, environment)
        environment.setenv("MODERATION_MAX_SHARD_RECORDS", "110")
        environment.setenv("DASK_LOGGING__DISTRIBUTED", "error")
        played(site)
        here, jobs_here = site.read("verdicts"), site.created_jobs()
        open_site(served, environment)
        with workers(2) as cluster:
            with cluster.get_client() as client:
                client.register_plugin(Dies(counted))
            environment.setenv("MODERATION_DASK_ADDRESS", cluster.scheduler_address)
            night = played(site)
        yield Both(here, jobs_here, site.read("verdicts"), night, site, counted)


def test_verdicts_are_those_of_one_machine(both: Both) -> None:
    """Row for row, but for what names the run, its moment and its job."""
    own = ("run_id", "decided_at", "batch_job_arn")
    here, there = (frame.drop(own).sort("comment_id") for frame in (both.here, both.there))
    assert here.height > 300
    assert here.equals(there)


def test_a_worker_that_dies_costs_no_money(both: Both) -> None:
    """Its part is worked on again by another, though it had written what it was to write; no record is asked twice."""
    assert all((both.counted / str(number)).exists() for number in DEADLY)
    assert set(both.site.bedrock.paid_records.values()) == {1}
    assert both.site.created_jobs() == both.jobs_here > 1
    assert both.night.balance.unattributed_cost_usd == 0


def double(number: int) -> int:
    """A part."""
    return 2 * number


def test_a_cluster_that_is_not_there_is_worth_another_try(prefect_server: str) -> None:
    """No scheduler at the address: a transient error that names it."""

    @flow(name="nobody")
    def asks_nobody() -> list[tuple[int, int]]:
        return list(Cluster("tcp://127.0.0.1:9", scheduler_s=1).work(double, [1, 2]))

    with pytest.raises(WorkersLost, match=r"tcp://127.0.0.1:9"):
        asks_nobody()
