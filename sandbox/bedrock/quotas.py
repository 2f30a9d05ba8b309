"""Service Quotas of Bedrock, on the same endpoint: AWS's JSON protocol, told apart by its ``X-Amz-Target`` header.

Source: botocore service model of service-quotas (AWS JSON 1.1, target prefix ServiceQuotasV20190624); AWS General
Reference, Amazon Bedrock quotas, for names, codes and values.
"""

import hashlib
from functools import lru_cache
from typing import Any

import botocore.loaders
import botocore.model
import orjson

from sandbox.bedrock.catalog import ACCOUNT_ID, MODELS, Model
from sandbox.bedrock.errors import ServiceError
from sandbox.bedrock.jobs import MAX_UNFINISHED_JOBS
from sandbox.bedrock.model import from_json, validate
from sandbox.bedrock.switchboard import Faults

Parameters = dict[str, Any]

OPERATIONS = ("GetServiceQuota", "ListServiceQuotas")
TARGET = "ServiceQuotasV20190624."

_JOBS = "Sum of in-progress and submitted batch inference jobs using a base model for"
_RECORDS = "Records per batch inference job for"
_FILE_RECORDS = "Records per input file per batch inference job for"
_JOB_SIZE = "Batch inference job size (in GB) for"
_FILE_SIZE = "Batch inference input file size (in GB) for"
_MINIMUM = "Minimum number of records per batch inference job for"
#: Codes as AWS has them; the others here are made up.
_CODES = {
    (_JOBS, "anthropic.claude-haiku-4-5-20251001-v1:0"): "L-63020993",
    (_JOBS, "anthropic.claude-sonnet-4-6"): "L-3030E098",
    (_JOBS, "amazon.nova-2-lite-v1:0"): "L-10F69CA1",
    (_RECORDS, "anthropic.claude-haiku-4-5-20251001-v1:0"): "L-28612175",
    (_RECORDS, "anthropic.claude-sonnet-4-6"): "L-01A2DC4B",
    (_RECORDS, "amazon.nova-2-lite-v1:0"): "L-ECCE76C6",
    (_FILE_RECORDS, "anthropic.claude-haiku-4-5-20251001-v1:0"): "L-9EDE6039",
    (_FILE_RECORDS, "anthropic.claude-sonnet-4-6"): "L-391CEF89",
    (_FILE_RECORDS, "amazon.nova-2-lite-v1:0"): "L-4A832410",
}
_DEFAULTS = {
    _RECORDS: 100_000.0,
    _FILE_RECORDS: 100_000.0,
    _JOB_SIZE: 5.0,
    _FILE_SIZE: 1.0,
    _JOBS: float(MAX_UNFINISHED_JOBS),
    _MINIMUM: 100.0,
}
_FIXED = (_JOB_SIZE, _FILE_SIZE, _MINIMUM)


class Quotas:
    """The account's quotas; the fault ``quota`` sets that of unfinished jobs."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    def call(self, operation: str, body: bytes, region: str) -> Parameters:
        """The response of an operation.

        Raises:
            ServiceError: what AWS would answer instead.
        """
        shape = _service().operation_model(operation).input_shape
        parameters = from_json(shape, orjson.loads(body or b"{}"), "")
        validate(shape, parameters)
        if parameters["ServiceCode"] != "bedrock":
            raise ServiceError(
                "NoSuchResourceException", "The request failed because the specified service is not known."
            )
        quotas = self._quotas(region)
        if operation == "GetServiceQuota":
            found = next((quota for quota in quotas if quota["QuotaCode"] == parameters["QuotaCode"]), None)
            if found is None:
                raise ServiceError("NoSuchResourceException", "The request failed because the quota does not exist.")
            return {"Quota": found}
        start = parameters.get("NextToken", "0")
        if not start.isdigit():
            raise ServiceError("InvalidPaginationTokenException", "Invalid input was provided.")
        first, size = int(start), parameters.get("MaxResults", 100)
        more = str(first + size) if first + size < len(quotas) else None
        return {"Quotas": quotas[first : first + size], "NextToken": more}

    def _quotas(self, region: str) -> list[Parameters]:
        most_jobs = float(self._faults.setting("quota") or MAX_UNFINISHED_JOBS)
        values = {**_DEFAULTS, _JOBS: most_jobs}
        return [
            _describe(name, model, value, region)
            for name, value in values.items()
            for model in MODELS.values()
            if model.batch
        ]


def operation_of(target: str | None) -> str | None:
    """The operation that a request's target names, or None."""
    name = (target or "").removeprefix(TARGET)
    return name if target and name in OPERATIONS else None


def code_in_body(code: str, target: str | None) -> Parameters:
    """What the JSON protocol adds to an error's body; REST-JSON has the code in a header alone."""
    return {"__type": code} if target else {}


@lru_cache(maxsize=1)
def _service() -> Any:
    description = botocore.loaders.create_loader().load_service_model("service-quotas", "service-2")
    return botocore.model.ServiceModel(description, "service-quotas")


def _describe(name: str, model: Model, value: float, region: str) -> Parameters:
    full_name = f"{name} {model.name}"
    code = _CODES.get((name, model.model_id), "L-" + hashlib.sha256(full_name.encode()).hexdigest()[:8].upper())
    return {
        "ServiceCode": "bedrock",
        "ServiceName": "Amazon Bedrock",
        "QuotaArn": f"arn:aws:servicequotas:{region}:{ACCOUNT_ID}:bedrock/{code}",
        "QuotaCode": code,
        "QuotaName": full_name,
        "Value": value,
        "Unit": "None",
        "Adjustable": name not in _FIXED,
        "GlobalQuota": False,
    }
