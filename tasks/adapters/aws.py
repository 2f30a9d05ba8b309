"""AWS clients: one region, explicit retries, time limits on every call, and botocore's errors in our words."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    MetadataRetrievalError,
    ParamValidationError,
)
from botocore.exceptions import ConnectionError as BotoConnectionError
from botocore.parsers import ResponseParserError
from botocore.utils import parse_timestamp
from pydantic import SecretStr
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from tasks.base.errors import ModerationError, SettingsInvalid

#: Error codes that may pass by themselves. Source: botocore/retries/standard.py and the Bedrock API reference.
TRANSIENT_CODES = frozenset(
    {
        "InternalError",
        "InternalFailure",
        "InternalServerException",
        "ModelNotReadyException",
        "OperationAborted",
        "PriorRequestNotComplete",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)


#: Those of them that turn a call away before anything is done for it.
THROTTLING_CODES = frozenset(
    {"ModelNotReadyException", "SlowDown", "Throttling", "ThrottlingException", "TooManyRequestsException"}
)

#: Their DEBUG lines repeat every request's headers, the session token among them.
for _talkative in ("botocore", "boto3"):
    logging.getLogger(_talkative).setLevel(logging.WARNING)

#: What botocore resolves where no endpoint is set; any other (a VPC's, MinIO, the sandbox) somebody chose.
_REGIONS_OWN_S3 = re.compile(r"https://s3\.([a-z0-9-]+\.)?amazonaws\.com(\.cn)?")

#: botocore's own errors that may pass: the wire, and the service that hands out credentials. All others (a parameter
#: that no service would take, no credentials at all) stay.
TRANSIENT_ERRORS = (
    BotoConnectionError,
    CredentialRetrievalError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    MetadataRetrievalError,
)


class AwsEnvironment(BaseSettings):
    """The variables that decide where AWS is and who asks: as long as they stay, one set of clients serves.

    boto3 reads AWS_DEFAULT_REGION alone; every other AWS tool puts AWS_REGION first.
    """

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)
    aws_region: str | None = None
    aws_default_region: str | None = None
    aws_profile: str | None = None
    aws_config_file: str | None = None
    aws_shared_credentials_file: str | None = None
    aws_access_key_id: str | None = None
    aws_secret_access_key: SecretStr | None = None
    aws_session_token: SecretStr | None = None
    aws_endpoint_url: str | None = None
    aws_endpoint_url_s3: str | None = None
    aws_endpoint_url_bedrock: str | None = None
    aws_endpoint_url_bedrock_runtime: str | None = None
    aws_endpoint_url_cloudwatch: str | None = None
    aws_endpoint_url_service_quotas: str | None = None
    aws_endpoint_url_sns: str | None = None


def aws_environment() -> AwsEnvironment:
    """The variables as they are now: parsing them costs milliseconds, each stage connects, and they seldom change."""
    variables = EnvSettingsSource(AwsEnvironment).env_vars
    return _parsed(tuple(variables.get(name) for name in AwsEnvironment.model_fields))


@lru_cache(maxsize=4)
def _parsed(values: tuple[str | None, ...]) -> AwsEnvironment:
    return AwsEnvironment()


def _parse_time(value: str | float) -> datetime:
    """A time in an answer: botocore's own parser takes longer over the times of a listing than S3 over the listing."""
    if isinstance(value, str) and value.endswith("Z"):
        with suppress(ValueError):
            return datetime.fromisoformat(value)
    parsed: datetime = parse_timestamp(value)
    return parsed


class Aws:
    """One session: the region is resolved once and handed to every client."""

    def __init__(self, env: AwsEnvironment | None = None) -> None:
        env = env or AwsEnvironment()
        core = botocore.session.Session()
        core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_parse_time)
        self.session = boto3.session.Session(botocore_session=core)
        region = env.aws_region or env.aws_default_region or self.session.region_name
        if region is None:
            raise SettingsInvalid("AWS_REGION is not set, and neither AWS_DEFAULT_REGION nor the profile names one")
        self.region: str = region

    def client(self, service: str, *, attempts: int = 5, read_timeout_s: int = 60) -> Any:
        """A client with `standard` retries: botocore's default mode differs between 1.43 and 1.44."""
        return self.client_in(self.region, service, attempts=attempts, read_timeout_s=read_timeout_s)

    def client_in(
        self, region: str, service: str, *, attempts: int, read_timeout_s: float, connect_timeout_s: float = 10
    ) -> Any:
        """The same in another region, for what has a region of its own; or with little patience."""
        return self.session.client(
            service,
            region_name=region,
            config=Config(
                retries={"mode": "standard", "total_max_attempts": attempts},
                connect_timeout=connect_timeout_s,
                read_timeout=read_timeout_s,
                tcp_keepalive=True,
            ),
        )

    @cached_property
    def s3(self) -> Any:
        """The S3 client."""
        return self.client("s3")

    @cached_property
    def bedrock_runtime(self) -> Any:
        """The client of Bedrock's models. A model may think for minutes, and a retry after a time-out is paid again."""
        return self.client("bedrock-runtime", read_timeout_s=300)

    def bedrock_runtime_once(self, limit_s: float) -> Any:
        """Bedrock's models for one try that is given up when no answer has come by then."""
        return self.client_in(self.region, "bedrock-runtime", attempts=1, read_timeout_s=limit_s)

    @cached_property
    def bedrock(self) -> Any:
        """The client of Bedrock's control plane, where batch jobs live."""
        return self.client("bedrock")

    @cached_property
    def bedrock_agent_runtime(self) -> Any:
        """The client of what Bedrock offers beside models: it rewrites prompts. A try that was cut off is paid for."""
        return self.client("bedrock-agent-runtime", attempts=1, read_timeout_s=300)

    @cached_property
    def bedrock_runtime_in_haste(self) -> Any:
        """Bedrock's models for what is nice to know: one try within five seconds."""
        return self._in_haste("bedrock-runtime")

    @cached_property
    def bedrock_in_haste(self) -> Any:
        """Bedrock's control plane for what is nice to know: one try within five seconds."""
        return self._in_haste("bedrock")

    def _in_haste(self, service: str) -> Any:
        return self.client_in(self.region, service, attempts=1, read_timeout_s=3, connect_timeout_s=1.5)

    def object_store_options(self) -> dict[str, str]:
        """`storage_options` for polars and deltalake, which do not read botocore's profile or endpoint variables.

        Credentials are frozen as they are now, so ask again for every scan or commit.

        Raises:
            SettingsInvalid: if the default credential chain finds none.
        """
        credentials = self.session.get_credentials()
        if credentials is None:
            raise SettingsInvalid("AWS credentials were not found by the default credential chain")
        frozen = credentials.get_frozen_credentials()
        options = {
            "aws_region": self.region,
            "aws_access_key_id": frozen.access_key,
            "aws_secret_access_key": frozen.secret_key,
            # S3's own compare-and-swap: two commits of one version have one winner, without a lock table
            "aws_conditional_put": "etag",
        }
        if frozen.token:
            options["aws_session_token"] = frozen.token
        endpoint: str = self.s3.meta.endpoint_url
        if not _REGIONS_OWN_S3.fullmatch(endpoint):
            options["aws_endpoint_url"] = endpoint
            options["aws_allow_http"] = str(endpoint.startswith("http://")).lower()
        return options


@lru_cache(maxsize=4)
def shared(env: AwsEnvironment) -> Aws:
    """The process's clients for an environment: making one costs a tenth of a second, and each stage connects."""
    return Aws(env)


def error_code(error: ClientError) -> str:
    """AWS's name of the error."""
    return str(error.response.get("Error", {}).get("Code", ""))


def error_text(error: Exception) -> str:
    """The first line of AWS's message: further lines of a signature error repeat the signed headers, and with them the
    session token."""
    if isinstance(error, ClientError):
        return f"{error_code(error)}: {_first_line(error.response.get('Error', {}).get('Message', ''))}"
    # Which parameter is wrong stands below the first line of this one, which nobody has signed.
    text = " ".join(str(error).split()) if isinstance(error, ParamValidationError) else _first_line(error)
    return f"{type(error).__name__}: {text}"


def _first_line(text: object) -> str:
    return next(iter(str(text).strip().splitlines()), "")


def is_transient_error(error: Exception) -> bool:
    """Whether the call may succeed later: throttling, 5xx, time-outs, broken connections."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return error_code(error) in TRANSIENT_CODES or int(status) >= 500
    return isinstance(error, TRANSIENT_ERRORS)


#: What an answer that is not of the operation's shape makes of botocore's parser and of its reader.
UNREADABLE = (ResponseParserError, LookupError, TypeError, ValueError, AttributeError)


@contextmanager
def translated(what: str, transient: type[ModerationError], permanent: type[ModerationError]) -> Iterator[None]:
    """Turn botocore's errors into ours: `transient` for what may pass, `permanent` for what stays."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        kind = transient if is_transient_error(error) else permanent
        # A traceback would show botocore's error whole.
        raise kind(f"{what}: {error_text(error)}") from None
