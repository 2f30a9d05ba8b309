"""Why a run stopped: runs/D/RUN/stopped.json."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict


class Stop(BaseModel):
    """Why a run stopped, as it is stored in stopped.json."""

    model_config = ConfigDict(frozen=True)

    run_id: str
    name: str
    reason: str
    stopped_at: datetime
