"""The operations: one method a call, from valid parameters to the members of its response."""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import orjson

from sandbox.bedrock import catalog
from sandbox.bedrock.catalog import ACCOUNT_ID, ApplicationProfile, Model, Profile, Target
from sandbox.bedrock.engine import Engine
from sandbox.bedrock.errors import ConnectionDropped, access_denied, validation
from sandbox.bedrock.extras.evaluation_jobs import EvaluationJobs
from sandbox.bedrock.extras.event_stream import EVENT_STREAM, encode_event
from sandbox.bedrock.families.base import BadBody
from sandbox.bedrock.files import dump
from sandbox.bedrock.inference import Inference, Refused, Request, input_tokens
from sandbox.bedrock.jobs import Job, JobStore
from sandbox.bedrock.switchboard import Faults

Parameters = dict[str, Any]

_CALLER = f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/NightlyModeration/sandbox"
_PROFILES_SINCE = datetime(2025, 10, 15, tzinfo=UTC)
_LIFE_STARTED = datetime(2025, 10, 15, tzinfo=UTC)


class Payload(NamedTuple):
    """A response that is a body of its own, with headers (InvokeModel)."""

    body: bytes
    headers: dict[str, str]


class Operations:
    """Every call that the endpoint answers; ``call`` finds the method by the operation's name."""

    def __init__(
        self, store: JobStore, engine: Engine, inference: Inference, faults: Faults, evaluations: EvaluationJobs
    ) -> None:
        self._store = store
        self._engine = engine
        self._inference = inference
        self._faults = faults
        self._evaluations = evaluations

    def call(self, operation: str, parameters: Parameters, region: str) -> Parameters | Payload:
        """The response of an operation.

        Raises:
            ServiceError: what AWS would answer instead.
        """
        handlers: dict[str, Callable[[Parameters, str], Parameters | Payload]] = {
            "Converse": self._converse,
            "CountTokens": self._count_tokens,
            "CreateEvaluationJob": self._evaluations.create,
            "CreateInferenceProfile": self._create_inference_profile,
            "CreateModelInvocationJob": self._create_job,
            "GetEvaluationJob": lambda given, _: self._evaluations.get(given),
            "GetFoundationModel": self._get_foundation_model,
            "GetInferenceProfile": self._get_inference_profile,
            "GetModelInvocationJob": self._get_job,
            "InvokeModel": self._invoke_model,
            "ListEvaluationJobs": lambda given, _: self._evaluations.find(given),
            "ListInferenceProfiles": self._list_inference_profiles,
            "ListModelInvocationJobs": self._list_jobs,
            "ListTagsForResource": self._list_tags,
            "OptimizePrompt": self._optimize_prompt,
            "StopModelInvocationJob": self._stop_job,
            "TagResource": self._tag,
            "UntagResource": self._untag,
        }
        return handlers[operation](parameters, region)

    def _target(self, parameters: Parameters, region: str) -> Target:
        """The model that is meant, behind an application inference profile too."""
        with self._store.lock:
            return self._store.profiles.resolve(parameters["modelId"], region)

    def _create_job(self, parameters: Parameters, region: str) -> Parameters:
        if self._faults.strikes("not_entitled"):
            raise validation(
                "Your account is not authorized to perform this action. Please create a support case with AWS Support."
            )
        if self._faults.strikes("pass_role_missing"):
            raise access_denied(
                f"User: {_CALLER} is not authorized to perform: iam:PassRole on resource: {parameters['roleArn']} "
                "because no identity-based policy allows the iam:PassRole action"
            )
        if self._faults.setting("wrong_role") == "create" and self._faults.strikes("wrong_role"):
            raise validation(
                f"Amazon Bedrock could not assume the role {parameters['roleArn']}. Check that the role exists and "
                "that its trust policy allows bedrock.amazonaws.com to assume it."
            )
        target = self._target(parameters, region)
        if not target.model.batch:
            raise validation(f"The model {target.model.model_id} doesn't support batch inference.")
        job = self._store.create(parameters, region, target)
        if self._faults.strikes("lost_create"):
            raise ConnectionDropped
        return {"jobArn": job.arn}

    def _get_job(self, parameters: Parameters, region: str) -> Parameters:
        with self._store.lock:
            return self._describe(self._store.get(parameters["jobIdentifier"], region))

    def _stop_job(self, parameters: Parameters, region: str) -> Parameters:
        self._store.stop(parameters["jobIdentifier"], region)
        return {}

    def _list_jobs(self, parameters: Parameters, region: str) -> Parameters:
        with self._store.lock:
            jobs, token = self._store.find(parameters, region)
            return {"invocationJobSummaries": [self._describe(job) for job in jobs], "nextToken": token}

    def _describe(self, job: Job) -> Parameters:
        """A job as Get and List show it."""
        request, counts = job.request, job.counts
        model_id = request["modelId"]
        if self._faults.setting("job_model_id") == "arn" and not model_id.startswith("arn:"):
            kind = f"{ACCOUNT_ID}:inference-profile" if job.target.profile else ":foundation-model"
            model_id = f"arn:aws:bedrock:{job.region}:{kind}/{model_id}"
        return {
            "jobArn": job.arn,
            "jobName": job.name,
            "modelId": model_id,
            "clientRequestToken": request.get("clientRequestToken"),
            "roleArn": request["roleArn"],
            "status": str(job.status),
            "message": job.message,
            "submitTime": _moment(job.submitted_at),
            "lastModifiedTime": _moment(job.modified_at),
            "endTime": _moment(job.ended_at),
            "inputDataConfig": request["inputDataConfig"],
            "outputDataConfig": request["outputDataConfig"],
            "vpcConfig": request.get("vpcConfig"),
            "timeoutDurationInHours": request.get("timeoutDurationInHours"),
            "jobExpirationTime": _moment(job.expires_at),
            "modelInvocationType": request.get("modelInvocationType", "InvokeModel"),
            "totalRecordCount": counts.total if counts.processed else 0,
            "processedRecordCount": counts.processed,
            "successRecordCount": counts.success,
            "errorRecordCount": counts.error,
        }

    def _invoke_model(self, parameters: Parameters, region: str) -> Payload:
        model = self._target(parameters, region).model
        raw: bytes = parameters.get("body", b"")
        body = _read_body(raw)
        request = Request(body, raw, self._faults.of_call(hashlib.sha256(raw).hexdigest()))
        (outcome,) = self._inference.answer([request], model)
        if isinstance(outcome, Refused):
            raise validation(outcome.message)
        headers = {
            "X-Amzn-Bedrock-Input-Token-Count": str(outcome.input_tokens),
            "X-Amzn-Bedrock-Output-Token-Count": str(outcome.output_tokens),
        }
        return Payload(dump(outcome.body), headers)

    def _converse(self, parameters: Parameters, region: str) -> Parameters:
        model = self._target(parameters, region).model
        raw = json.dumps(parameters, sort_keys=True, default=str).encode()
        request = Request(parameters, raw, self._faults.of_call(hashlib.sha256(raw).hexdigest()))
        (outcome,) = self._inference.answer([request], model, converse=True)
        if isinstance(outcome, Refused):
            raise validation(outcome.message)
        return outcome.body

    def _optimize_prompt(self, parameters: Parameters, region: str) -> Payload:
        del region
        catalog.foundation_model(parameters["targetModelId"])
        text = self._inference.rewrite(parameters["input"]["textPrompt"]["text"])
        events: tuple[tuple[str, Parameters], ...] = (
            ("analyzePromptEvent", {"message": "The prompt was analysed."}),
            ("optimizedPromptEvent", {"optimizedPrompt": {"textPrompt": {"text": text}}}),
        )
        body = b"".join(encode_event(name, dump(event)) for name, event in events)
        return Payload(body, {"Content-Type": EVENT_STREAM})

    def _count_tokens(self, parameters: Parameters, region: str) -> Parameters:
        model_id = parameters["modelId"]
        # CountTokens takes foundation-model ids; a profile's id is refused like a model that cannot count.
        model = catalog.MODELS.get(model_id.rpartition("/")[2])
        if self._faults.strikes("count_tokens_unavailable") or model is None or not model.counts_tokens:
            raise validation("The provided model doesn't support counting tokens.")
        given = parameters["input"]
        try:
            if "converse" in given:
                return {"inputTokens": input_tokens(given["converse"], model, converse=True)}
            return {"inputTokens": input_tokens(_read_body(given["invokeModel"]["body"]), model, converse=False)}
        except BadBody as error:
            raise validation(str(error)) from None

    def _get_foundation_model(self, parameters: Parameters, region: str) -> Parameters:
        model = catalog.foundation_model(parameters["modelIdentifier"])
        return {
            "modelDetails": {
                "modelArn": f"arn:aws:bedrock:{region}::foundation-model/{model.model_id}",
                "modelId": model.model_id,
                "modelName": model.name[:20],
                "providerName": model.provider,
                "inputModalities": ["TEXT"],
                "outputModalities": ["TEXT"],
                "responseStreamingSupported": True,
                "customizationsSupported": [],
                "inferenceTypesSupported": ["ON_DEMAND"] if model.in_region else [],
                "modelLifecycle": self._lifecycle(model),
            }
        }

    def _lifecycle(self, model: Model) -> Parameters:
        status, _, end = (self._faults.setting("lifecycle") or "ACTIVE").partition(":")
        lifecycle: Parameters = {"status": "LEGACY" if model.end_of_life else status, "startOfLifeTime": _LIFE_STARTED}
        if end:
            lifecycle["endOfLifeTime"] = datetime.combine(date.fromisoformat(end), datetime.min.time(), UTC)
        return lifecycle

    def _get_inference_profile(self, parameters: Parameters, region: str) -> Parameters:
        identifier = parameters["inferenceProfileIdentifier"]
        with self._store.lock:
            own = self._store.profiles.find(identifier, region)
        if own is not None:
            return _describe_own(own, region)
        return _describe_profile(catalog.inference_profile(identifier, region), region)

    def _list_inference_profiles(self, parameters: Parameters, region: str) -> Parameters:
        start = parameters.get("nextToken", "0")
        if not start.isdigit():
            raise validation("The nextToken is invalid.")
        if parameters.get("typeEquals") == "APPLICATION":
            with self._store.lock:
                found = [_describe_own(profile, region) for profile in self._store.profiles.of_region(region)]
        else:
            found = [_describe_profile(profile, region) for profile in catalog.profiles(region)]
        first, size = int(start), parameters.get("maxResults", 100)
        more = str(first + size) if first + size < len(found) else None
        return {"inferenceProfileSummaries": found[first : first + size], "nextToken": more}

    def _create_inference_profile(self, parameters: Parameters, region: str) -> Parameters:
        return {"inferenceProfileArn": self._store.create_profile(parameters, region).arn, "status": "ACTIVE"}

    def _tag(self, parameters: Parameters, region: str) -> Parameters:
        self._tags_of(parameters, region).update({tag["key"]: tag["value"] for tag in parameters["tags"]})
        return {}

    def _untag(self, parameters: Parameters, region: str) -> Parameters:
        tags = self._tags_of(parameters, region)
        for key in parameters["tagKeys"]:
            tags.pop(key, None)
        return {}

    def _list_tags(self, parameters: Parameters, region: str) -> Parameters:
        tags = self._tags_of(parameters, region)
        return {"tags": [{"key": key, "value": value} for key, value in sorted(tags.items())]}

    def _tags_of(self, parameters: Parameters, region: str) -> dict[str, str]:
        with self._store.lock:
            arn = parameters["resourceARN"]
            if self._store.profiles.find(arn, region) is None:
                arn = self._store.get(arn, region).arn
            return self._store.tags.setdefault(arn, {})


def _describe_profile(profile: Profile, region: str) -> Parameters:
    arns = catalog.destination_arns(profile, region)
    return {
        "inferenceProfileName": f"{profile.prefix.upper()} {profile.model.name.replace('.', '-')}",
        "description": f"Routes requests to {profile.model.name} in {len(arns)} Regions.",
        "createdAt": _PROFILES_SINCE,
        "updatedAt": _PROFILES_SINCE,
        "inferenceProfileArn": catalog.profile_arn(profile, region),
        "models": [{"modelArn": arn} for arn in arns],
        "inferenceProfileId": profile.profile_id,
        "status": "ACTIVE",
        "type": "SYSTEM_DEFINED",
    }


def _describe_own(profile: ApplicationProfile, region: str) -> Parameters:
    model, prefix = profile.target
    arn = f"arn:aws:bedrock:{region}::foundation-model/{model.model_id}"
    arns = catalog.destination_arns(Profile(model, prefix), region) if prefix else [arn]
    created_at = _moment(profile.created_at)
    return {
        "inferenceProfileName": profile.name,
        "description": profile.description,
        "createdAt": created_at,
        "updatedAt": created_at,
        "inferenceProfileArn": profile.arn,
        "models": [{"modelArn": arn} for arn in arns],
        "inferenceProfileId": profile.profile_id,
        "status": "ACTIVE",
        "type": "APPLICATION",
    }


def _read_body(raw: bytes) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        try:
            return json.loads(raw)  # lone surrogates
        except (ValueError, RecursionError):
            raise validation("Malformed input request, please reformat your input and try again.") from None


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
