"""Before the work: whether the buckets can be worked in, and how long the model lives.

Bedrock takes a job whose output it could not write, or whose model ends next week, and a bucket that is closed would be
noticed hours after the day was read. Each of these looks is off by a setting, and only a clear "no" stops the night:
where an answer is not to be had, one warning says so and the night goes on.
"""

from __future__ import annotations

from datetime import datetime

from data_contracts.documents.plan import Plan
from data_contracts.documents.preflight import Preflight
from tasks.adapters import Adapters
from tasks.adapters.storage import Storage, StorageRefused
from tasks.base.errors import StorageUnavailable
from tasks.base.paths import RunPaths
from tasks.base.ports import FactUnavailable
from tasks.base.settings import Settings
from tasks.base.stage import stage
from tasks.ledger.run import Run
from tasks.ledger.run_records import write_preflight
from tasks.watch.model_life import describe_ending, find_ending, tell_ending


def check_model(outside: Adapters, paths: RunPaths, plan: Plan, now: datetime, *, is_quiet: bool) -> Preflight:
    """How long the model lives; every channel hears of its end, once a step."""
    try:
        life = outside.models.lifecycle(plan.priced_model_id)
    except FactUnavailable as error:
        return Preflight(lifecycle="unknown", warnings=(f"{error}; how long the model lives is unknown",))
    ending = find_ending(life, now.astimezone(paths.settings.zone).date())
    if ending is None:
        return Preflight(lifecycle="active")
    sentence = describe_ending(ending, plan.priced_model_id)
    if is_quiet:
        return Preflight(lifecycle=ending.step, ending=sentence, warnings=(sentence,))
    delivery = tell_ending(ending, paths, plan.priced_model_id, outside, now)
    undelivered = tuple(f"not told: {fault}" for fault in delivery.failed)
    return Preflight(lifecycle=ending.step, ending=sentence, told=delivery.delivered, warnings=(sentence, *undelivered))


@stage
def preflight(settings: Settings, plan: Plan, now: datetime, *, is_quiet: bool = False) -> Preflight:
    """Look, before the day's rows are read; a day without rows needs no look, and looking twice is harmless.

    Reads: both own roots, the listing of comments/, the model's life.
    Writes: preflight.json; two probes, deleted again; the alert that the model ends.
    Stops when: a root is closed (StorageRefused).
    """
    run = Run.of(settings, plan)
    if not plan.row_count:
        return Preflight()
    reach = check_reach(run.storage, run.paths) if settings.preflight_buckets else ()
    life = Preflight()
    if settings.preflight_lifecycle:
        life = check_model(run.outside, run.paths, plan, now, is_quiet=is_quiet)
    looked = life.model_copy(update={"warnings": (*reach, *life.warnings)})
    write_preflight(run.storage, run.paths, looked)
    return looked


_SWITCH = "MODERATION_PREFLIGHT_BUCKETS=false goes without this look"


def check_reach(storage: Storage, paths: RunPaths) -> tuple[str, ...]:
    """Write, read and delete a probe below both own roots, and list the comments; what could not be seen is returned.

    Below the root of lease and ledger, writes whose condition does not hold are tried as well.

    Raises:
        StorageRefused: if a root is clearly closed, with what to grant; if a store takes no notice of conditions.
    """
    warnings = []
    for name, uri in zip(("OUTPUT_URI", "BATCH_URI"), paths.probes, strict=True):
        root = uri.rsplit("/", 1)[0]
        try:
            storage.put(uri, paths.run_id.encode())
            body = storage.get(uri)
            ignored = _ignored_condition(storage, uri) if name == "OUTPUT_URI" else ""
            storage.delete([uri])
        except StorageRefused as error:
            raise StorageRefused(
                f"{error}: nothing was submitted; grant s3:PutObject, s3:GetObject and s3:DeleteObject below "
                f"MODERATION_{name}, and the use of its KMS key if it has one ({_SWITCH})"
            ) from None
        except StorageUnavailable as error:
            warnings.append(f"{error}: whether MODERATION_{name} can be worked in was not seen")
        else:
            if body != paths.run_id.encode():
                warnings.append(f"a probe below {root} did not come back as it was written")
            elif ignored:
                raise StorageRefused(
                    f"write {uri}: the store took a write whose condition ({ignored}) did not hold: nothing was "
                    f"submitted; lease and ledger below MODERATION_{name} rest on S3's conditional writes: without "
                    f"them two runs could pay for one day ({_SWITCH})"
                )
    try:
        storage.list(paths.comments)
    except StorageRefused as error:
        raise StorageRefused(
            f"{error}: nothing was submitted; grant s3:ListBucket on the bucket of MODERATION_COMMENTS_URI ({_SWITCH})"
        ) from None
    except StorageUnavailable as error:
        warnings.append(str(error))
    return tuple(warnings)


def _ignored_condition(storage: Storage, uri: str) -> str:
    """The condition that the store does not look at, by writes over a probe that must not go through; "" if none.

    Some stores that speak S3 take no notice of a header that they do not know.
    """
    if storage.put_if_absent(uri, b"written over what was there"):
        return "If-None-Match"
    return "If-Match" if storage.put_if_match(uri, b"written over another version", "0" * 32) else ""
