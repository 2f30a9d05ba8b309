"""Which answer counts where a step has decided and the model was asked too."""

from __future__ import annotations

import polars as pl
import pytest

from data_contracts.documents.plan import PlannedPolicy
from prompts.policies import read_policy
from tasks.route.decisions import ROUTED
from tasks.verdicts.routed_answers import Steps, routed_answers
from tests import factories

LIGHT_FIRST = read_policy("light_first", "comment_review")
PLAN = factories.plan(
    policy=PlannedPolicy(name="light_first", sha256="c" * 64, is_plain=False),
    askers=(factories.planned_asker(step="light", model_id="light"), factories.planned_asker()),
)
JOBS = pl.LazyFrame(
    {
        "key": ["k1", "k2"],
        "batch_job_arn": ["arn-light", "arn-model"],
        "_epoch": [0, 0],
        "_input_pico": [1, 10],
        "_output_pico": [1, 10],
    }
)
CLEARED = {"violation": False, "category": "none", "confidence": 0.95, "explanation": ""}


@pytest.mark.parametrize(
    ("said", "status", "violation", "is_audit"),
    [
        pytest.param([{"key": "k2"}], "judged", True, True, id="judged"),
        pytest.param([{"key": "k2", "status": "refused"}], "refused", None, True, id="refused"),
        pytest.param([{"key": "k2", "status": "malformed"}], "judged", False, False, id="malformed"),
        pytest.param([{"key": "k2", "status": "error"}], "judged", False, False, id="error"),
        pytest.param([], "judged", False, False, id="no-line"),
    ],
)
def test_an_audit_counts_where_the_model_answered(
    said: list[dict[str, object]], status: str, violation: bool | None, is_audit: bool
) -> None:
    """Its verdict and its refusal are published; where nothing usable came, the step's own verdict stands."""
    routed = ROUTED.conform(
        ROUTED.widen(
            pl.LazyFrame({"record_id": ["r1"], "text_sha256": ["t1"], "sent_on": [False], "flags": [""], "draw": [0.0]})
        )
    )
    requests = factories.requests(
        {"key": "k1", "asked_as": "l1"}, {"key": "k2", "asked_as": "a1", "inclusion_probability": 0.05}
    )
    answers = factories.answers({"key": "k1"} | CLEARED, *said)
    best = routed_answers(
        routed, requests.lazy(), answers.lazy(), JOBS, Steps(["k1"], [], ["k2"]), PLAN, LIGHT_FIRST
    ).collect()
    assert best.select("step", "status", "violation", "is_audit").rows() == [("light", status, violation, is_audit)]
