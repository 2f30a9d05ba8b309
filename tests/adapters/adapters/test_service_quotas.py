"""The account's quota of jobs in flight: read from Service Quotas, or done without after one warning."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sandbox.bedrock import quotas as served
from sandbox.bedrock.errors import STATUS_CODES
from sandbox.bedrock.quotas import Quotas as ServedQuotas
from sandbox.serve import Sandbox
from tasks import adapters
from tasks.adapters.aws import Aws
from tasks.adapters.service_quotas import ServiceQuotas, is_name_of
from tasks.base.ports import FactUnavailable
from tasks.batch.read_quotas import Quotas, read_quotas
from tests.factories import MODEL_ID, local_adapters, plan, settings
from tests.submission_night import Counting, Night
from tests.wire import Reply, Wire

if TYPE_CHECKING:
    from tests.bench import Bench


JOB_SIZE = "Batch inference job size (in GB) for"


@pytest.fixture
def aws(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """The sandbox, where boto3 looks for AWS."""
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    return sandbox


@pytest.fixture
def wire(aws: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """A wire to Service Quotas that can be cut."""
    with Wire(aws.bedrock_url).served() as wire:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SERVICE_QUOTAS", wire.url)
        yield wire


@pytest.mark.parametrize(
    ("model_id", "calls"),
    [
        pytest.param(MODEL_ID, ["GetServiceQuota"], id="a-known-code"),
        pytest.param("amazon.nova-micro-v1:0", ["ListServiceQuotas"], id="by-its-name"),
        pytest.param("us.meta.llama3-3-70b-instruct-v1:0", ["ListServiceQuotas"], id="by-a-profile"),
    ],
)
def test_the_quota_is_read(aws: Sandbox, model_id: str, calls: list[str]) -> None:
    """One call where AWS publishes the quota's code, else a listing that is searched for the model's name."""
    aws.faults.set("quota", 7)
    found = ServiceQuotas(Aws()).batch_quotas(model_id)
    assert (found.jobs_in_flight, found.records) == (7, 100_000)
    assert found.size_bytes == (None if calls == ["GetServiceQuota"] else 10**9), "that of a file, not of a job"
    assert sorted(aws.bedrock.call_counts) == calls


def test_an_account_may_have_less(aws: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of records per job and per file the lesser is read, and of the sizes: a job of ours has one file."""
    for name, value in (("Records per input file per batch inference job for", 50_000.0), (JOB_SIZE, 0.5)):
        monkeypatch.setitem(served._DEFAULTS, name, value)
    assert ServiceQuotas(Aws()).batch_quotas(MODEL_ID).records == 50_000
    found = ServiceQuotas(Aws()).batch_quotas("amazon.nova-micro-v1:0")
    assert (found.records, found.size_bytes) == (50_000, 500_000_000)


def test_what_is_not_told_in_time_is_gone_without(wire: Wire) -> None:
    """The jobs in flight are asked first; of the rest as much as comes."""
    wire.fates += ["pass", "lose"]
    found = ServiceQuotas(Aws()).batch_quotas(MODEL_ID)
    assert (found.jobs_in_flight, found.records) == (100, 100_000), "one of both was told"
    ticks = iter(range(0, 100, 4))
    slow = ServiceQuotas(Aws(), clock=lambda: float(next(ticks))).batch_quotas(MODEL_ID)
    assert (slow.jobs_in_flight, slow.records) == (100, None)


def test_every_page_is_read(aws: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The quota is found behind more quotas than a page holds."""
    monkeypatch.setattr("tasks.adapters.service_quotas._PAGE_SIZE", 5)
    assert ServiceQuotas(Aws()).batch_quotas("amazon.nova-micro-v1:0").jobs_in_flight == 100
    assert aws.bedrock.call_counts["ListServiceQuotas"] > 2


def test_a_listing_without_end_is_given_up(aws: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """After three seconds no further page is begun: with a time-out of two the whole takes five at most."""
    monkeypatch.setattr("tasks.adapters.service_quotas._PAGE_SIZE", 1)
    ticks = iter(range(100))
    with pytest.raises(FactUnavailable, match="takes too long"):
        ServiceQuotas(Aws(), clock=lambda: float(next(ticks))).batch_quotas("amazon.nova-micro-v1:0")
    assert aws.bedrock.call_counts["ListServiceQuotas"] == 4


@pytest.mark.parametrize(
    ("name", "base_id", "expected"),
    [
        pytest.param("Claude Haiku 4.5", "anthropic.claude-haiku-4-5-20251001-v1:0", True, id="name-then-number"),
        pytest.param("Claude 3.5 Sonnet v2", "anthropic.claude-3-5-sonnet-20241022-v2:0", True, id="revision"),
        pytest.param("Claude 3.5 Sonnet", "anthropic.claude-3-5-sonnet-20241022-v2:0", False, id="another-revision"),
        pytest.param("Claude Opus 4.1", "anthropic.claude-opus-4-1-20250805-v1:0", True, id="ends-in-one"),
        pytest.param("Claude Opus 4", "anthropic.claude-opus-4-1-20250805-v1:0", False, id="another-number"),
        pytest.param("Amazon Nova Lite V1", "amazon.nova-lite-v1:0", True, id="with-its-maker"),
        pytest.param("Nova Lite", "amazon.nova-2-lite-v1:0", False, id="another-generation"),
        pytest.param("Meta Llama 3.3 70B Instruct", "meta.llama3-3-70b-instruct-v1:0", True, id="llama"),
        pytest.param("gpt-oss-20b", "openai.gpt-oss-20b-1:0", True, id="gpt-oss"),
        pytest.param("gpt-oss-120b", "openai.gpt-oss-20b-1:0", False, id="another-size"),
    ],
)
def test_a_models_name_in_a_quota(name: str, base_id: str, expected: bool) -> None:
    """AWS writes names in several ways; two models are never taken for one."""
    assert is_name_of(name, base_id) is expected


def test_the_sandbox_lists_what_aws_documents(aws: Sandbox) -> None:
    """Real boto3 reads the sandbox's quotas, a page at a time, and its errors."""
    client = aws.client("service-quotas")
    pages = client.get_paginator("list_service_quotas").paginate(
        ServiceCode="bedrock", PaginationConfig={"PageSize": 7}
    )
    quotas = [quota for page in pages for quota in page["Quotas"]]
    assert len({quota["QuotaCode"] for quota in quotas}) == len(quotas) == len(ServedQuotas(aws.faults)._quotas("x"))
    assert {quota["Value"] for quota in quotas} == {1.0, 5.0, 100.0, 100_000.0}
    for code, service in (("L-00000000", "bedrock"), ("L-63020993", "sqs")):
        with pytest.raises(client.exceptions.NoSuchResourceException):
            client.get_service_quota(ServiceCode=service, QuotaCode=code)


# A night without it.


def json_error(code: str) -> Reply:
    """An error in the JSON protocol's shape."""
    return Reply(STATUS_CODES[code], f'{{"__type": "{code}", "message": "as AWS says"}}')


@pytest.mark.parametrize(
    ("fate", "said"),
    [
        pytest.param(json_error("AccessDeniedException"), "AccessDeniedException: as AWS says", id="no-permission"),
        pytest.param(json_error("UnknownOperationException"), "UnknownOperationException", id="unknown"),
        pytest.param(json_error("ThrottlingException"), "ThrottlingException", id="throttled"),
        pytest.param(Reply(200, "<html>"), "service quotas: ", id="not-aws-at-all"),
        pytest.param("lose", "ConnectionClosedError", id="cut-off"),
    ],
)
def test_a_night_goes_on_without(wire: Wire, fate: Reply, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is wrong with Service Quotas: one try, one warning, and MAX_JOBS_IN_FLIGHT alone."""
    wire.fates.append(fate)
    given = settings(None, max_jobs_in_flight=9)
    monkeypatch.setattr(adapters, "connect", lambda _: replace(local_adapters(), quotas=ServiceQuotas(Aws())))
    quotas = read_quotas.fn(given, plan())
    assert quotas.jobs_in_flight is None
    (warning,) = quotas.warnings
    assert said in warning
    assert warning.endswith("the night goes on with MODERATION_MAX_JOBS_IN_FLIGHT=9")
    assert quotas.most_jobs(given) == 9
    assert len(wire.seen) == 1


def test_an_answer_that_does_not_come_is_not_waited_for(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call has little time and one try."""
    monkeypatch.setattr("tasks.adapters.service_quotas._READ_TIMEOUT_S", 0.2)
    wire.fates.append("hang")
    with pytest.raises(FactUnavailable, match="ReadTimeoutError"):
        ServiceQuotas(Aws()).batch_quotas(MODEL_ID)
    assert len(wire.seen) == 1


@pytest.mark.parametrize(
    ("variables", "is_asked"),
    [
        pytest.param({"AWS_ENDPOINT_URL_BEDROCK": "sandbox"}, False, id="bedrock-alone"),
        pytest.param({"AWS_ENDPOINT_URL_BEDROCK": "sandbox", "AWS_ENDPOINT_URL": "sandbox"}, True, id="all-of-aws"),
        pytest.param({"AWS_ENDPOINT_URL": "sandbox"}, True, id="one-for-all"),
        pytest.param(
            {"AWS_ENDPOINT_URL_BEDROCK": "sandbox", "AWS_ENDPOINT_URL_SERVICE_QUOTAS": "sandbox"}, True, id="both"
        ),
    ],
)
def test_a_bedrock_of_its_own_is_not_asked_about_at_aws(
    aws: Sandbox, variables: dict[str, str], is_asked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where Bedrock is somewhere else and Service Quotas nowhere, the real AWS is not called."""
    for name in ("AWS_ENDPOINT_URL_BEDROCK", "AWS_ENDPOINT_URL_SERVICE_QUOTAS", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in variables:
        monkeypatch.setenv(name, aws.bedrock_url)
    quotas = ServiceQuotas(Aws())
    if is_asked:
        assert quotas.batch_quotas(MODEL_ID).jobs_in_flight == 100
    else:
        with pytest.raises(FactUnavailable, match=r"AWS_ENDPOINT_URL_SERVICE_QUOTAS.*AWS was not asked"):
            quotas.batch_quotas(MODEL_ID)


# What it is good for.


@pytest.mark.parametrize(("quota", "setting", "expected"), [(None, 5, 5), (3, 5, 3), (9, 5, 5), (0, 5, 1)], ids=str)
def test_how_many_jobs_a_day_may_have(quota: int | None, setting: int, expected: int) -> None:
    """The lesser of the account's quota and MAX_JOBS_IN_FLIGHT; one is tried at least: AWS says what is wrong."""
    given = settings(None, max_jobs_in_flight=setting)
    assert Quotas(jobs_in_flight=quota).most_jobs(given) == expected


def test_bedrock_is_never_asked_for_more_than_the_account_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the quota known no create call is made in vain; shards follow as jobs finish."""
    night = Night(settings(tmp_path, poll_interval_s=60, deadline_h=24), local_adapters())
    monkeypatch.setattr(adapters, "connect", night.connect)
    bedrock = Counting(night.connected.storage, quota=2)
    night.meet(bedrock)
    night.quotas = Quotas(jobs_in_flight=2)
    night.submit(night.shards(5))
    assert night.poll().ended == {"Completed": 5}
    assert (bedrock.most, bedrock.refused) == (2, 0)


def test_a_served_night_keeps_to_the_quota(aws: Sandbox, bench: Bench) -> None:
    """Over HTTP: what Service Quotas says is what CreateModelInvocationJob enforces."""
    aws.faults.set("quota", 1)
    quotas = Quotas(**ServiceQuotas(Aws()).batch_quotas(MODEL_ID).model_dump())
    assert quotas.most_jobs(settings(None)) == 1
    bench.submit()
    error = bench.refused(bench.control.create_model_invocation_job, **bench.request(clientRequestToken="second"))
    assert error.response["Error"]["Code"] == "ServiceQuotaExceededException"
