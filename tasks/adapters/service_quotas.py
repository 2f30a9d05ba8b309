"""The account's quotas of batch inference, as AWS Service Quotas tells them."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tasks.adapters.aws import Aws, error_text
from tasks.adapters.bedrock_models import find_model
from tasks.base.ports import BatchQuotas, FactUnavailable

#: One try each: what is nice to know must not hold a night up.
_CONNECT_TIMEOUT_S, _READ_TIMEOUT_S = 2.0, 2.0
#: No page is begun after this: with the last one's time-out the whole takes five seconds at most.
_LAST_PAGE_AFTER_S = 3.0
_PAGE_SIZE = 100

#: How the quotas' names begin; the model's name follows. Source: AWS General Reference, Amazon Bedrock quotas.
JOBS_IN_FLIGHT = "Sum of in-progress and submitted batch inference jobs using a base model for "
RECORDS = ("Records per batch inference job for ", "Records per input file per batch inference job for ")
GIGABYTES = ("Batch inference job size (in GB) for ", "Batch inference input file size (in GB) for ")
#: Codes of the first three of them, which need a call each instead of a listing of all of Bedrock's; the sizes cannot
#: be adjusted. Source: as above.
_CODES = {
    "anthropic.claude-haiku-4-5-20251001-v1:0": ("L-63020993", "L-28612175", "L-9EDE6039"),
    "anthropic.claude-sonnet-4-6": ("L-3030E098", "L-01A2DC4B", "L-391CEF89"),
    "amazon.nova-2-lite-v1:0": ("L-10F69CA1", "L-ECCE76C6", "L-4A832410"),
}
_GIGABYTE = 10**9

#: An endpoint that nobody chose.
_AWS_OWN = re.compile(r"https://(bedrock|servicequotas)(-fips)?\.[a-z0-9-]+\.(amazonaws\.com(\.cn)?|api\.aws)/?")
#: Parts of an id or a name that do not tell models apart.
_DATE, _REVISION = re.compile(r"-\d{8}(?=-|$)"), re.compile(r"[- ]v?1:\d+$|[- ]v1$|:\d+$", re.IGNORECASE)
_FILLERS = {"anthropic", "amazon", "meta", "openai", "instruct"}


class ServiceQuotas:
    """See `tasks.base.ports.AccountQuotas`."""

    def __init__(self, aws: Aws, clock: Callable[[], float] = time.monotonic) -> None:
        self._aws, self._clock = aws, clock

    def batch_quotas(self, model_id: str) -> BatchQuotas:
        """See AccountQuotas."""
        base_id = find_model(self._aws, model_id)
        try:
            client = self._client()
            codes = _CODES.get(base_id)
            quotas = list(self._named(client, codes) if codes else self._listed(client))
        except (ClientError, BotoCoreError) as error:
            raise FactUnavailable(f"service quotas: {error_text(error)}") from None
        jobs = _values(quotas, (JOBS_IN_FLIGHT,), base_id)
        if len(jobs) != 1:
            raise FactUnavailable(f"service quotas: {len(jobs)} quotas of batch jobs in flight found for {base_id}")
        records, sizes = _values(quotas, RECORDS, base_id), _values(quotas, GIGABYTES, base_id)
        return BatchQuotas(
            jobs_in_flight=int(jobs[0]),
            records=int(min(records)) if records else None,
            size_bytes=int(min(sizes) * _GIGABYTE) if sizes else None,
        )

    def _client(self) -> Any:
        client = self._aws.client_in(
            self._aws.region,
            "service-quotas",
            attempts=1,
            read_timeout_s=_READ_TIMEOUT_S,
            connect_timeout_s=_CONNECT_TIMEOUT_S,
        )
        bedrock_url = self._aws.bedrock.meta.endpoint_url
        if _AWS_OWN.fullmatch(client.meta.endpoint_url) and not _AWS_OWN.fullmatch(bedrock_url):
            raise FactUnavailable(
                "service quotas: Bedrock is at an endpoint of its own (AWS_ENDPOINT_URL_BEDROCK) and Service Quotas at "
                "none (AWS_ENDPOINT_URL_SERVICE_QUOTAS), so AWS was not asked"
            )
        return client

    def _named(self, client: Any, codes: Sequence[str]) -> Iterator[dict[str, Any]]:
        """The first quota, and as many of the others as are told in time."""
        begun = self._clock()
        for code in codes:
            try:
                quota = client.get_service_quota(ServiceCode="bedrock", QuotaCode=code).get("Quota", {})
            except (ClientError, BotoCoreError):
                if code == codes[0]:
                    raise
                quota = {}
            yield quota
            is_no_answer = code == codes[0] and not quota
            if is_no_answer or self._clock() - begun > _LAST_PAGE_AFTER_S:
                return

    def _listed(self, client: Any) -> Iterator[dict[str, Any]]:
        begun, query = self._clock(), {"ServiceCode": "bedrock", "MaxResults": _PAGE_SIZE}
        while True:
            page = client.list_service_quotas(**query)
            yield from page.get("Quotas", ())
            if not page.get("NextToken"):
                return
            if self._clock() - begun > _LAST_PAGE_AFTER_S:
                raise FactUnavailable("service quotas: the list of Bedrock's quotas takes too long to read")
            query["NextToken"] = page["NextToken"]


class NoQuotas:
    """An account that is not asked."""

    def batch_quotas(self, model_id: str) -> BatchQuotas:
        """See AccountQuotas."""
        raise FactUnavailable("service quotas: not connected")


def _values(quotas: Sequence[dict[str, Any]], names: Sequence[str], base_id: str) -> list[float]:
    """The values of a model's quotas whose names begin so."""
    return [
        quota["Value"]
        for quota in quotas
        for name in names
        if "Value" in quota
        and quota.get("QuotaName", "").startswith(name)
        and is_name_of(quota["QuotaName"].removeprefix(name), base_id)
    ]


def is_name_of(name: str, base_id: str) -> bool:
    """Whether a model's name in a quota ("Claude Haiku 4.5") is that of an id (`anthropic.claude-haiku-4-5-...`)."""
    return _words(name) == _words(_DATE.sub("", base_id.partition(".")[2] or base_id))


def _words(text: str) -> Counter[str]:
    """Letters and digits by runs, in any order: AWS writes "Claude 3.5 Haiku" and "Claude Haiku 4.5"."""
    words = re.findall(r"[a-z]+|\d+", _REVISION.sub("", text).lower())
    return Counter(word for word in words if word not in _FILLERS)
