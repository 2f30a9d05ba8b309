"""One run of a backfill: it agrees on a plan with a person, carries it out, and puts on record how far it came."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from prefect import get_run_logger
from prefect.artifacts import create_table_artifact
from prefect.client.orchestration import get_client
from prefect.runtime import flow_run
from prefect.states import Cancelled

from flows.approval import asking
from flows.backfill_day import DayEnd, backfill_day
from flows.endings import ended
from flows.pages.live_table import LiveTable
from tasks import adapters
from tasks.adapters.storage import Storage
from tasks.base.errors import BackfillIncomplete, OverBudget, describe_failure
from tasks.base.figures import dollars
from tasks.base.panics import panics_told
from tasks.base.paths import DayPaths
from tasks.base.safe_text import literal
from tasks.base.settings import Settings
from tasks.batch.wanted_records import booked_cost
from tasks.ledger.entries import read_ledger
from tasks.past_days.backfill.plan_backfill import BackfillPlan, PlannedDay, changed_days, plan_backfill
from tasks.past_days.backfill.record import (
    BackfillRecord,
    Begun,
    DayProgress,
    Grant,
    cost_of_day,
    load_record,
    settle_begun,
    store_record,
)
from tasks.past_days.backfill.request import BackfillMode, BackfillRequest
from tasks.past_days.backfill.tables import (
    describe_changed,
    describe_endings,
    plan_rows,
    plan_summary,
    progress_rows,
    render_table,
    worded_rows,
)
from tasks.past_days.backfill.turn import Turn
from tasks.reports.ending import Ending
from tasks.reports.words.say import say_in

#: Modes that judge a day although it is published as it stands.
_AGAIN: frozenset[BackfillMode] = frozenset({"partial", "stale_prompt", "all"})


class BackfillRun:
    """One run of a backfill, and what it puts on record."""

    def __init__(self, settings: Settings, request: BackfillRequest, turn: Turn) -> None:
        self._settings, self._request, self._turn = settings, request, turn
        self._storage: Storage = adapters.connect(settings).storage
        record = load_record(self._storage, settings, request)
        self._record = settle_begun(settings, self._storage, record, datetime.now(UTC))
        self._budget_usd: float | None = None
        self._say = say_in(settings.language)
        self._name = f"backfill-{request.start_date}-{request.end_date}-{request.mode}".replace("_", "-")

    def agree(self, max_cost_usd: float | None, approve: bool) -> BackfillPlan | None:
        """The plan that may be carried out; None if a person refused it.

        Raises:
            OverBudget: if it is expected to cost more than it may.
            Unanswered, WrongUsage: if nobody could say.
        """
        plan = self._plan()
        self._show(plan)
        short: str | None = None
        while plan.days:
            budget = max_cost_usd if max_cost_usd is not None and not short else suggested_budget(plan, self._record)
            if approve:
                return self._grant(plan, Grant(**_plan_of(plan), budget_usd=budget, by="approve"))
            question = plan_summary(plan, self._record, self._settings, asking.get().language(self._settings))
            if short:
                again = self._say.plain("**{short}.** Give a larger budget, or say no.", short=literal(short))
                question = f"{again}\n\n{question}"
            answer = asking.get().ask_plan(self._settings, question, budget)
            if not answer.go:
                return None
            self._budget_usd = answer.budget_usd
            if (short := self._shortfall(plan.cost_usd)) is not None:
                asking.get().show(f"{short}: asked again")
                continue
            seen, plan = plan, self._plan()
            if plan.sha256 != seen.sha256:
                asking.get().show(describe_changed(changed_days(seen, plan)))
                self._show(plan)
                continue
            grant = Grant(**_plan_of(plan), budget_usd=answer.budget_usd, by="answer", who=answer.who, why=answer.why)
            return self._grant(plan, grant)
        return plan

    def _plan(self) -> BackfillPlan:
        return plan_backfill(self._settings, self._request, self._record, datetime.now(UTC))

    def _show(self, plan: BackfillPlan) -> None:
        rows, summary = plan_rows(plan), plan_summary(plan, self._record, self._settings)
        told = plan_summary(plan, self._record, self._settings, self._settings.language)
        create_table_artifact(worded_rows(rows, self._say), key=f"{self._name}-plan", description=told)
        asking.get().show(f"Plan of backfill {self._record.id}\n{render_table(rows)}\n{summary}")

    def _grant(self, plan: BackfillPlan, grant: Grant) -> BackfillPlan:
        self._budget_usd = grant.budget_usd
        self._check_covered(plan.cost_usd)
        self._keep(self._record.with_grant(grant))
        return plan

    def _check_covered(self, cost_usd: float | None) -> None:
        """Raises OverBudget unless what is still to come fits into what is left."""
        if (short := self._shortfall(cost_usd)) is not None:
            raise OverBudget(
                f"{short}; start it again with the same parameters and a higher budget (Max Cost Usd, --max-cost-usd)"
            )

    def _shortfall(self, cost_usd: float | None) -> str | None:
        """Why what is still to come does not fit into what is left; None if it does, or if nobody can tell."""
        left = self._left_usd()
        if cost_usd is None or left is None or cost_usd <= left:
            return None
        spent = f" and {dollars(self._record.spent_usd)} are spent" if self._record.spent_usd else ""
        budget = dollars(self._budget_usd)
        return f"an estimated {dollars(cost_usd)} is still to come{spent}: over the backfill's budget of {budget}"

    def _left_usd(self) -> float | None:
        return None if self._budget_usd is None else self._budget_usd - self._record.spent_usd

    def _keep(self, record: BackfillRecord) -> None:
        self._record = record
        store_record(self._storage, self._settings, record)

    def carry_out(self, plan: BackfillPlan, accept_flips: bool) -> Any:
        """Judge the planned days, oldest first; one that stops does not keep the others from being judged.

        Raises:
            OverBudget: as soon as the next day does not fit into what is left.
            LeaseLost: if this run was taken for dead and another backfill is at work.
            BackfillIncomplete: in the end, if a day stopped.
        """
        table = LiveTable(self._name)
        for planned in plan.days:
            day = planned.day.run_date
            if _is_cancelled():
                return Cancelled(message=f"cancelled before {day}; start it again with the same parameters to go on")
            self._turn.check()
            table.show(worded_rows(progress_rows(plan, self._record, day), self._say), self._described())
            record = self._end_of(planned, accept_flips)
            self._keep(self._record.with_day(day, record))
            table.show(worded_rows(progress_rows(plan, self._record, None), self._say), self._described())
            asking.get().show(f"{day}: {record.outcome}, {dollars(record.cost_usd)}; {record.note}".rstrip("; "))
        days = [self._record.days[planned.day.run_date] for planned in plan.days]
        stopped = [
            planned.day.run_date for planned, day in zip(plan.days, days, strict=True) if day.outcome == "stopped"
        ]
        if stopped:
            raise BackfillIncomplete(
                f"{len(stopped)} of {len(days)} days stopped, the first is {stopped[0]}: "
                f"{self._record.days[stopped[0]].note}"
            )
        summary = f"{len(days)} days done; {self._told()}"
        return ended(summary, "; ".join([summary, *describe_endings(plan, self._record)]), worst_ending(days))

    def _described(self) -> str:
        """What is told, for a page that reads Markdown."""
        return literal(self._told())

    def _told(self) -> str:
        return (
            f"{dollars(self._record.spent_usd)} spent of {dollars(self._budget_usd)}. Backfill {self._record.id}: "
            f"{self._request.reason}"
        )

    def _end_of(self, planned: PlannedDay, accept_flips: bool) -> DayProgress:
        """Judge one day, and say how it ended.

        Raises:
            OverBudget: if it does not fit into what is left.
        """
        day = planned.day.run_date
        try:
            with panics_told():
                how = self._judge(planned, accept_flips)
        except OverBudget as error:
            self._keep(self._record.with_day(day, self._day_record(day, DayEnd("stopped", str(error)))))
            raise
        except Exception as error:
            how = DayEnd("stopped", describe_failure(error)[1])
            get_run_logger().error("%s stopped: %s", day, how.note)
        return self._day_record(day, how)

    def _day_record(self, day: date, how: DayEnd) -> DayProgress:
        cost = cost_of_day(self._settings, self._storage, self._record, day)
        return DayProgress(**how._asdict(), cost_usd=cost, ended_at=datetime.now(UTC))

    def _judge(self, planned: PlannedDay, accept_flips: bool) -> DayEnd:
        """Plan the day once more, since hours may have passed, and judge it."""
        day = planned.day.run_date
        one = self._request.model_copy(update={"start_date": day, "end_date": day})
        again = plan_backfill(self._settings, one, self._record, datetime.now(UTC))
        if not again.days:
            return DayEnd("unchanged", f"no longer {self._request.mode}")
        if again.days[0].day != planned.day:
            asking.get().show(f"{day}: its input or its state has changed since the plan: planned again")
        fresh = again.days[0]
        self._check_covered(fresh.cost_usd)
        booked = booked_cost(read_ledger(self._storage, DayPaths(self._settings, day)))
        run_id = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{str(flow_run.id)[:8]}"
        self._keep(self._record.with_begun(day, Begun(run_id=run_id, epoch=fresh.epoch, booked_usd=booked)))
        left = self._left_usd()
        how: Any = backfill_day(
            run_date=day,
            run_id=run_id,
            prompt_version=fresh.prompt_version,
            model_id=fresh.model_id,
            epoch=fresh.epoch,
            # The night counts all that the day's ledger ever booked; this backfill's own share of it is what is left.
            max_cost_usd=self._settings.max_cost_usd + booked if left is None else max(left, 0.0) + booked,
            asks_again=self._request.mode in _AGAIN,
            accept_flips=accept_flips,
        )
        return DayEnd(*how)


def worst_ending(days: Sequence[DayProgress]) -> Ending | None:
    """How a backfill ended whose days ended so."""
    endings = {day.ending for day in days}
    return next((ending for ending in (Ending.DEGRADED, Ending.PARTIAL) if ending in endings), None)


def suggested_budget(plan: BackfillPlan, record: BackfillRecord) -> float | None:
    """What is spent, and the plan with a quarter more; None if the price is unknown."""
    return None if plan.cost_usd is None else round(record.spent_usd + max(1.25 * plan.cost_usd, 0.01), 2)


def _plan_of(plan: BackfillPlan) -> dict[str, Any]:
    return {"plan_sha256": plan.sha256, "granted_at": datetime.now(UTC)}


def _is_cancelled() -> bool:
    """Whether somebody cancelled this run where no worker is there to end its process."""
    with get_client(sync_client=True) as client:
        state = client.read_flow_run(flow_run.id).state
    return state is not None and (state.is_cancelling() or state.is_cancelled())
