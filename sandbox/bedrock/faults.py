"""Everything that can go wrong, on demand: one table, switched by name.

``--fault NAME=VALUE`` on the command line, ``faults.set(name, value)`` in a test. ``VALUE@N`` limits a fault to the
first N jobs (or calls) that it touches. An AMOUNT is a count (``3``: the first three) or a share (``0.1``: one in
ten); which ones a share picks depends on the seed, the job's name and the record's id alone, so a night that is
repeated meets the same faults, and a second attempt in another job meets others.
"""

from collections.abc import Iterable
from typing import Literal, NamedTuple

Scope = Literal["call", "job", "line", "answer", "setting"]

_GUIDE = "Bedrock User Guide"


class FaultKind(NamedTuple):
    """One row of the table of faults."""

    name: str
    scope: Scope
    value: str
    effect: str
    source: str


FAULTS = {
    fault.name: fault
    for fault in (
        FaultKind(
            "throttle", "call", "[OPERATION:]AMOUNT", "the calls answer ThrottlingException (429)",
            "botocore service model of bedrock: ThrottlingException; botocore standard retry mode",
        ),
        FaultKind(
            "server_error", "call", "[OPERATION:]AMOUNT", "the calls answer InternalServerException (500)",
            "botocore service model of bedrock: InternalServerException",
        ),
        FaultKind(
            "unavailable", "call", "OPERATION[,OPERATION...]", "the operations are unknown here (404)",
            "other endpoints that speak Bedrock's API implement only part of it",
        ),
        FaultKind(
            "lost_create", "call", "COUNT", "the job is accepted, then the connection drops without an answer",
            "litellm-docs pull request 1408: orphaned, billed jobs after a client crash",
        ),
        FaultKind(
            "pass_role_missing", "call", "true", "CreateModelInvocationJob: AccessDeniedException on iam:PassRole",
            "AmazonBedrockFullAccess policy; ministryofjustice/analytical-platform pull request 10682",
        ),
        FaultKind(
            "not_entitled", "call", "true", "CreateModelInvocationJob: the account is not authorized",
            "field report of 2026-08-13: quota rows present, batch inference not enabled for the account",
        ),
        FaultKind(
            "count_tokens_unavailable", "call", "true", "CountTokens refuses every model",
            f"{_GUIDE}, count-tokens and model cards: not every model counts tokens on bedrock-runtime",
        ),
        FaultKind(
            "quota", "setting", "COUNT",
            "more unfinished jobs of a model than this: ServiceQuotaExceededException; Service Quotas says it",
            "AWS General Reference, Amazon Bedrock quotas: sum of in-progress and submitted batch jobs (100)",
        ),
        FaultKind(
            "token_repeat", "setting", "original | conflict", "what a repeated clientRequestToken is answered",
            "Bedrock API Reference, CreateModelInvocationJob: 'ignores the request, but does not return an error'",
        ),
        FaultKind(
            "job_model_id", "setting", "given | arn", "how Get and List name the job's model",
            f"{_GUIDE}, monitoring-eventbridge: the event's batchModelId is an ARN; GetModelInvocationJob: modelId",
        ),
        FaultKind(
            "lifecycle", "setting", "LEGACY[:YYYY-MM-DD]", "GetFoundationModel: the model is LEGACY and ends that day",
            f"{_GUIDE}, model-lifecycle",
        ),
        FaultKind(
            "slow_jobs", "job", "FACTOR", "the job takes this many times as long",
            "no turnaround is published; aws-samples/amazon-bedrock-samples pull request 460: jobs of over 24 h",
        ),
        FaultKind(
            "stuck_status", "job", "STATUS", "the job never leaves this status (until it expires)",
            "aws-samples/amazon-bedrock-samples pull request 460: jobs stuck in Scheduled or InProgress",
        ),
        FaultKind(
            "end_status", "job", "Failed | Expired | Stopped | PartiallyCompleted[:SHARE]",
            "the job ends so, with this share of its records answered (0: no output at all)",
            "Bedrock API Reference, GetModelInvocationJob: status; langchain4j pull request 5797: partial results",
        ),
        FaultKind(
            "wrong_role", "job", "true | job | create", "the role cannot be assumed: the job or its creation fails",
            f"{_GUIDE}, batch-iam-sr: trust relationship",
        ),
        FaultKind(
            "profile_region_permission_missing", "job", "true | job | records",
            "the role may not invoke the model in a destination Region: the job fails, or each record does",
            f"{_GUIDE}, batch-iam-sr and batch-inference-permissions: inference profiles",
        ),
        FaultKind(
            "all_error", "job", "true", "the job is Completed though every record failed",
            "repost.aws/questions/QUx7pW1QTISxK7OKNU3cjYIA",
        ),
        FaultKind(
            "missing_records", "line", "AMOUNT", "no line for the record",
            f"{_GUIDE}, batch-inference-results: nothing promises a line for each record",
        ),
        FaultKind(
            "error_records", "line", "AMOUNT", "an error line; errorCode is a number, or a string as in AWS's sample",
            f"{_GUIDE}, batch-inference-results; aws-samples/generative-ai-cdk-constructs-samples, BedrockBatch",
        ),
        FaultKind(
            "duplicate_records", "line", "AMOUNT", "two lines for the record, the same or one of them broken",
            "no document says that a record has one line only",
        ),
        FaultKind(
            "unknown_records", "line", "AMOUNT", "one more line, whose recordId was never sent",
            "no document says that output holds only what was sent; old .jsonl files under the input prefix do it",
        ),
        FaultKind(
            "refusals", "answer", "AMOUNT", "Claude: stop_reason refusal, content []; Converse: content_filtered",
            f"{_GUIDE}, model-parameters-anthropic-claude-messages-request-response",
        ),
        FaultKind(
            "truncated", "answer", "AMOUNT", "the answer is cut and stops with max_tokens",
            f"{_GUIDE}, structured-output: it does not protect from max_tokens",
        ),
        FaultKind(
            "non_json", "answer", "AMOUNT", "the answer is prose",
            "dev.classmethod.jp, 2026-02-16: broken JSON in batch answers",
        ),
        FaultKind(
            "off_contract", "answer", "AMOUNT", "valid JSON at odds with the schema or with itself",
            f"{_GUIDE}, structured-output: number ranges are not enforced",
        ),
        FaultKind(
            "fenced", "answer", "AMOUNT", "the JSON stands in a Markdown fence",
            "Amazon Nova User Guide, prompting-structured-output",
        ),
        FaultKind(
            "prefixed", "answer", "AMOUNT", "prose stands before the JSON",
            "Amazon Nova User Guide, prompting-structured-output",
        ),
    )
}  # fmt: skip

_OPERATION_FAULTS = ("throttle", "server_error")
_CHOICES = {
    "token_repeat": ("original", "conflict"),
    "job_model_id": ("given", "arn"),
    "wrong_role": ("job", "create"),
    "profile_region_permission_missing": ("job", "records"),
    "stuck_status": ("Submitted", "Validating", "Scheduled", "InProgress", "Stopping"),
}


class UnknownFault(ValueError):
    """A fault that is not in the table, or a value that it does not take."""


def parse_options(options: Iterable[str]) -> dict[str, str]:
    """``NAME=VALUE`` options of a command line; a bare ``NAME`` means true.

    Raises:
        UnknownFault: for a name or a value that the table does not have.
    """
    parsed = {}
    for option in options:
        name, given, value = option.partition("=")
        parsed[name] = value if given else "True"
        read_value(name, parsed[name])
    return parsed


def markdown_table() -> str:
    """The table of faults, for people."""
    rows = ["| fault | value | what happens | from |", "|---|---|---|---|"]
    for fault in FAULTS.values():
        value = fault.value.replace("|", "\\|")
        rows.append(f"| `{fault.name}` | `{value}` | {fault.effect} | {fault.source} |")
    return "\n".join(rows)


def read_value(name: str, value: object) -> tuple[str, int | None]:
    """A fault's value without its limit, and the limit (None: as often as it comes).

    Raises:
        UnknownFault: for a name or a value that the table does not have.
    """
    if name not in FAULTS:
        raise UnknownFault(f"unknown fault {name!r}; there are: {', '.join(sorted(FAULTS))}")
    text, _, limit = str(value).partition("@")
    if limit and not limit.isdigit():
        raise UnknownFault(f"fault {name}: {value!r} should end in @ and a number")
    _check_value(name, text)
    return text, int(limit) if limit else None


def _check_value(name: str, text: str) -> None:
    wanted = FAULTS[name].value
    if text == "False":
        return
    if text in ("True", "true") and ("true" in wanted or "AMOUNT" in wanted):
        return
    if name in _CHOICES:
        fits = text in _CHOICES[name]
    elif "AMOUNT" in wanted or wanted in ("COUNT", "FACTOR"):
        target, _, amount = text.rpartition(":")
        fits = _is_number(amount) and (not target or name in _OPERATION_FAULTS)
    elif name == "end_status":
        status, _, share = text.partition(":")
        fits = status in ("Failed", "Expired", "Stopped", "PartiallyCompleted") and (not share or _is_number(share))
    elif name == "lifecycle":
        fits = text.partition(":")[0] in ("LEGACY", "ACTIVE")
    else:
        fits = bool(text) and wanted != "true"
    if not fits:
        raise UnknownFault(f"fault {name}: {text!r} is not {wanted}")


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()
