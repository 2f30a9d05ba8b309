"""Stage: the night's figures go to CloudWatch, where MODERATION_CLOUDWATCH is on; a backfill's do not.

CloudWatch keeps figures by when they come, not by the day that they are of: an old day would stand among tonight's.
"""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from data_contracts.documents.summary import Night
from tasks import adapters
from tasks.adapters.telemetry.cloudwatch import FiguresUndelivered
from tasks.base.errors import ModerationError
from tasks.base.settings import Settings
from tasks.base.stage import single_stage
from tasks.reports.outside.points import night_points, stop_points


class FigureSummary(BaseModel):
    """How many figures were taken, and why not."""

    model_config = ConfigDict(frozen=True)

    figure_count: int = 0
    warnings: tuple[str, ...] = ()


@single_stage
def send_figures(settings: Settings, night: Night | None, error_name: str, now: datetime) -> FigureSummary:
    """Send what the night came to; of one that was published before there is nothing to send. It never fails.

    Reads: the night's summary, as it was closed.
    Writes: CloudWatch's metrics.
    Stops when: never; what CloudWatch says against it is a warning.
    """
    if night is None and not error_name:
        return FigureSummary()
    points = night_points(night, settings.max_cost_usd) if night is not None else stop_points(error_name)
    try:
        count = adapters.connect(settings).figures.put(settings.deployment, tuple(points), now)
    except Exception as error:  # whatever it is: the night is published or alerted, and this is beside it
        is_ours = isinstance(error, ModerationError | FiguresUndelivered)
        why = str(error) if is_ours else type(error).__name__
        return FigureSummary(warnings=(f"CloudWatch has no figures of this night: {why}",))
    return FigureSummary(figure_count=count)
