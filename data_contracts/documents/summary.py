"""What a published night amounts to: runs/D/RUN/summary.json."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from data_contracts.documents.balance import Balance
from data_contracts.documents.golden import GoldenNight
from data_contracts.documents.ledger import EstimateSource
from data_contracts.documents.plan import PlannedChampion
from data_contracts.documents.quality import ConfusionMatrix
from data_contracts.documents.trust import Trust
from data_contracts.tables.metrics import MetricRow


class RouteFigures(BaseModel):
    """A row of the table `routes`: what a step decided; what an audit says is None where none was answered."""

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


class Night(BaseModel):
    """What a published night amounts to, as it is stored in summary.json."""

    model_config = ConfigDict(frozen=True)

    run_date: str
    run_id: str
    plan_sha256: str
    model_id: str
    prompt: str
    balance: Balance
    rejected: dict[str, int]
    statuses: dict[str, int]
    violation_count: int
    duplicate_count: int
    estimated_cost_usd: float | None
    estimated_input_tokens: int = 0
    estimated_output_tokens: int = 0
    #: how most of the tokens to be read were estimated; None when nothing was asked
    estimate_source: EstimateSource | None = None
    cost_usd: float | None
    #: what was found before the first job, or in the books, that somebody should know
    warnings: tuple[str, ...] = ()
    jobs: list[dict[str, Any]]
    metrics: list[MetricRow]
    alerts: dict[str, Any]
    seconds: dict[str, float]
    paths: dict[str, str]
    confusion: list[ConfusionMatrix] = []
    #: whether its verdicts can be trusted; None in summaries of earlier versions
    trust: Trust | None = None
    #: None where the golden pack did not ride along
    golden: GoldenNight | None = None
    #: what each step of the policy decided; left out where the policy is plain
    routes: tuple[RouteFigures, ...] = Field(default=(), exclude_if=lambda routes: not routes)
    #: None where the settings name prompt and model
    champion: PlannedChampion | None = None
