"""What each step of the night's policy decided, in summary.json: the rows of the table `routes`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class RouteFigures(BaseModel):
    """A row of `routes`; what an audit says is None where none was answered."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    step: str
    decided_count: int
    audited_count: int
    audit_errors: int
    error_rate: float | None
    ci_low: float | None
    ci_high: float | None
    missed_violations: float | None
    missed_low: float | None
    missed_high: float | None
    cost_usd: float | None
