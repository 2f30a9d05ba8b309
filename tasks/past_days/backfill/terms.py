"""With which prompt, model and epoch a backfill judges each of its days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from tasks.adapters import Adapters
from tasks.base.settings import Settings
from tasks.ledger.asker import Asker
from tasks.past_days.backfill.day_estimate import Tariffs
from tasks.past_days.backfill.day_states import Day, Wanted
from tasks.past_days.backfill.request import BackfillMode, BackfillRequest

#: Modes that complete a published day: they keep its prompt and model unless others are named.
KEEPING: frozenset[BackfillMode] = frozenset({"partial", "late_input"})


class DayTerms(NamedTuple):
    """How days are judged that are asked in one way."""

    settings: Settings
    wanted: Wanted
    tariffs: Tariffs


class TermsOfDays:
    """The ways of asking that a backfill needs, each looked up once.

    Raises:
        PromptInvalid, UnsupportedModel: if the request names a prompt version or a model that is not there.
    """

    def __init__(self, outside: Adapters, settings: Settings, request: BackfillRequest, now: datetime) -> None:
        self._outside, self._settings, self._request, self._now = outside, settings, request, now
        self._known: dict[tuple[str, str], DayTerms] = {}
        self.named = self._find(request.model_id, request.prompt_version)

    def of(self, day: Day) -> DayTerms:
        """What a day is judged with: a published day that is only completed keeps its own, unless another is named."""
        request, published = self._request, day.published
        if request.mode not in KEEPING or published is None:
            return self.named
        return self._find(
            request.model_id if request.is_model_named else published.model_id,
            request.prompt_version if request.is_prompt_named else published.prompt_version,
        )

    def _find(self, model_id: str, prompt_version: str) -> DayTerms:
        key = (model_id, prompt_version)
        if key not in self._known:
            settings = self._settings.model_copy(update={"model_id": model_id, "prompt_version": prompt_version})
            asker = Asker.named(settings, self._outside.models)
            tariffs = Tariffs(self._outside, settings, asker, self._now)
            self._known[key] = DayTerms(settings, Wanted(model_id, asker.prompt.sha256), tariffs)
        return self._known[key]


def choose_epoch(
    day: Day, mode: BackfillMode, way: DayTerms, ledger_epochs: Sequence[int], recorded: int | None
) -> int:
    """The epoch that a day is judged in: a new one for `all`, that of the published plan where its answers count."""
    if mode == "all":
        return recorded if recorded is not None else max([0, *(epoch + 1 for epoch in ledger_epochs)])
    return day.epoch if day.published and day.published.asked == way.wanted else 0
