"""Structured output: which JSON schemas Bedrock takes, and an answer made to fit one.

Source: Bedrock User Guide, structured-output (the supported subset of JSON Schema 2020-12); the wording of the
errors as public reports quote it (BerriAI/litellm issue 29168, agentjido/req_llm issue 302).
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import orjson

from sandbox.bedrock.families.base import BadBody

_UNSUPPORTED = {
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "integer": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "string": ("minLength", "maxLength"),
    "array": ("maxItems", "uniqueItems"),
    "object": ("minProperties", "maxProperties", "patternProperties"),
}
_TYPES = frozenset({"object", "array", "string", "integer", "number", "boolean", "null"})
_DEFAULTS: dict[str, Any] = {"string": "", "integer": 0, "number": 0, "boolean": False, "array": [], "object": {}}


@lru_cache(maxsize=64)
def check_schema(schema: bytes) -> None:
    """Accept a schema (as JSON) within the supported subset.

    Raises:
        BadBody: naming the first feature that is not supported.
    """
    try:
        parsed = orjson.loads(schema)
    except orjson.JSONDecodeError:
        raise BadBody("output_config.format.schema: Invalid JSON") from None
    for finding in _findings(parsed, parsed, ()):
        raise BadBody(f"output_config.format.schema: {finding}")


def _findings(node: Any, root: Any, trail: tuple[str, ...]) -> Iterator[str]:
    if not isinstance(node, dict):
        yield "Input should be a valid dictionary"
        return
    if reference := node.get("$ref"):
        yield from _reference_findings(reference, root, trail)
        return
    kinds = node.get("type", [])
    for kind in [kinds] if isinstance(kinds, str) else kinds:
        if kind not in _TYPES:
            yield f"'{kind}' is not a supported type"
            return
        found = sorted(set(_UNSUPPORTED.get(kind, ())) & set(node))
        if found:
            noun, verb = ("property", "is") if len(found) == 1 else ("properties", "are")
            names = f"'{found[0]}'" if len(found) == 1 else ", ".join(found)
            yield f"For '{kind}' type, {noun} {names} {verb} not supported"
        if kind == "object" and node.get("additionalProperties") is not False:
            yield "For 'object' type, 'additionalProperties' must be explicitly set to false"
        if kind == "array" and node.get("minItems", 0) not in (0, 1):
            yield "For 'array' type, 'minItems' values other than 0 or 1 are not supported"
    children = [*node.get("properties", {}).values(), *node.get("anyOf", []), *node.get("allOf", [])]
    for child in [*children, *([node["items"]] if "items" in node else [])]:
        yield from _findings(child, root, trail)


def _reference_findings(reference: str, root: Any, trail: tuple[str, ...]) -> Iterator[str]:
    if not reference.startswith("#/"):
        yield "External $ref is not supported"
        return
    if reference in trail:
        yield "Recursive schemas are not supported"
        return
    yield from _findings(_target(reference, root), root, (*trail, reference))


def _target(reference: str, root: Any) -> Any:
    """What an internal reference points to, None for nothing."""
    target = root
    for part in reference[2:].split("/"):
        target = target.get(part) if isinstance(target, dict) else None
    return target


def fit(answer: dict[str, Any], schema: bytes) -> dict[str, Any]:
    """An answer with exactly the schema's required properties, in its order, as constrained decoding gives.

    A value that the schema's enumeration lacks becomes its last member; a property that the answer lacks gets the
    plainest value of its type.
    """
    parsed = _parsed(schema)
    return _fitted(answer, parsed, parsed)


def _fitted(answer: dict[str, Any], parsed: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    fitted: dict[str, Any] = {}
    for name, node in parsed.get("properties", {}).items():
        if name not in answer and name not in parsed.get("required", ()):
            continue
        node = _target(node["$ref"], root) if "$ref" in node else node
        if node.get("type") == "object":
            inner = answer.get(name)
            fitted[name] = _fitted(inner if isinstance(inner, dict) else {}, node, root)
            continue
        kind = node.get("type", "string")
        value = answer.get(name, _DEFAULTS.get(kind if isinstance(kind, str) else kind[0]))
        if "enum" in node and value not in node["enum"]:
            value = node["enum"][-1]
        fitted[name] = value
    return fitted


@lru_cache(maxsize=64)
def _parsed(schema: bytes) -> dict[str, Any]:
    parsed = orjson.loads(schema)
    return parsed if isinstance(parsed, dict) else {}
