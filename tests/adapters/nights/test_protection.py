"""The KMS key and the expected bucket owner reach every write of ours and Bedrock's job."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from sandbox.month import fill
from sandbox.play import play_night
from sandbox.serve import Sandbox
from tasks import adapters
from tasks.base.settings import Settings

DAY = date(2026, 11, 19)
KEY = "arn:aws:kms:ap-northeast-1:123456789012:key/0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f"
OWNER = "123456789012"


@pytest.fixture
def settings(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A protected site with one night played."""
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    settings = Settings.load(kms_key_id=KEY, bucket_owner=OWNER)
    fill(sandbox, [DAY])
    play_night(settings, DAY, "run", lambda: datetime(2026, 11, 20, tzinfo=UTC))
    return settings


def test_everything_we_write_is_encrypted_with_the_key(settings: Settings, sandbox: Sandbox) -> None:
    """Every object below OUTPUT_URI, the lake's included, and our batch input carry the key."""
    storage = adapters.connect(settings).storage
    ours = [item.uri for item in storage.list(settings.output_uri)]
    ours += [item.uri for item in storage.list(settings.batch_uri) if item.uri.endswith(".jsonl")]
    assert len(ours) > 10
    for uri in ours:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        assert sandbox.s3.head_object(Bucket=bucket, Key=key).get("SSEKMSKeyId") == KEY, uri


def test_bedrock_is_told_the_key_and_the_owner(settings: Settings, sandbox: Sandbox) -> None:
    """The job's output is encrypted with the key, and its buckets must be ours."""
    (call,) = sandbox.bedrock.calls_of("CreateModelInvocationJob")
    output = call.parameters["outputDataConfig"]["s3OutputDataConfig"]
    assert output["s3EncryptionKeyId"] == KEY
    assert output["s3BucketOwner"] == OWNER
    assert call.parameters["inputDataConfig"]["s3InputDataConfig"]["s3BucketOwner"] == OWNER
