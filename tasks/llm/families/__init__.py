"""Model families: how each is asked and how its output is read, behind one interface.

A new family is one module here and one line in `FAMILIES`; a model that Converse is enough for is a line in
`CONVERSED`.
"""

from __future__ import annotations

from collections.abc import Iterable

from data_contracts.batch_lines import InvocationChoice
from prompts import Prompt
from tasks.base.errors import PromptInvalid, UnsupportedModel
from tasks.llm.families.base import Family
from tasks.llm.families.claude import Claude
from tasks.llm.families.converse import Converse
from tasks.llm.families.nova import Nova
from tasks.llm.model_ids import parse_model_id

#: Families with a body of their own, by the beginning of the foundation model's id.
FAMILIES: dict[str, Family] = {
    "anthropic.claude": Claude(),
    "amazon.nova-micro": Nova(),
    "amazon.nova-lite": Nova(),
    "amazon.nova-pro": Nova(),
    "amazon.nova-premier": Nova(),
    "amazon.nova-2-lite": Nova(),
}

#: Beginnings of models that are asked by Converse.
CONVERSED = ("meta.llama", "openai.gpt-oss")


def pick_family(model_id: str, prompt: Prompt | None = None, invocation_type: InvocationChoice = "auto") -> Family:
    """The family that a model id, inference-profile id or ARN belongs to.

    Args:
        invocation_type: `Converse` takes any model, even an application inference profile whose ARN does not name its
            model: what cannot converse is refused by Bedrock.

    Raises:
        UnsupportedModel: if none does; the text lists what is supported.
        PromptInvalid: if the prompt was not written for the family.
    """
    family = _family(parse_model_id(model_id).base_id, invocation_type)
    if family is None:
        raise UnsupportedModel(
            f"MODERATION_MODEL_ID {model_id!r} is not supported with MODERATION_INVOCATION_TYPE={invocation_type}. "
            f"By InvokeModel: {_listed(FAMILIES)}. By Converse: {_listed(CONVERSED)}, and with "
            "MODERATION_INVOCATION_TYPE=Converse any model or inference profile that Bedrock converses with in batches"
        )
    if prompt is not None and family.name not in prompt.families:
        raise PromptInvalid(
            f"prompt {prompt.id}/{prompt.version} is written for {', '.join(prompt.families)}, not for {family.name}"
        )
    return family


def _family(base_id: str, invocation_type: InvocationChoice) -> Family | None:
    own = next((family for prefix, family in FAMILIES.items() if base_id.startswith(prefix)), None)
    match invocation_type:
        case "InvokeModel":
            return own
        case "Converse":
            # PROVIDER.MODEL; anything else is a slip of the pen that would only fail at Bedrock.
            return Converse.of(base_id) if "." in base_id or base_id.startswith("arn:") else None
        case "auto":
            return own or (Converse.of(base_id) if base_id.startswith(CONVERSED) else None)


def _listed(prefixes: Iterable[str]) -> str:
    return ", ".join(f"{prefix}*" for prefix in prefixes)
