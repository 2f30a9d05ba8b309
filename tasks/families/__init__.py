"""Model families: how each is asked and how its output is read, behind one interface.

A new family is one module here and one line in `FAMILIES`.
"""

from __future__ import annotations

from prompts import Prompt
from tasks.errors import PromptInvalid, UnsupportedModel
from tasks.families.base import Family
from tasks.families.claude import Claude
from tasks.models import parse_model_id

#: Families by the beginning of the foundation model's id.
FAMILIES: dict[str, Family] = {"anthropic.claude": Claude()}


def pick_family(model_id: str, prompt: Prompt | None = None) -> Family:
    """The family that a model id, inference-profile id or ARN belongs to.

    Raises:
        UnsupportedModel: if none does; the text lists what is supported.
        PromptInvalid: if the prompt was not written for the family.
    """
    base_id = parse_model_id(model_id).base_id
    family = next((family for prefix, family in FAMILIES.items() if base_id.startswith(prefix)), None)
    if family is None:
        known = ", ".join(f"{prefix}*" for prefix in FAMILIES)
        raise UnsupportedModel(f"MODERATION_MODEL_ID {model_id!r} is of no supported family ({known})")
    if prompt is not None and family.name not in prompt.families:
        raise PromptInvalid(
            f"prompt {prompt.id}/{prompt.version} is written for {', '.join(prompt.families)}, not for {family.name}"
        )
    return family
