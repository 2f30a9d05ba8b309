"""Whose a bucket is, for the library that cannot say whose it expects.

boto3 sends the expected owner with each call. Delta Lake's own requests do not, so its bucket is asked for once before.
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from tasks.adapters.aws import Aws, error_code, translated
from tasks.adapters.stores.object_store import StorageRefused
from tasks.base.errors import SettingsInvalid, StorageUnavailable

_DENIED = frozenset({"403", "AccessDenied"})
#: Buckets that were found to be of the account, with it.
_FOUND: set[tuple[str, str]] = set()


def check_owner(aws: Aws, uri: str, owner: str) -> None:
    """Make sure that the bucket of a URI is of the account; what was found is remembered.

    Raises:
        SettingsInvalid: if it is another account's: S3 lists it, but not for this owner.
        StorageRefused, StorageUnavailable: if S3 does not list it at all.
    """
    bucket, _, folder = uri.removeprefix("s3://").partition("/")
    if (bucket, owner) in _FOUND:
        return
    asked = {"Bucket": bucket, "Prefix": f"{folder}/", "MaxKeys": 1}
    with translated(f"list {uri}", StorageUnavailable, StorageRefused):
        try:
            aws.s3.list_objects_v2(**asked, ExpectedBucketOwner=owner)
        except ClientError as error:
            if error_code(error) in _DENIED and _is_listed(aws, asked):
                raise SettingsInvalid(f"MODERATION_BUCKET_OWNER={owner}: s3://{bucket} is another account's") from None
            raise
    _FOUND.add((bucket, owner))


def _is_listed(aws: Aws, asked: dict[str, Any]) -> bool:
    try:
        aws.s3.list_objects_v2(**asked)
    except ClientError:
        return False
    return True
