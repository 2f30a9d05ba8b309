"""How samples are drawn so that a day drawn again is the same: by a keyed hash of each comment's id, never at random.

Who does not know the key cannot tell which comments people will look at.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from datetime import date
from hashlib import blake2b, sha256

import numpy as np
import numpy.typing as npt

from tasks.adapters.storage import Storage
from tasks.base.errors import StorageUnavailable
from tasks.base.paths import salt_file
from tasks.base.settings import Settings

_SALT_BYTES = 32


def sampling_salt(storage: Storage, settings: Settings) -> bytes:
    """The deployment's salt: SAMPLING_SALT, else a random one that is written once for all nights to come.

    Raises:
        StorageUnavailable: if the stored one is not there or cannot be read right after it was written.
    """
    if settings.sampling_salt is not None:
        return settings.sampling_salt.get_secret_value().encode()
    uri = salt_file(settings)
    body = storage.get(uri)
    if body is None:
        storage.put_if_absent(uri, json.dumps({"salt": secrets.token_hex(_SALT_BYTES)}).encode())
        body = storage.get(uri)  # another run may have been first: its salt is everybody's
    try:
        return str(json.loads(body or b"")["salt"]).encode()
    except (ValueError, KeyError, TypeError):
        raise StorageUnavailable(f"{uri} holds no salt") from None


def sample_hashes(salt: bytes, use: str, run_date: date, comment_ids: Iterable[str]) -> npt.NDArray[np.uint64]:
    """A number from 0 to 2^64 - 1 for each comment: whoever takes the lowest n of a set has drawn n of it evenly.

    Args:
        salt: of the deployment.
        use: what is drawn; the draws of two uses are independent.
        run_date: the comments' day.
        comment_ids: any ids.
    """
    key = sha256(b"\0".join((salt, use.encode(), str(run_date).encode()))).digest()
    hashes = b"".join(blake2b(name.encode(), digest_size=8, key=key).digest() for name in comment_ids)
    return np.frombuffer(hashes, dtype=">u8").astype(np.uint64)
