"""Whether the buckets can be worked in, before a job is paid for that could not be read."""

from __future__ import annotations

from tasks.adapters.storage import Storage, StorageRefused
from tasks.errors import StorageUnavailable
from tasks.paths import RunPaths

_SWITCH = "MODERATION_PREFLIGHT_BUCKETS=false goes without this look"


def check_reach(storage: Storage, paths: RunPaths) -> tuple[str, ...]:
    """Write, read and delete a probe below both own roots, and list the comments; what could not be told is returned.

    Raises:
        StorageRefused: if a root is clearly closed, with what to grant.
    """
    warnings = []
    for name, uri in zip(("OUTPUT_URI", "BATCH_URI"), paths.probes, strict=True):
        root = uri.rsplit("/", 1)[0]
        try:
            storage.put(uri, paths.run_id.encode())
            found = storage.get(uri)
            storage.delete([uri])
        except StorageRefused as error:
            raise StorageRefused(
                f"{error}: nothing was submitted; grant s3:PutObject, s3:GetObject and s3:DeleteObject below "
                f"MODERATION_{name}, and the use of its KMS key if it has one ({_SWITCH})"
            ) from None
        except StorageUnavailable as error:
            warnings.append(f"{error}: whether MODERATION_{name} can be worked in was not seen")
        else:
            if found != paths.run_id.encode():
                warnings.append(f"a probe below {root} did not come back as it was written")
    try:
        storage.list(paths.comments)
    except StorageRefused as error:
        raise StorageRefused(
            f"{error}: nothing was submitted; grant s3:ListBucket on the bucket of MODERATION_COMMENTS_URI ({_SWITCH})"
        ) from None
    except StorageUnavailable as error:
        warnings.append(str(error))
    return tuple(warnings)
