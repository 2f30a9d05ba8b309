"""The restore flow: what `python -m flows restore` does, as a form in the Prefect UI."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.runtime import flow_run
from pydantic import Field

from flows.endings import ended, or_refused
from flows.pages.standing import show_overview
from flows.plain_errors import log_plainly
from tasks.base.safe_text import literal
from tasks.base.settings import Settings
from tasks.past_days.restore_day import describe_restore, list_versions, restore_day

log_plainly()


@flow(name="restore", flow_run_name="restore-{day}", persist_result=False)
def restore(*, day: date, version: Annotated[int, Field(ge=0)] | None = None, reason: str = "") -> Any:
    """Bring a day back as an earlier version had it; without a version, list the day's versions.

    The list, or what was done, is on this run's Artifacts tab. No comment is judged, and nothing is paid.

    Args:
        day: The day.
        version: The version of its verdicts to bring back. Empty: only list them.
        reason: Why; it stays on record with the day. Needed with a version.
    """
    return or_refused(lambda: _carry_out(day, version, reason))


def _carry_out(day: date, version: int | None, reason: str) -> Any:
    settings, now = Settings.load(), datetime.now(UTC)
    if version is None:
        lines = list_versions(settings, day)
        summary = f"{len(lines)} versions are listed on the Artifacts tab"
    else:
        run_id = f"restore-{now:%Y%m%dT%H%M%S}-{str(flow_run.id)[:8]}"
        lines = describe_restore(day, restore_day(settings, day, version, reason, run_id, now)).splitlines()
        summary = lines[0]
        show_overview(settings)
    page = "\n".join(f"- {literal(line)}" for line in lines)
    create_markdown_artifact(f"# {day}\n\n{page}\n", key=f"restore-{day}", description=literal(summary))
    return ended("\n".join(lines), summary)
