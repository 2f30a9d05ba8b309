"""Stage: that Bedrock does not take a policy's packs is told once; the night goes on without them."""

from __future__ import annotations

from datetime import datetime

from data_contracts.documents.plan import Plan
from tasks import adapters
from tasks.alerts.message import Scene
from tasks.alerts.tell import Telling, notify
from tasks.alerts.words import WORDS
from tasks.alerts.words.packs import PACKS_ADVICE, PACKS_LEAD, PACKS_TITLE
from tasks.base.ports import AlertMessage, Severity
from tasks.base.settings import Settings
from tasks.base.stage import single_stage
from tasks.llm.model_ids import parse_model_id


@single_stage
def tell_refused_packs(
    settings: Settings, plan: Plan, reason: str, now: datetime, *, is_quiet: bool = False
) -> Telling:
    """Tell it, once for each model and policy; what Bedrock said stands in the message.

    Reads: state/alerts/groups/pipeline.json.
    Writes: the alert channels, state/alerts/groups/pipeline.json.
    Stops when: never.
    """
    if is_quiet:
        return Telling()
    language, facts = settings.language, {"model": plan.model_id, "day": str(plan.run_date)}
    severity = Severity.TICKET
    lines = [
        PACKS_LEAD[language].format_map(facts),
        WORDS[language].severities[severity],
        "",
        reason,
        "",
        PACKS_ADVICE[language].format_map(facts),
    ]
    message = AlertMessage(
        title=PACKS_TITLE[language].format_map(facts),
        ascii_title=PACKS_TITLE["en"].format_map(facts),
        body="\n".join(lines),
        severity=severity,
    )
    key, mark = f"packs {parse_model_id(plan.model_id).base_id}", plan.policy.sha256 if plan.policy else ""
    scene, sender = Scene(settings=settings, now=now), f"{plan.run_id} tell_refused_packs"
    return notify(adapters.connect(settings), "pipeline", key, mark, message, scene, sender)
