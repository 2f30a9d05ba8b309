"""A run of a day as a trace, where the standard OTEL_* variables want one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime

from data_contracts.documents.ledger import LedgerEntry
from data_contracts.documents.summary import Night
from tasks import adapters
from tasks.adapters.telemetry import conventions as names
from tasks.adapters.telemetry.facts import Ending, Value
from tasks.adapters.telemetry.night_trace import open_trace
from tasks.base.errors import describe_failure
from tasks.base.paths import RunPaths
from tasks.base.settings import Settings
from tasks.base.steps import Steps
from tasks.ledger.entries import read_ledger
from tasks.reports.outside.night_figures import evaluations_of, figures_of
from tasks.reports.outside.night_spans import former_runs, spans_of


@contextmanager
def traced(
    settings: Settings,
    run_date: date,
    run_id: str,
    step: Steps,
    read_time: Callable[[], datetime],
    warn: Callable[[str], object],
) -> Iterator[list[Night | None]]:
    """Trace what the block does, each stage that `step` runs as a span; the block appends the night that it came to.

    Nothing that goes wrong with it reaches the block; the block's end waits for it some seconds at most.
    """
    came_to: list[Night | None] = []
    trace = open_trace(settings.deployment, run_date, run_id, warn)
    if trace is None:
        yield came_to
        return
    begun = read_time()
    step.around = trace.stage
    error_name = None
    try:
        yield came_to
    except BaseException as error:
        error_name = describe_failure(error)[0] if isinstance(error, Exception) else type(error).__name__
        raise
    finally:

        def gather() -> Ending:
            return _ending(settings, run_date, run_id, came_to, error_name, step.seconds, begun, read_time())

        if fault := trace.close(gather, error_name):
            warn(f"telemetry: {fault}")


def _ending(
    settings: Settings,
    run_date: date,
    run_id: str,
    came_to: list[Night | None],
    error_name: str | None,
    seconds: dict[str, float],
    begun: datetime,
    now: datetime,
) -> Ending:
    """What there is to say of a run that is over."""
    night = came_to[0] if came_to else None
    outcome = "published" if night is not None else "published_before" if error_name is None else "stopped"
    attributes: dict[str, Value] = {names.OUTCOME: outcome}
    if night is not None:
        attributes |= {names.REQUEST_MODEL: night.model_id, names.PROMPT: night.prompt}
        attributes[names.RECORDS] = night.balance.verdict_count
        if night.cost_usd is not None:
            attributes[names.COST] = night.cost_usd
    entries = _entries(settings, RunPaths(settings, run_date, run_id))
    is_work = outcome != "published_before"
    return Ending(
        attributes,
        tuple(spans_of(run_id, entries, begun, now)) if is_work else (),
        evaluations_of(night) if night is not None else (),
        tuple(figures_of(night, seconds)) if is_work else (),
        former_runs(run_id, entries),
    )


def _entries(settings: Settings, paths: RunPaths) -> list[LedgerEntry]:
    """The day's ledger; empty if it cannot be read: the night is told without its shards then."""
    try:
        return read_ledger(adapters.connect(settings).storage, paths)
    except Exception:  # what stopped the night may be what stands in the way here
        return []
