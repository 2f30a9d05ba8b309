"""A night as it was closed: eight comments, of which one has no verdict."""

from __future__ import annotations

from typing import Any

from data_contracts.documents.balance import Balance
from data_contracts.documents.summary import Night
from tests import factories

BOOKS = Balance(
    ingested_count=10,
    valid_count=8,
    rejected_count=2,
    verdict_count=8,
    ledger_input_tokens=8000,
    ledger_output_tokens=400,
    verdict_input_tokens=7000,
    verdict_output_tokens=350,
    unattributed_input_tokens=1000,
    unattributed_output_tokens=50,
    ledger_cost_usd=0.005,
    verdict_cost_usd=0.004375,
    unattributed_cost_usd=0.000625,
    review_count=1,
)


def night(**overrides: Any) -> Night:
    """The summary, with what a test overrides."""
    given: dict[str, Any] = {
        "run_date": factories.RUN_DATE.isoformat(),
        "run_id": factories.RUN_ID,
        "plan_sha256": factories.plan().sha256,
        "model_id": factories.MODEL_ID,
        "prompt": "comment_review/v1",
        "balance": BOOKS,
        "rejected": {"null_text": 2},
        "statuses": {"judged": 7, "missing": 1},
        "violation_count": 3,
        "duplicate_count": 1,
        "estimated_cost_usd": 0.006,
        "estimated_input_tokens": 9000,
        "estimated_output_tokens": 420,
        "estimate_source": "learnt",
        "cost_usd": 0.005,
        "jobs": [],
        "metrics": [],
        "alerts": {},
        "seconds": {},
        "paths": {},
    }
    return Night(**(given | overrides))
