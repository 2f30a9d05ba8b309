"""How each model family's request bodies are read and its answers written.

One module a family, two functions each: ``read`` checks a body as the model would and gives a ``Prompt``; ``write``
puts a ``Reply`` into the family's own response. ``converse`` is the one shape for all of them.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from sandbox.bedrock.catalog import Model
from sandbox.bedrock.families import claude, converse, gpt_oss, llama, nova
from sandbox.bedrock.families.base import Prompt, Reply

Body = Mapping[str, Any]


class Family(NamedTuple):
    """A way to ask and to answer."""

    read: Callable[[Body, Model], Prompt]
    write: Callable[[Reply, Model], dict[str, Any]]


INVOKE = {
    "claude": Family(claude.read, claude.write),
    "nova": Family(nova.read, nova.write),
    "llama": Family(llama.read, llama.write),
    "gpt-oss": Family(gpt_oss.read, gpt_oss.write),
}
CONVERSE = Family(converse.read, converse.write)
