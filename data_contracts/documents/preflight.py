"""What was found before the money is spent: runs/D/RUN/preflight.json."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Preflight(BaseModel):
    """What was found; `warnings` are what somebody should know before, and after, the money is spent.

    Attributes:
        canary: what came of the one record that was tried, `none` if none was; empty until the run comes to it.
        lifecycle: how the model's life stands; empty if nobody looked.
        ending: the same in words, where there is something to tell.
        tried: steps of the policy whose first request was tried; left out where the policy is plain.
        refused: steps whose first request Bedrock did not take, and which the run goes on without; left out if none.
        told: channels that were told of the model's end now.
    """

    model_config = ConfigDict(frozen=True)

    canary: str = ""
    lifecycle: str = ""
    ending: str = ""
    told: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    tried: tuple[str, ...] = Field(default=(), exclude_if=lambda steps: not steps)
    refused: tuple[str, ...] = Field(default=(), exclude_if=lambda steps: not steps)
