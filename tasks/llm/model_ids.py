"""Which model an id stands for: Bedrock takes model ids, inference-profile ids and ARNs of both."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

Scope = Literal["global", "regional"]

#: Geographic inference profiles. Source: Amazon Bedrock User Guide, "Supported Regions and models for inference
#: profiles".
_GEOGRAPHIES = ("us", "us-gov", "eu", "au", "jp", "apac")
_ARN = re.compile(r"arn:aws[^:]*:bedrock:(?P<region>[^:]*):[0-9]*:(?:foundation-model|inference-profile)/(?P<id>.+)")
_APPLICATION = re.compile(r"arn:aws[^:]*:bedrock:[^:]*:[0-9]*:application-inference-profile/.+")


class ModelRef(NamedTuple):
    """A model and the scope that decides its price.

    Attributes:
        base_id: the foundation model's id, e.g. `anthropic.claude-haiku-4-5-20251001-v1:0`.
        scope: `regional` for a geographic profile, else `global`.
    """

    base_id: str
    scope: Scope


def parse_model_id(model_id: str) -> ModelRef:
    """The model behind a model id, an inference-profile id or an ARN of either.

    An application inference profile's ARN says nothing of its model and comes back as it is.
    """
    match = _ARN.fullmatch(model_id)
    profile = match["id"] if match else model_id
    prefix, _, rest = profile.partition(".")
    if prefix == "global":
        return ModelRef(rest, "global")
    if prefix in _GEOGRAPHIES:
        return ModelRef(rest, "regional")
    return ModelRef(profile, "global")


def maker_of(model_id: str) -> str | None:
    """Who makes a model, as its id says: `anthropic`; None of an ARN that does not."""
    base_id = parse_model_id(model_id).base_id
    return None if base_id.startswith("arn:") or "." not in base_id else base_id.partition(".")[0]


def is_application_profile(model_id: str) -> bool:
    """Whether an id is the ARN of an application inference profile, which does not say its model."""
    return _APPLICATION.fullmatch(model_id) is not None


def model_of_destinations(arns: Sequence[str]) -> str:
    """The model id that an application inference profile stands for, with the scope of its price.

    One Region gives the bare id. Several give the id of a geographic profile, and a destination without a Region that
    of the global one. Source: Amazon Bedrock API Reference, GetInferenceProfile (`models`: one model, by its ARN in
    each Region); Amazon Bedrock User Guide, "Global cross-Region inference" (the ARN without a Region).

    Args:
        arns: of foundation models, where the profile sends requests to.

    Raises:
        ValueError: if they are none, or not of one model.
    """
    matches = [match for arn in arns if (match := _ARN.fullmatch(arn))]
    models, regions = {match["id"] for match in matches}, {match["region"] for match in matches}
    if len(models) != 1 or len(matches) != len(arns):
        raise ValueError(f"not the ARNs of one model: {', '.join(arns)}")
    (model,) = models
    if "" in regions:
        return f"global.{model}"
    return model if len(regions) == 1 else f"{_geography(regions)}.{model}"


def _geography(regions: set[str]) -> str:
    """The prefix of the geographic profile that reaches these Regions; Bedrock sends no request over its border."""
    if regions <= {"ap-northeast-1", "ap-northeast-3"}:
        return "jp"
    if regions <= {"ap-southeast-2", "ap-southeast-4"}:
        return "au"
    begins = {"us-gov-": "us-gov", "us-": "us", "ca-": "us", "eu-": "eu", "ap-": "apac"}
    first = min(regions)
    return next((prefix for begin, prefix in begins.items() if first.startswith(begin)), "us")
