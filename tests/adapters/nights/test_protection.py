"""The KMS key and the expected bucket owner reach every write of ours and Bedrock's job."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from typer.testing import CliRunner

from data_contracts.tables.verdicts import NIGHTS
from flows.__main__ import app
from flows.command_line import last_words
from sandbox.month import fill
from sandbox.play import play_night
from sandbox.serve import Sandbox
from tasks import adapters
from tasks.adapters.storage import StorageRefused
from tasks.base.errors import SettingsInvalid
from tasks.base.settings import Settings
from tests.wire import Reply, Wire

pytestmark = pytest.mark.usefixtures("without_expectations")

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


def test_a_bucket_of_another_account_is_read_by_nobody(
    settings: Settings, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Delta Lake's own calls cannot say whose bucket they expect: it is asked for before, and `restore` is exit 2."""
    monkeypatch.setenv("MODERATION_BUCKET_OWNER", "999999999999")
    last_words.clear()
    done = CliRunner().invoke(app, ["restore", "--date", str(DAY)])
    assert (done.exit_code, done.output) == (2, "")
    said = "MODERATION_BUCKET_OWNER=999999999999: s3://moderation-output is another account's"
    assert last_words == [f"restore {DAY}: {said}"]
    last_words.clear()
    strangers = settings.model_copy(update={"bucket_owner": "999999999999"})
    for uri in (f"{settings.output_uri}/lake/nights", f"{settings.output_uri}/lake/absent"):
        with pytest.raises(SettingsInvalid, match="is another account's"):
            adapters.connect(strangers).lake.scan(uri, NIGHTS)
    assert adapters.connect(settings).lake.scan(f"{settings.output_uri}/lake/nights", NIGHTS).collect().height == 1


def test_a_bucket_that_nobody_may_list_is_not_called_another_accounts(sandbox: Sandbox, settings: Settings) -> None:
    """What S3 refuses in any case is told in its own words."""
    with Wire(sandbox.s3_url).served() as wire, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_S3", wire.url)
        wire.fates.extend([Reply(403, "<Error><Code>AccessDenied</Code><Message>no</Message></Error>")] * 2)
        strangers = settings.model_copy(update={"bucket_owner": "999999999999"})
        with pytest.raises(StorageRefused, match="AccessDenied: no"):
            adapters.connect(strangers).lake.scan(f"{settings.output_uri}/lake/nights", NIGHTS)
