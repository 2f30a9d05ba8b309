"""One backfill of a Prefect server works at a time; the others wait for its slot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from prefect import get_run_logger
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
from prefect.concurrency.sync import concurrency
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

#: Name of the slot on the UI's page Concurrency, which shows whether it is taken.
SLOT = "moderation-backfill"
#: Seconds after which a run that has died gives the slot back; renewed at three quarters of it.
_LEASE_S = 60.0


@contextmanager
def one_backfill() -> Iterator[None]:
    """Hold the slot for the block, pauses included, after waiting for it as long as it takes.

    Not the deployment's own concurrency limit: Prefect frees that as soon as a run pauses, has the run renew it all
    the same, and ends the run minutes later because that fails.
    Source: prefect 3.9.1, ReleaseFlowConcurrencySlots (core_policy.py) and maintain_concurrency_lease (flow_engine.py).
    """
    if _is_taken():
        told = "another backfill is at work, or waits for an answer: this one goes on when that has ended (slot %s)"
        get_run_logger().info(told, SLOT)
    with concurrency(SLOT, lease_duration=_LEASE_S, raise_on_lease_renewal_failure=False):
        yield


def _is_taken() -> bool:
    """Whether somebody has the slot; it is made where there is none yet."""
    with get_client(sync_client=True) as client:
        try:
            limit = client.read_global_concurrency_limit_by_name(SLOT)
        except ObjectNotFound:
            with suppress(ObjectAlreadyExists):  # by another backfill, just now
                client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=SLOT, limit=1))
            return False
    return limit.active_slots >= limit.limit
