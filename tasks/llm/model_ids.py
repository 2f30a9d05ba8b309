"""Which model an id stands for: Bedrock takes model ids, inference-profile ids and ARNs of both."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

Scope = Literal["global", "regional"]

#: Geographic inference profiles. Source: Amazon Bedrock User Guide, "Supported Regions and models for inference
#: profiles".
_GEOGRAPHIES = ("us", "us-gov", "eu", "au", "jp", "apac")
_ARN = re.compile(r"arn:aws[^:]*:bedrock:[^:]*:[0-9]*:(?:foundation-model|inference-profile)/(?P<id>.+)")


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
