"""One region, one endpoint and one set of credentials, whatever client asks."""

from __future__ import annotations

from pathlib import Path

import boto3
import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    IncompleteReadError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
)

from sandbox.serve import Sandbox
from tasks import adapters
from tasks.adapters.aws import Aws, AwsEnvironment, aws_environment, error_text, is_transient_error, shared, translated
from tasks.base.errors import SettingsInvalid, StorageUnavailable
from tests.factories import settings

REGIONS = {"variable": "eu-west-1", "default_variable": "us-west-2", "profile": "ap-northeast-1"}
TRANSIENT = [
    "InternalServerException",
    "RequestTimeout",
    "ServiceUnavailableException",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
]


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No AWS variable is set, no profile exists, and no credentials are looked for on the network."""
    for name in AwsEnvironment.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def set_regions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *where: str) -> None:
    if "variable" in where:
        monkeypatch.setenv("AWS_REGION", REGIONS["variable"])
    if "default_variable" in where:
        monkeypatch.setenv("AWS_DEFAULT_REGION", REGIONS["default_variable"])
    if "profile" in where:
        (tmp_path / "config").write_text(f"[default]\nregion = {REGIONS['profile']}\n")


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        pytest.param(("variable", "default_variable", "profile"), "variable", id="AWS_REGION-beats-all"),
        pytest.param(("variable", "profile"), "variable", id="AWS_REGION-beats-the-profile"),
        pytest.param(("default_variable", "profile"), "default_variable", id="AWS_DEFAULT_REGION-beats-the-profile"),
        pytest.param(("profile",), "profile", id="the-profile-alone"),
    ],
)
def test_the_region_is_resolved_once(
    where: tuple[str, ...], expected: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """AWS_REGION, else AWS_DEFAULT_REGION, else the profile: for boto3 and the object stores alike."""
    set_regions(monkeypatch, tmp_path, *where)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    aws = Aws()
    assert aws.region == REGIONS[expected]
    assert {aws.client(service).meta.region_name for service in ("s3", "bedrock")} == {REGIONS[expected]}
    assert aws.object_store_options()["aws_region"] == REGIONS[expected]


def test_an_empty_variable_names_no_region(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS_REGION="" is as good as not set."""
    monkeypatch.setenv("AWS_REGION", "")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert Aws().region == "eu-west-1"


def test_no_region_at_all() -> None:
    """Without a region the settings are wrong, and the text names what to set."""
    with pytest.raises(SettingsInvalid, match="AWS_REGION is not set, and neither AWS_DEFAULT_REGION nor the profile"):
        adapters.connect(settings())


def test_no_credentials_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without credentials the settings are wrong."""
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setattr(boto3.session.Session, "get_credentials", lambda _: None)
    with pytest.raises(SettingsInvalid, match="AWS credentials were not found"):
        Aws().object_store_options()


def test_the_endpoint_is_handed_on(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another S3 than AWS's is another S3 for every library, over plain HTTP only if its URL says so."""
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    aws = Aws()
    options = aws.object_store_options()
    assert (options["aws_endpoint_url"], options["aws_allow_http"]) == (sandbox.s3_url, "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://s3.example.com")
    options = Aws().object_store_options()
    assert (options["aws_endpoint_url"], options["aws_allow_http"]) == ("https://s3.example.com", "false")


def test_the_endpoint_of_one_service_beats_that_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS_ENDPOINT_URL_S3 and AWS_ENDPOINT_URL_BEDROCK beat AWS_ENDPOINT_URL, as in botocore."""
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://all.example.com")
    assert Aws().object_store_options()["aws_endpoint_url"] == "https://all.example.com"
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://s3.example.com")
    assert Aws().object_store_options()["aws_endpoint_url"] == "https://s3.example.com"
    assert Aws().bedrock.meta.endpoint_url == "https://all.example.com"


def test_awss_own_endpoint_is_left_to_the_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    """On AWS no endpoint is set: each library knows the Region's own."""
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    options = Aws().object_store_options()
    assert not options.keys() & {"aws_endpoint_url", "aws_allow_http", "aws_session_token"}
    assert options["aws_conditional_put"] == "etag"


@pytest.mark.parametrize("host", ["bucket.vpce-0a.s3.eu-west-1.vpce.amazonaws.com", "s3-fips.us-east-1.amazonaws.com"])
def test_an_endpoint_of_awss_that_is_not_the_regions_own(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A VPC's or a FIPS endpoint was chosen by somebody, and is handed on."""
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"https://{host}")
    assert Aws().object_store_options()["aws_endpoint_url"] == f"https://{host}"


def test_the_session_token_is_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Temporary credentials come with their token, for the object stores too."""
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "t")
    aws = Aws()
    options = aws.object_store_options()
    assert [options[f"aws_{name}"] for name in ("access_key_id", "secret_access_key", "session_token")] == list("kst")


def test_clients_follow_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients are shared as long as the variables stay, and made anew when one of them changes."""
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "first")
    before = shared(aws_environment())
    assert shared(aws_environment()) is before
    monkeypatch.setenv("AWS_SESSION_TOKEN", "second")
    after = shared(aws_environment())
    assert after is not before
    assert after.object_store_options()["aws_session_token"] == "second"


def test_retries_are_standard(monkeypatch: pytest.MonkeyPatch) -> None:
    """The retry mode is set, since botocore's default differs between versions."""
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    retries = Aws().client("bedrock", attempts=3).meta.config.retries
    assert (retries["mode"], retries["total_max_attempts"]) == ("standard", 3)


def client_error(code: str, status: int = 400) -> ClientError:
    error = {"Error": {"Code": code, "Message": "first\nsecond"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(error, "PutObject")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        *(pytest.param(client_error(code), True, id=code) for code in TRANSIENT),
        pytest.param(client_error("Unheard", 500), True, id="any-500"),
        pytest.param(client_error("Unheard", 503), True, id="any-503"),
        pytest.param(client_error("Unheard", 499), False, id="any-499"),
        pytest.param(client_error("AccessDenied", 403), False, id="AccessDenied"),
        pytest.param(client_error("ValidationException"), False, id="ValidationException"),
        pytest.param(client_error("ExpiredToken"), False, id="ExpiredToken"),
        pytest.param(EndpointConnectionError(endpoint_url="http://x"), True, id="no-connection"),
        pytest.param(ConnectTimeoutError(endpoint_url="http://x"), True, id="connect-time-out"),
        pytest.param(ReadTimeoutError(endpoint_url="http://x"), True, id="read-time-out"),
        pytest.param(IncompleteReadError(actual_bytes=1, expected_bytes=2), True, id="broken-off"),
        pytest.param(NoCredentialsError(), False, id="no-credentials"),
        pytest.param(ParamValidationError(report="min value: 24"), False, id="wrong-parameter"),
        pytest.param(BotoCoreError(), False, id="anything-else"),
    ],
)
def test_what_may_pass_by_itself(error: Exception, expected: bool) -> None:
    """Throttling, 5xx and the wire may pass; what is wrong with the call or the account stays."""
    assert is_transient_error(error) is expected


def test_an_error_is_one_line() -> None:
    """The first line of AWS's message, with its code: further ones may repeat what was signed."""
    assert error_text(client_error("SlowDown")) == "SlowDown: first"
    with (
        pytest.raises(StorageUnavailable, match=r"^read x: SlowDown: first$"),
        translated("read x", StorageUnavailable, SettingsInvalid),
    ):
        raise client_error("SlowDown")
