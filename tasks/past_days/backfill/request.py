"""What a backfill is asked for, and when that is refused at once."""

from __future__ import annotations

import hashlib
import json
from datetime import date, timedelta
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict

from tasks.base.errors import WrongUsage

BackfillMode = Literal["missing", "failed", "partial", "stale_prompt", "late_input", "all"]
MODES: tuple[BackfillMode, ...] = get_args(BackfillMode)

#: Longest reason that is kept, in characters.
_MAX_REASON_CHARS = 500


class BackfillRequest(BaseModel):
    """The parameters that say what is to be judged; equal ones are one backfill, which goes on where it stopped."""

    model_config = ConfigDict(frozen=True)

    start_date: date
    end_date: date
    mode: BackfillMode
    prompt_version: str
    model_id: str
    reason: str
    #: whether somebody named them; otherwise they are the settings'
    is_prompt_named: bool = False
    is_model_named: bool = False

    @property
    def days(self) -> list[date]:
        """Every day of the range, oldest first."""
        return [
            self.start_date + timedelta(days=number) for number in range((self.end_date - self.start_date).days + 1)
        ]

    @property
    def id(self) -> str:
        """Twelve hex digits, the same for the same parameters."""
        return hashlib.sha256(json.dumps(self.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()[:12]


def check_request(start_date: date, end_date: date, reason: str, today: date, max_days: int) -> None:
    """Raises WrongUsage unless the request can be met.

    Args:
        start_date: first day.
        end_date: last day.
        reason: in one line.
        today: the local day that is still being written.
        max_days: most days of one backfill.

    Raises:
        WrongUsage: naming what to change.
    """
    if end_date < start_date:
        raise WrongUsage(f"end_date {end_date} lies before start_date {start_date}")
    if end_date >= today:
        raise WrongUsage(
            f"end_date {end_date} is {'today' if end_date == today else 'in the future'}; the last day that is "
            f"complete is {today - timedelta(days=1)}"
        )
    day_count = (end_date - start_date).days + 1
    if day_count > max_days:
        raise WrongUsage(
            f"{start_date} to {end_date} are {day_count} days, more than MODERATION_BACKFILL_MAX_DAYS={max_days}: "
            "split the range"
        )
    if not reason:
        raise WrongUsage("reason is empty: say why, it stays on record with the days")
    if len(reason) > _MAX_REASON_CHARS:
        raise WrongUsage(f"reason has {len(reason)} characters, more than {_MAX_REASON_CHARS}")
