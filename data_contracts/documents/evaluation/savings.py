"""What policies would cost and miss, from stored answers: what `savings --json` and `savings --replay` write."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class PolicySavings(BaseModel):
    """One policy over a set; a figure that is not defined or not known is null.

    Attributes:
        policy: its name.
        cost_per_1000_usd: of 1,000 comments at the prices of batch, audits included.
        cost_ratio: of that to what `plain` costs.
        f1, recall, precision: against the labels, weighted, without what the audits would put right.
        recall_loss_high: the upper 95 % bound of the share of labelled violations that the model flags and the policy
            lets pass; 0 where every comment is the model's.
        needs_labels: about how many labelled comments more would prove a loss below `MODERATION_MARGIN`; null where
            nothing is left to prove, and where the labels there are speak against it.
    """

    model_config = ConfigDict(frozen=True)

    policy: str
    cost_per_1000_usd: float | None
    cost_ratio: float | None
    f1: float | None
    recall: float | None
    precision: float | None
    recall_loss_high: float | None
    needs_labels: int | None


class ReplayRow(PolicySavings):
    """A policy with one threshold of one of its steps, and how sure its figures are (95 %).

    Attributes:
        step: whose threshold it is; null for a policy without one.
        threshold: from which confidence the step clears; null like `step`.
        is_shipped: whether the policy's file says this threshold.
        model_share: share of comments that the model is asked for as its own, audits aside.
        violations: labelled violations that the bound of `recall_loss_high` rests on; like texts are one.
        lost: of these, how many the model flags and the policy lets pass.
    """

    step: str | None
    threshold: float | None
    is_shipped: bool
    model_share: float
    violations: int
    lost: int
    f1_low: float | None
    f1_high: float | None
    recall_low: float | None
    recall_high: float | None
    precision_low: float | None
    precision_high: float | None
