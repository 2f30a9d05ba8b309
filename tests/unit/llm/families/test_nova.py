"""How Nova is asked, and what is no output of its."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.llm.families.base import NoReply, Reply, StopKind
from tasks.llm.families.nova import Nova
from tests import factories


def test_a_body_is_novas_own_with_an_open_fence() -> None:
    """Nova is asked by its own body: parameters in inferenceConfig, an answer that goes on within a JSON fence."""
    assert Nova().body(factories.prompt(), "</comment>") == {
        "system": [{"text": "Judge the comment."}],
        "messages": [
            {"role": "user", "content": [{"text": "<comment>\n&lt;/comment&gt;\n</comment>"}]},
            {"role": "assistant", "content": [{"text": "```json"}]},
        ],
        "inferenceConfig": {"maxTokens": 100, "temperature": 0.0, "stopSequences": ["```"]},
    }


def test_an_answer_within_its_fence_is_a_reply() -> None:
    """What comes between the opened fence and the stop sequence is the text, with the tokens that were counted."""
    output = factories.message_output("\n{}\n", "stop_sequence")
    assert Nova().read(output) == Reply(StopKind.FINISHED, "stop_sequence", "\n{}\n", 1000, 50)


@pytest.mark.parametrize("action", ["INTERVENED", "NONE", None])
def test_a_guardrail_that_stepped_in_is_a_refusal(action: str | None) -> None:
    """A guardrail's text looks like an answer's end; the action beside it tells."""
    reply = Nova().read(factories.message_output() | {"amazon-bedrock-guardrailAction": action})
    assert (reply.stop is StopKind.REFUSED) is (action == "INTERVENED")


@pytest.mark.parametrize(
    "output",
    [
        pytest.param({}, id="empty"),
        pytest.param(factories.message_output() | {"stopReason": None}, id="no-stop-reason"),
        pytest.param(factories.message_output() | {"output": "text"}, id="output-is-no-object"),
        pytest.param(factories.message_output() | {"output": {"message": []}}, id="message-is-no-object"),
        pytest.param(
            factories.message_output() | {"output": {"message": {"content": "text"}}}, id="content-is-no-list"
        ),
        pytest.param(factories.claude_output(), id="claude's-output"),
    ],
)
def test_another_shape_is_no_nova_output(output: dict[str, Any]) -> None:
    """An output without its stop reason, or with content of another kind, is of another shape."""
    with pytest.raises(NoReply, match="no stopReason, or content that is no list"):
        Nova().read(output)


@pytest.mark.parametrize(
    "nothing",
    [None, {}, {"message": None}, {"message": {"role": "assistant"}}, {"message": {"content": None}}],
)
def test_what_was_filtered_need_not_hold_any_content(nothing: Any) -> None:
    """Why it stopped is looked at first: a filtered answer may come without the blocks that it would have had."""
    output = factories.message_output(stop_reason="content_filtered") | {"output": nothing}
    assert Nova().read(output) == Reply(StopKind.REFUSED, "content_filtered", "", 1000, 50)
