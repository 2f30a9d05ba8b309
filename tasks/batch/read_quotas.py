"""Before Bedrock is asked: how many jobs the account may have in flight, and how large they may be."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from data_contracts.documents.plan import Plan
from tasks import adapters
from tasks.base.ports import FactUnavailable
from tasks.base.settings import Settings
from tasks.base.stage import single_stage


class Quotas(BaseModel):
    """What the account may have; None where Service Quotas did not say it."""

    model_config = ConfigDict(frozen=True)

    jobs_in_flight: int | None = None
    records: int | None = None
    size_bytes: int | None = None
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

    def most_records(self, settings: Settings) -> int:
        """Records of a shard: what the settings and the account allow, but never less than a job takes."""
        allowed = settings.max_shard_records if self.records is None else self.records
        return max(settings.min_job_records, min(settings.max_shard_records, allowed))

    def most_bytes(self, settings: Settings) -> int:
        """Bytes of a shard: what the settings and the account allow; a size of none is a quota that is not meant."""
        return min(settings.max_shard_bytes, self.size_bytes or settings.max_shard_bytes)


@single_stage
def read_quotas(settings: Settings, plan: Plan) -> Quotas:
    """Ask once a night; a night that gets no answer goes on with MAX_JOBS_IN_FLIGHT.

    Reads: Service Quotas.
    Writes: nothing.
    Stops when: never; without an answer MAX_JOBS_IN_FLIGHT holds.
    """
    try:
        return Quotas(**adapters.connect(settings).quotas.batch_quotas(plan.model_id).model_dump())
    except FactUnavailable as error:
        most = settings.max_jobs_in_flight
        return Quotas(warnings=(f"{error}; the night goes on with MODERATION_MAX_JOBS_IN_FLIGHT={most}",))
