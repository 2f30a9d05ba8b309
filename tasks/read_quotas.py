"""Before Bedrock is asked: how many jobs the account may have in flight."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE
from pydantic import BaseModel, ConfigDict

from tasks import adapters
from tasks.ingest import Plan
from tasks.ports import FactUnavailable
from tasks.settings import Settings


class Quotas(BaseModel):
    """What the account may have; None where Service Quotas did not say it."""

    model_config = ConfigDict(frozen=True)

    jobs_in_flight: int | None = None
    warnings: tuple[str, ...] = ()

    def most_jobs(self, settings: Settings) -> int:
        """Jobs of a day that may be in flight.

        The jobs of other days, and of other programs, count for the account too: for them Bedrock's own
        ServiceQuotaExceededException makes a shard wait. At least one is tried, whatever the quota says: Bedrock then
        says itself what is wrong.
        """
        if self.jobs_in_flight is None:
            return settings.max_jobs_in_flight
        return max(1, min(settings.max_jobs_in_flight, self.jobs_in_flight))


@task(cache_policy=NO_CACHE)
def read_quotas(settings: Settings, plan: Plan) -> Quotas:
    """Ask once a night; a night that is not told goes on with MAX_JOBS_IN_FLIGHT."""
    try:
        return Quotas(jobs_in_flight=adapters.connect(settings).quotas.jobs_in_flight(plan.model_id))
    except FactUnavailable as error:
        most = settings.max_jobs_in_flight
        return Quotas(warnings=(f"{error}; the night goes on with MODERATION_MAX_JOBS_IN_FLIGHT={most}",))
