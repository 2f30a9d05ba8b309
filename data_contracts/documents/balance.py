"""What became of each ingested row and each token: runs/D/RUN/balance.json."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Balance(BaseModel):
    """The night's books: every row and every paid token accounted for.

    ledger = verdict + golden + canary + unattributed, in tokens and in dollars; a cost is None where it is not known.
    """

    model_config = ConfigDict(frozen=True)

    ingested_count: int
    valid_count: int
    rejected_count: int
    verdict_count: int
    ledger_input_tokens: int
    ledger_output_tokens: int
    verdict_input_tokens: int
    verdict_output_tokens: int
    golden_input_tokens: int = 0
    golden_output_tokens: int = 0
    canary_input_tokens: int = 0
    canary_output_tokens: int = 0
    unattributed_input_tokens: int
    unattributed_output_tokens: int
    ledger_cost_usd: float | None
    verdict_cost_usd: float | None
    golden_cost_usd: float | None = 0.0
    canary_cost_usd: float | None = 0.0
    unattributed_cost_usd: float | None
    #: comments without a verdict, each on the review list
    review_count: int = 0
    #: comments whose verdict is another than that of the day's publication before
    flip_count: int = 0
    verdicts_version: int | None = None
    rejected_version: int | None = None
    review_version: int | None = None
    flips_version: int | None = None
