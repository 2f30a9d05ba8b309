"""Stage: why the violation rate is another than it was, from counts that are kept for each night.

No verdict is read again: `measure_drift` leaves the day in counts, and these are compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from pydantic import BaseModel, ConfigDict, ValidationError

from data_contracts.documents.golden import GoldenNight
from data_contracts.documents.plan import Plan
from data_contracts.documents.why import Change, NightCells, Version, Why
from tasks.adapters.storage import Storage
from tasks.base.paths import DayPaths, RunPaths
from tasks.base.settings import Settings
from tasks.base.stage import telling_stage
from tasks.ledger.run import Run
from tasks.measure.why.change import split_change
from tasks.measure.why.evidence import DayFlips, evidence_for, judge_moved

#: Nights that the night is compared with, and within which a change is looked for.
WHY_DAYS = 28


class WhySummary(BaseModel):
    """The change of the violation rate in a few numbers; empty where there is no earlier night."""

    model_config = ConfigDict(frozen=True)

    before: float | None = None
    after: float | None = None
    #: the largest part
    cause: str = ""
    judge_moved: bool | None = None


def read_cells(storage: Storage, paths: DayPaths) -> list[NightCells]:
    """The nights of the 28 days that end with this one, oldest first; one that cannot be read is left out."""
    first = paths.run_date - timedelta(days=WHY_DAYS)
    items = storage.list(paths.all_cells, after=f"{first - timedelta(days=1)}.json")
    wanted = [item for item in items if first <= _day_of(item.uri) <= paths.run_date]
    found = []
    for body in storage.read_listed(wanted):
        try:
            found.append(NightCells.model_validate_json(body or b""))
        except ValidationError:  # another version's, or gone: it says nothing
            continue
    return sorted(found, key=lambda night: night.run_date)


def split_at_change(nights: Sequence[NightCells]) -> tuple[list[NightCells], list[NightCells]] | None:
    """The nights before the last change of version and those since; None if there was none.

    A night is of the versions that judged it: a day that was judged by another one lies on neither side of a change
    that came later, so the last place is taken where the versions of two nights in turn have nothing in common.
    """
    for place in range(len(nights) - 1, 0, -1):
        if not _versions(nights[place - 1]) & _versions(nights[place]):
            return list(nights[:place]), list(nights[place:])
    return None


def explain(run: Run, nights: Sequence[NightCells]) -> Why:
    """Why tonight's rate is another than before, and another since the last change of version."""
    paths, golden = run.paths, _read_golden(run)
    has_changed = len({version for night in nights for version in night.versions}) > 1
    flips = list(_read_flips(run.storage, paths, nights)) if has_changed else []
    earlier = [night for night in nights if night.run_date < paths.run_date]
    tonight = [night for night in nights if night.run_date == paths.run_date]
    periods = split_at_change(nights)

    def split(before: Sequence[NightCells], after: Sequence[NightCells]) -> Change | None:
        return split_change(before, after, evidence_for(before, after, flips, golden))

    compared = (golden.change or golden.against_first) if golden else None
    return Why(
        run_date=paths.run_date,
        run_id=run.plan.run_id,
        night=split(earlier, tonight),
        since_change=split(*periods) if periods else None,
        judge_moved=judge_moved(compared),
        golden=compared,
    )


@telling_stage
def explain_change(settings: Settings, plan: Plan) -> WhySummary:
    """Split the change of the violation rate up and leave it for the report; repeating it is harmless.

    Reads: state/cells of the last 28 days, golden.json, flips.json of the runs that published them.
    Writes: why.json.
    Stops when: never.
    """
    run = Run.of(settings, plan)
    why = explain(run, read_cells(run.storage, run.paths))
    run.storage.put(run.paths.file("why.json"), why.model_dump_json(indent=1).encode())
    if why.night is None:
        return WhySummary(judge_moved=why.judge_moved)
    return WhySummary(
        before=round(why.night.before, 5),
        after=round(why.night.after, 5),
        cause=why.night.parts[0].name,
        judge_moved=why.judge_moved,
    )


def _day_of(uri: str) -> date:
    try:
        return date.fromisoformat(uri.rsplit("/", 1)[-1].removesuffix(".json"))
    except ValueError:
        return date.min


def _versions(night: NightCells) -> frozenset[Version]:
    return frozenset(night.versions)


def _read_golden(run: Run) -> GoldenNight | None:
    body = run.storage.get(run.paths.file("golden.json"))
    return GoldenNight.model_validate_json(body) if body is not None else None


def _read_flips(storage: Storage, paths: DayPaths, nights: Iterable[NightCells]) -> Iterable[DayFlips]:
    """The flips of days that were published anew, as the run that did it left them."""
    for night in nights:
        if night.run_date == paths.run_date:
            continue
        body = storage.get(RunPaths(paths.settings, night.run_date, night.run_id).file("flips.json"))
        if body is not None:
            try:
                yield DayFlips.model_validate_json(body)
            except ValidationError:  # of an earlier version
                continue
