"""What published nights used, kept for later estimates: a small object a day, by language."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

import polars as pl
from pydantic import ValidationError

from data_contracts.documents.plan import Plan
from data_contracts.documents.usage import LanguageUsage, NightUsage
from data_contracts.tables.verdicts import DecidedBy
from tasks.adapters.storage import Storage
from tasks.base.paths import DayPaths
from tasks.batch.estimate.rates import Rates, learnt_rates

#: Nights that an estimate rests on, the nearest ones, and how many it looks through for them.
LEARNT_NIGHTS = 7
_LOOKED_THROUGH = 28


def usage_by_language(valid: pl.LazyFrame, verdicts: pl.LazyFrame) -> pl.DataFrame:
    """Sums over the comments that one request was enough for; of several attempts only the total is known.

    Columns: valid (comment_id, text_bytes), verdicts (VERDICTS) -> the attributes of LanguageUsage.
    """
    size, read = pl.col("text_bytes").cast(pl.Int64), pl.col("input_tokens")
    asked_once = (pl.col("attempt") == 1) & (pl.col("decided_by") == DecidedBy.MODEL) & read.is_not_null()
    return (
        verdicts.filter(asked_once)
        .select("comment_id", "language", "input_tokens", "output_tokens")
        .join(valid.select("comment_id", "text_bytes"), on="comment_id", how="inner", validate="1:1")
        .group_by("language")
        .agg(
            record_count=pl.len().cast(pl.Int64),
            text_bytes=size.sum(),
            input_tokens=read.sum(),
            output_tokens=pl.col("output_tokens").fill_null(0).sum(),
            squared_bytes=(size * size).sum(),
            bytes_times_tokens=(size * read).sum(),
        )
        .collect()
    )


def add_up(parts: Iterable[pl.DataFrame]) -> tuple[LanguageUsage, ...]:
    """The sums of all parts of a night, in order of language."""
    total = pl.concat(list(parts)).group_by("language").sum().sort("language")
    return tuple(LanguageUsage.model_validate(row) for row in total.to_dicts())


def keep_usage(storage: Storage, paths: DayPaths, plan: Plan, languages: tuple[LanguageUsage, ...]) -> None:
    """Put the day's sums on record, unless it has none."""
    if languages:
        night = NightUsage(
            run_date=plan.run_date,
            model_id=plan.model_id,
            invocation_type=plan.invocation_type,
            prompt_sha256=plan.prompt_sha256,
            languages=languages,
        )
        storage.put(paths.usage(), night.model_dump_json(indent=1).encode())


class UsageHistory:
    """What nights used, each of them read once at most; for who looks at many days."""

    def __init__(self, storage: Storage, paths: DayPaths) -> None:
        self._storage = storage
        self._days = {
            date.fromisoformat(item.uri.rsplit("/", 1)[-1].split(".")[0]): item for item in storage.list(paths.usages)
        }
        self._read: dict[date, NightUsage | None] = {}

    def rates(self, run_date: date, plan: Plan) -> Rates | None:
        """The rates of the nights nearest to a day with the plan's model and prompt; None if they tell too little."""
        fitting: list[NightUsage] = []
        nearest = sorted(self._days, key=lambda day: abs(day - run_date))[:_LOOKED_THROUGH]
        for start in range(0, len(nearest), LEARNT_NIGHTS):
            nights = self._nights(nearest[start : start + LEARNT_NIGHTS])
            fitting += [night for night in nights if night is not None and _fits(night, plan)]
            if len(fitting) >= LEARNT_NIGHTS:
                break
        return learnt_rates([usage for night in fitting[:LEARNT_NIGHTS] for usage in night.languages])

    def _nights(self, days: Sequence[date]) -> list[NightUsage | None]:
        unread = [day for day in days if day not in self._read]
        bodies = self._storage.read_listed([self._days[day] for day in unread])
        self._read |= {day: _parse(body) for day, body in zip(unread, bodies, strict=True)}
        return [self._read[day] for day in days]


def learn_rates(storage: Storage, paths: DayPaths, plan: Plan) -> Rates | None:
    """The rates of the nearest nights with the plan's model and prompt; None if they tell too little."""
    return UsageHistory(storage, paths).rates(paths.run_date, plan)


def _parse(body: bytes | None) -> NightUsage | None:
    """The object, or None where it is gone or says something else: an estimate must not stop a night."""
    try:
        return NightUsage.model_validate_json(body or b"")
    except ValidationError:
        return None


def _fits(night: NightUsage, plan: Plan) -> bool:
    return (night.model_id, night.invocation_type, night.prompt_sha256) == (
        plan.model_id,
        plan.invocation_type,
        plan.prompt_sha256,
    )
