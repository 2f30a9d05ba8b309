"""Which changes were accepted as what is normal now: state/rebaselined.json."""

from __future__ import annotations

import datetime as dt

from pydantic import BaseModel, ConfigDict


class Rebaselining(BaseModel):
    """A change that was wanted, as a new prompt is: nights from `date` on are compared among themselves alone.

    Attributes:
        date: the first night of what is normal now.
        metrics: what it changes; none named: all metrics.
        why: for whoever reads it later, such as the name of the promotion.
        noted_at: when it was written down.
    """

    model_config = ConfigDict(frozen=True)

    date: dt.date
    metrics: tuple[str, ...] = ()
    why: str
    noted_at: dt.datetime


class Rebaselinings(BaseModel):
    """All that were noted, in the order in which they were."""

    model_config = ConfigDict(frozen=True)

    rebaselined: tuple[Rebaselining, ...] = ()
