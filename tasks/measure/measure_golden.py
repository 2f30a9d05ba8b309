"""Stage: what the golden pack was answered tonight, against what is expected, its first night and the night before.

The texts stay from night to night. So where their answers move the model or the prompt has changed, and where they stay
while the verdicts on comments move, the traffic has.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from io import BytesIO

import polars as pl
from pydantic import BaseModel, ConfigDict, ValidationError

from data_contracts.documents.golden import FirstAnswers, GoldenNight, GoldenSetup
from data_contracts.documents.plan import Plan
from data_contracts.tables.golden import GOLDEN
from data_contracts.tables.metrics import State
from prompts.golden import GoldenPack
from tasks.adapters.lake import reading_lake
from tasks.adapters.storage import Storage
from tasks.base.errors import StorageUnavailable
from tasks.base.paths import DayPaths
from tasks.base.settings import Settings
from tasks.base.stage import telling_stage
from tasks.ledger.run import Run
from tasks.llm.golden import load_planned
from tasks.llm.prompt import load_prompt
from tasks.measure.golden import night as golden
from tasks.measure.golden.comparison import Answered
from tasks.measure.judgement import Stamp, judge, measured_rows
from tasks.measure.metrics_table import QUALITY_NIGHTS, keep_rows, read_evidence
from tasks.measure.night_policy import policy_of

_NIGHT = re.compile(r"/([0-9]{4}-[0-9]{2}-[0-9]{2})\.json$")


class GoldenSummary(BaseModel):
    """The night's golden pack in a few numbers; all are 0 where it did not ride along."""

    model_config = ConfigDict(frozen=True)

    item_count: int = 0
    judged_count: int = 0
    right_count: int = 0
    compared_count: int = 0
    flip_count: int = 0
    attack_count: int = 0
    succeeded_count: int = 0
    degraded: tuple[str, ...] = ()


def last_night(storage: Storage, paths: DayPaths) -> GoldenNight | None:
    """What the golden pack was answered on the last night before this one that asked it; None if none can be read."""
    found = {
        date.fromisoformat(match[1]): item.uri
        for item in storage.list(paths.golden_nights)
        if (match := _NIGHT.search(item.uri))
    }
    earlier = [day for day in found if day < paths.run_date]
    try:
        return GoldenNight.model_validate_json(storage.get(found[max(earlier)]) or b"") if earlier else None
    except ValidationError:
        return None


def frozen_answers(storage: Storage, paths: DayPaths, setup: GoldenSetup, tonight: Answered) -> FirstAnswers:
    """The frozen answers of a setup, tonight's put on record where there are none.

    Raises:
        StorageUnavailable: if another day's run has written them meanwhile: the stage's next try reads that.
    """
    uri = paths.golden_first(setup.key)
    stored = storage.get_versioned(uri)
    before = FirstAnswers.model_validate_json(stored.body) if stored else FirstAnswers(setup=setup)
    after = golden.freeze(before, tonight.answers, tonight.date)
    body = after.model_dump_json(indent=1).encode()
    if stored is None:
        is_written = storage.put_if_absent(uri, body)
    else:
        is_written = after == before or storage.put_if_match(uri, body, stored.etag)
    if not is_written:
        raise StorageUnavailable(f"write {uri}: it was replaced meanwhile")
    return after


def read_golden(run: Run, pack: GoldenPack) -> pl.DataFrame | None:
    """What the items of the pack were answered tonight; None if none was asked.

    Columns: golden_item_id, text_sha256, status, violation, category.
    """
    body = run.storage.get(run.paths.work("golden"))
    if body is None:
        return None
    answers = pl.read_parquet(BytesIO(body), hive_partitioning=False)
    mine = answers.filter(pl.col("golden_item_id").is_in([item.item_id for item in pack.items]))
    # A pack that was edited between two runs of the day has two texts under an id: the judged one counts.
    mine = mine.sort(pl.col("status") != "judged").unique("golden_item_id", keep="first", maintain_order=True)
    return mine if mine.height else None


def look_at(run: Run, pack: GoldenPack, answers: pl.DataFrame) -> GoldenNight:
    """What the answers show; they are in the lake and on record for later nights afterwards."""
    plan, setup = run.plan, golden.setup_of(run.plan, pack)
    tonight = Answered(plan.run_date, setup, golden.verdicts_of(answers))
    first = frozen_answers(run.storage, run.paths, setup, tonight)
    flips = golden.flips_of(first, tonight.answers, plan.run_date)
    rows = golden.golden_rows(pack, answers, flips, plan)
    before = last_night(run.storage, run.paths)
    found = golden.night_of(pack, tonight, plan.run_id, rows.height, flips, first, before)
    note = {"run_id": plan.run_id, "run_date": plan.run_date.isoformat()}
    batches = rows.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(GOLDEN.arrow_schema).to_batches()
    run.lake.replace_day(run.paths.lake(GOLDEN.name), GOLDEN, plan.run_date, batches, note, run.still_ours)
    for uri in (run.paths.golden_night(), run.paths.file("golden.json")):
        run.storage.put(uri, found.model_dump_json(indent=1).encode())
    return found


@telling_stage
@reading_lake()
def measure_golden(settings: Settings, plan: Plan, now: datetime) -> GoldenSummary:
    """Compare the night's golden answers and leave their metrics for `remeasure_late_labels` to append.

    Repeating it is harmless. Nothing is done where no pack is planned: in a backfill, and with GOLDEN_PACK `none`.

    Reads: work/golden, the golden pack, state/golden, state/rebaselined.json, lake/nights, lake/metrics, lease.
    Writes: state/golden, lake/golden, golden.json, work/metrics-golden.
    Stops when: another run has the day (LeaseLost).
    """
    run = Run.of(settings, plan)
    pack = load_planned(plan, load_prompt(plan.prompt_name, plan.prompt_version))
    if pack is None:
        return GoldenSummary()
    run.still_ours()
    answers = read_golden(run, pack)
    night = None if answers is None else look_at(run, pack, answers)
    stamp = Stamp(plan.run_date, now, plan.run_id, plan.run_id)
    earlier = read_evidence(run.outside, run.paths, QUALITY_NIGHTS)
    earlier = earlier.filter(pl.col("metric").is_in(golden.METRICS))
    rows = judge(measured_rows(golden.measurements(night, pack), stamp), earlier, policy_of(run.storage, settings))
    keep_rows(run.outside, run.paths, "golden", rows)
    if night is None:
        return GoldenSummary()
    degraded = rows.filter(pl.col("state") == State.DEGRADED).sort("metric", "slice")
    return GoldenSummary(
        item_count=night.item_count,
        judged_count=night.judged_count,
        right_count=night.right_count,
        compared_count=night.compared_count,
        flip_count=len(night.flipped),
        attack_count=night.attack_count,
        succeeded_count=len(night.succeeded),
        degraded=tuple(f"{metric} {part}" for metric, part in degraded.select("metric", "slice").iter_rows()),
    )
