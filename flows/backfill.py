"""The backfill flow: plans several days, asks a person, then judges them one after another, oldest first.

A crash at any line is harmless: each day is a night with its own ledger, and the backfill's record says which are done.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any

from prefect import flow
from prefect.logging.loggers import flow_run_logger
from prefect.runtime import flow_run
from pydantic import Field

from flows.approval import MAX_BUDGET_USD, asking
from flows.backfill_run import BackfillRun
from flows.endings import ended, or_refused
from flows.plain_errors import log_plainly
from tasks import adapters
from tasks.base.panics import panics_told
from tasks.base.settings import Settings
from tasks.jobs.stop_jobs import stop_left
from tasks.ledger.champion import serving
from tasks.past_days.backfill.record import load_record
from tasks.past_days.backfill.request import BackfillMode, BackfillRequest, check_request
from tasks.past_days.backfill.tables import describe_idle
from tasks.past_days.backfill.turn import in_turn
from tasks.reports.ending import Ending

log_plainly()

#: What a refused backfill returns.
REFUSED = "refused: nothing was done"


def _read_request(typed: BackfillRequest) -> tuple[Settings, BackfillRequest]:
    """The settings and the whole request that a form with empty fields stands for."""
    named = {name: value for name in ("prompt_version", "model_id") if (value := getattr(typed, name).strip())}
    settings = serving(Settings.load(**named))
    return settings, typed.model_copy(
        update={
            "prompt_version": settings.prompt_version,
            "model_id": settings.model_id,
            "reason": " ".join(typed.reason.split()),
            "is_prompt_named": "prompt_version" in named,
            "is_model_named": "model_id" in named,
        }
    )


def stop_cancelled(flow: Any, flow_run: Any, state: Any) -> None:
    """Prefect's hook, in another process: stop the jobs of a cancelled backfill that was killed before it could."""
    given = {name: value for name, value in flow_run.parameters.items() if value is not None}
    typed = {name: given.get(name, "") for name in ("start_date", "end_date", "prompt_version", "model_id", "reason")}
    settings, request = _read_request(BackfillRequest.model_validate(typed | {"mode": given.get("mode", "missing")}))
    record = load_record(adapters.connect(settings).storage, settings, request)
    for day in record.under_way:
        stopped = stop_left(settings, day, record.begun[day].run_id, lambda: datetime.now(UTC))
        if stopped is not None:
            flow_run_logger(flow_run, flow).warning("Cancelled in %s: %s", day, stopped.told)


@flow(
    name="backfill",
    flow_run_name="backfill-{start_date}-{end_date}-{mode}",
    persist_result=False,
    on_cancellation=[stop_cancelled],
)
def backfill(
    *,
    start_date: date,
    end_date: date,
    mode: BackfillMode = "missing",
    prompt_version: str | None = None,
    model_id: str | None = None,
    max_cost_usd: Annotated[float, Field(gt=0, le=MAX_BUDGET_USD)] | None = None,
    reason: str,
    approve: bool = False,
    accept_flips: bool = False,
) -> Any:
    """Plan the days from start to end, ask whether to go, then judge them, oldest first. Nobody is paged.

    The plan is a table on this run's Artifacts tab. Unless `approve` is on, the run then pauses: press Resume, look at
    the form and say go. Each day is a run of its own below this one; cancel this run, not a day's, to stop. Started
    again with the same parameters, the reason included, it goes on where it stopped.

    Args:
        start_date: The first day.
        end_date: The last day, included; yesterday at the latest.
        mode: Which of the days are judged. missing: has input and is not published. failed: a run stopped, and nothing
            was published since. partial: published, but some comments have no verdict. stale_prompt: judged with
            another prompt or model. late_input: files came after it was published. all: every day, judged and paid
            anew.
        prompt_version: The prompt version to judge with, as v2. Empty: the settings'; partial and late_input keep the
            day's own.
        model_id: The model to judge with. Empty: as for the prompt.
        max_cost_usd: Most that the whole backfill may cost, in dollars. Empty: what the plan says and a quarter more.
        reason: Why this is done. It stays on record with the days.
        approve: On: carry the plan out without asking.
        accept_flips: On: publish a day even if more of its verdicts change than MODERATION_MAX_FLIP_FRACTION.
    """
    typed = BackfillRequest(
        start_date=start_date,
        end_date=end_date,
        mode=mode,
        prompt_version=prompt_version or "",
        model_id=model_id or "",
        reason=reason,
    )
    return or_refused(lambda: _carry_out(typed, max_cost_usd, approve, accept_flips))


def _carry_out(typed: BackfillRequest, max_cost_usd: float | None, approve: bool, accept_flips: bool) -> Any:
    """Check the form, wait for the turn, agree on the plan and carry it out.

    Raises:
        WrongUsage: naming what is wrong with the form.
    """
    settings, request = _read_request(typed)
    now = datetime.now(UTC)
    today = now.astimezone(settings.zone).date()
    check_request(request.start_date, request.end_date, request.reason, today, settings.backfill_max_days)
    # A run that is started again has another id: its first process may live on, cut off from Prefect.
    run_id = f"backfill-{now:%Y%m%dT%H%M%S}-{str(flow_run.id)[:8]}-{flow_run.run_count}"
    with panics_told(), in_turn(settings, run_id, str(flow_run.name), now, asking.get().show) as turn:
        run = BackfillRun(settings, request, turn)
        plan = run.agree(max_cost_usd, approve)
        if plan is None:
            return ended(REFUSED, "the plan was refused: nothing was done", Ending.REFUSED)
        if not plan.days:
            return ended(describe_idle(plan), describe_idle(plan))
        return run.carry_out(plan, accept_flips)
