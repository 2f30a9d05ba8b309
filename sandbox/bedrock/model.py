"""Requests read and validated against botocore's own service models.

Nothing about a field is written down here: routes, required members, lengths, ranges, patterns, enumerations and
unions all come from the ``bedrock`` and ``bedrock-runtime`` models that boto3 itself uses, so that the sandbox
refuses what AWS would refuse. botocore checks only part of this on the client's side (required, minimum), never
patterns or maxima.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import unquote

import botocore.loaders
import botocore.model
import botocore.utils
import orjson

from sandbox.bedrock.errors import ServiceError, validation

SERVICES = ("bedrock", "bedrock-runtime", "bedrock-agent-runtime")
OPERATIONS = frozenset(
    {
        "Converse",
        "CountTokens",
        "CreateEvaluationJob",
        "CreateInferenceProfile",
        "CreateModelInvocationJob",
        "GetEvaluationJob",
        "GetFoundationModel",
        "GetInferenceProfile",
        "GetModelInvocationJob",
        "InvokeModel",
        "ListEvaluationJobs",
        "ListInferenceProfiles",
        "ListModelInvocationJobs",
        "ListTagsForResource",
        "OptimizePrompt",
        "StopModelInvocationJob",
        "TagResource",
        "UntagResource",
    }
)

# AWS's pattern of a job name lets a hyphen match in two ways, and Python's engine then needs exponential time to
# refuse a name of many hyphens. With the length already held to 63 this one accepts exactly the same names.
_SAFE_PATTERNS = {r"[a-zA-Z0-9]{1,63}(-*[a-zA-Z0-9\+\-\.]){0,63}": r"[a-zA-Z0-9][a-zA-Z0-9+.-]*"}

_INTEGERS = ("integer", "long")
_NUMBERS = ("float", "double")


class Route(NamedTuple):
    """One operation, and the request line that it answers."""

    operation: Any  # botocore.model.OperationModel, which has no types
    method: str
    path: re.Pattern[str]


@lru_cache(maxsize=1)
def routes() -> tuple[Route, ...]:
    """The operations that the sandbox serves, of both services."""
    loader = botocore.loaders.create_loader()
    found = []
    for service in SERVICES:
        description = loader.load_service_model(service, "service-2")
        model = botocore.model.ServiceModel(description, service)
        for name in sorted(OPERATIONS & set(model.operation_names)):
            operation = model.operation_model(name)
            template = operation.http["requestUri"]
            path = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(template))
            found.append(Route(operation, operation.http["method"], re.compile(path)))
    return tuple(found)


def find_route(method: str, raw_path: str) -> tuple[Route, dict[str, str]] | None:
    """The operation of a request line and its path parameters, or None.

    Args:
        raw_path: the path as it was sent, percent-encoded: an ARN in it holds encoded slashes.
    """
    for route in routes():
        match = route.path.fullmatch(raw_path)
        if match and route.method == method:
            return route, {name: unquote(value) for name, value in match.groupdict().items()}
    return None


def input_shape(operation_name: str) -> Any:
    """The shape of an operation's input, for validating a body that comes another way (a batch record)."""
    return next(route.operation.input_shape for route in routes() if route.operation.name == operation_name)


def read_request(
    route: Route, path: Mapping[str, str], query: Mapping[str, str], headers: Mapping[str, str], body: bytes
) -> dict[str, Any]:
    """The parameters of a call in Python's types, valid by the service model.

    Raises:
        ServiceError: SerializationException for what cannot be read, ValidationException for what is not allowed.
    """
    shape = route.operation.input_shape
    payload = shape.serialization.get("payload")
    members = _read_json(body) if payload is None and body else {}
    parameters: dict[str, Any] = {}
    for name, member in shape.members.items():
        wire_name = member.serialization.get("name", name)
        match member.serialization.get("location"):
            case "uri":
                parameters[name] = path[wire_name]
            case "querystring":
                if wire_name in query:
                    parameters[name] = _from_text(member, query[wire_name], name)
            case "header":
                if wire_name in headers:
                    parameters[name] = headers[wire_name]
            case _ if name == payload:
                parameters[name] = body
            case _:
                if members.get(wire_name) is not None:
                    parameters[name] = from_json(member, members[wire_name], name)
    validate(shape, parameters)
    return parameters


def validate(shape: Any, value: Mapping[str, Any], *, ignore: frozenset[str] = frozenset()) -> None:
    """Accept a value that its shape allows.

    Args:
        ignore: required members that may be absent here (the path parameters of a batch record).

    Raises:
        ServiceError: ValidationException in AWS's wording, with every violation.
    """
    found = [text for name, text in _violations(shape, value, "") if name not in ignore]
    if found:
        noun = "error" if len(found) == 1 else "errors"
        raise validation(f"{len(found)} validation {noun} detected: " + "; ".join(found))


def from_json(shape: Any, value: Any, path: str) -> Any:
    """A JSON value in the Python type of its shape; members that the model does not know are dropped, as AWS does.

    Raises:
        ServiceError: SerializationException when the JSON type is not the shape's.
    """
    match shape.type_name:
        case "structure" if getattr(shape, "is_document_type", False):
            return value
        case "structure":
            _expect(isinstance(value, dict), value, path, "a structure")
            named = {member.serialization.get("name", name): (name, member) for name, member in shape.members.items()}
            return {
                named[key][0]: from_json(named[key][1], item, f"{path}.{key}")
                for key, item in value.items()
                if key in named and item is not None
            }
        case "list":
            _expect(isinstance(value, list), value, path, "a list")
            return [from_json(shape.member, item, f"{path}.{index + 1}.member") for index, item in enumerate(value)]
        case "map":
            _expect(isinstance(value, dict), value, path, "a map")
            return {key: from_json(shape.value, item, f"{path}.{key}") for key, item in value.items()}
        case "string":
            _expect(isinstance(value, str), value, path, "a String")
            return value
        case "boolean":
            _expect(isinstance(value, bool), value, path, "a Boolean")
            return value
        case kind if kind in _INTEGERS:
            _expect(isinstance(value, int) and not isinstance(value, bool), value, path, "an Integer")
            return value
        case kind if kind in _NUMBERS:
            _expect(isinstance(value, int | float) and not isinstance(value, bool), value, path, "a Number")
            return value
        case "blob":
            _expect(isinstance(value, str), value, path, "a base64 String")
            try:
                return base64.b64decode(value, validate=True)
            except binascii.Error:
                raise ServiceError("SerializationException", f"'{path}' is not valid base64") from None
        case _:
            return _from_text(shape, value, path)


def _read_json(body: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ServiceError("SerializationException", f"The request body is not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise ServiceError("SerializationException", "The request body is not a JSON object")
    return value


def _from_text(shape: Any, text: Any, path: str) -> Any:
    try:
        if shape.type_name in _INTEGERS:
            return int(text)
        if shape.type_name == "timestamp":
            moment: datetime = botocore.utils.parse_timestamp(text)
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError):
        raise ServiceError("SerializationException", f"'{path}' cannot be read as {shape.type_name}") from None
    return text


def _expect(fits: bool, value: Any, path: str, wanted: str) -> None:
    if not fits:
        kind = type(value).__name__
        raise ServiceError("SerializationException", f"'{path}': a JSON {kind} can not be converted to {wanted}")


@lru_cache(maxsize=512)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(_SAFE_PATTERNS.get(text, text))


def _violations(shape: Any, value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Every violated constraint as (path, AWS's sentence)."""
    match shape.type_name:
        case "structure" if not getattr(shape, "is_document_type", False):
            yield from _structure_violations(shape, value, path)
        case "list":
            yield from _range_violations(shape, value, len(value), "length", path)
            for index, item in enumerate(value):
                yield from _violations(shape.member, item, f"{path}.{index + 1}.member")
        case "map":
            yield from _range_violations(shape, value, len(value), "length", path)
            for key, item in value.items():
                yield from _violations(shape.value, item, f"{path}.{key}")
        case "string" | "blob":
            yield from _text_violations(shape, value, path)
        case kind if kind in _INTEGERS + _NUMBERS:
            yield from _range_violations(shape, value, value, "value", path)


def _structure_violations(shape: Any, value: Any, path: str) -> Iterator[tuple[str, str]]:
    prefix = f"{path}." if path else ""
    for name in shape.required_members:
        if value.get(name) is None:
            yield prefix + name, f"Value null at '{prefix}{name}' failed to satisfy constraint: Member must not be null"
    if shape.is_tagged_union and len(value) != 1:
        names = ", ".join(shape.members)
        sentence = f"Value at '{path}' failed to satisfy constraint: Member must have exactly one of [{names}] set"
        yield path, sentence
    for name, item in value.items():
        if name in shape.members:
            yield from _violations(shape.members[name], item, prefix + name)


def _text_violations(shape: Any, value: Any, path: str) -> Iterator[tuple[str, str]]:
    limits = list(_range_violations(shape, value, len(value), "length", path))
    yield from limits
    pattern = shape.metadata.get("pattern")
    if pattern and not limits and not _pattern(pattern).fullmatch(value):
        yield path, f"{_shown(shape, value, path)} Member must satisfy regular expression pattern: {pattern}"
    if shape.type_name == "string" and shape.enum and value not in shape.enum:
        yield path, f"{_shown(shape, value, path)} Member must satisfy enum value set: [{', '.join(shape.enum)}]"


def _range_violations(shape: Any, value: Any, size: float, noun: str, path: str) -> Iterator[tuple[str, str]]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and size < low:
        yield path, f"{_shown(shape, value, path)} Member must have {noun} greater than or equal to {low}"
    if high is not None and size > high:
        yield path, f"{_shown(shape, value, path)} Member must have {noun} less than or equal to {high}"


def _shown(shape: Any, value: Any, path: str) -> str:
    # AWS repeats a value unless the model marks it as sensitive.
    shown = "" if shape.metadata.get("sensitive") or shape.type_name == "blob" else f" '{str(value)[:256]}'"
    return f"Value{shown} at '{path}' failed to satisfy constraint:"
