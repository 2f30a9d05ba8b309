"""Says what a run of candidates would ask and cost; nothing is asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from tasks.adapters.lake import reading_lake
from tasks.base.settings import Settings
from tasks.evaluate.runs.bench import SplitChoice, lay_out


class PlannedCandidate(NamedTuple):
    """What a candidate is still to be asked, and what that is expected to cost; None without a known price."""

    name: str
    request_count: int
    cost_usd: float | None


@reading_lake()
def plan_candidates(
    settings: Settings, name: str, texts: Sequence[str], split: SplitChoice, now: datetime
) -> list[PlannedCandidate]:
    """The requests and dollars of each candidate, by what is on record now.

    Raises:
        WrongUsage: if the set or a candidate is none.
        SettingsInvalid: if the golden pack is broken.
    """
    wanted = lay_out(settings, name, texts, split, now).want(settings)
    return [
        PlannedCandidate(one.candidate.name, one.records.height, one.expected.cost_usd if one.records.height else 0.0)
        for one in wanted
    ]
