"""Meta Llama, its own body: one formatted prompt.

Source: Bedrock User Guide, model-parameters-meta.
"""

from collections.abc import Mapping
from typing import Any

from sandbox.bedrock.catalog import Model
from sandbox.bedrock.families.base import Prompt, Reply, check_count, check_keys, check_number, check_type
from sandbox.bedrock.tokens import count_tokens

_DEFAULT_MAX_TOKENS = 512
_DECLINED = "I can't help with that."


def read(body: Mapping[str, Any], model: Model) -> Prompt:
    """What a Llama body asks.

    Raises:
        BadBody: when the model would refuse it.
    """
    check_keys(body, allowed=("prompt", "max_gen_len", "temperature", "top_p", "images"), required=("prompt",))
    check_type(body["prompt"], str, "prompt")
    check_count(body.get("max_gen_len"), "max_gen_len")
    check_number(body.get("temperature"), "temperature", 0, 1)
    check_number(body.get("top_p"), "top_p", 0, 1)
    return Prompt(
        text=body["prompt"],
        input_tokens=count_tokens(body["prompt"]) + 1,
        max_tokens=body.get("max_gen_len") or _DEFAULT_MAX_TOKENS,
    )


def write(reply: Reply, model: Model) -> dict[str, Any]:
    """A Llama response; a refusal looks like any other answer."""
    return {
        "generation": _DECLINED if reply.stop == "refusal" else reply.text,
        "prompt_token_count": reply.input_tokens,
        "generation_token_count": reply.output_tokens,
        "stop_reason": "length" if reply.stop == "max_tokens" else "stop",
    }
