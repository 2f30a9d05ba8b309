"""A policy's next wave: the step that has something to ask, and the records that it asks for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pyarrow.parquet as pq

from data_contracts.documents.ledger import LedgerEntry
from data_contracts.documents.plan import MODEL_STEP, PACK_STEP
from data_contracts.tables.routes import ROUTES
from prompts.policies import PolicyFile
from tasks.adapters.lake import reading_lake
from tasks.base.frames import buckets, scan_file
from tasks.batch.estimate.learnt import learn_rates
from tasks.batch.estimate.rates import constant_rates, estimate
from tasks.batch.golden import golden_records, golden_to_ask
from tasks.batch.wanted_records import WANTED, asked_records, records_to_ask
from tasks.batch.waves import LIGHT_STEP, Day, decided, filling, for_light, for_model, for_packs, in_packs
from tasks.ledger.asker import Asker
from tasks.ledger.deadline import is_light_late
from tasks.ledger.entries import fetch_answers, fetch_requests, is_live, serves, step_of
from tasks.ledger.run import Run
from tasks.ledger.run_records import read_preflight
from tasks.llm.golden import load_planned
from tasks.llm.masking import masked_records
from tasks.llm.policy import load_planned_policy
from tasks.llm.prompt import load_prompt
from tasks.route.decisions import ROUTED

#: Nights that tell how much a light model leaves; the most of them is reserved, which is their 95 % and more.
_NIGHTS = 28
#: The share of comments in packs that may come back without an answer; budgeted for, and asked again singly.
_UNANSWERED = 0.02


class Wave(NamedTuple):
    """What is asked now.

    Attributes:
        run: the run, its plan narrowed to the step.
        asker: who is asked.
        records: a Parquet file with the columns of WANTED.
        golden: the golden items that may ride along, with the columns of WANTED.
        reserved_usd: what a later wave may cost: it is kept back from the budget.
    """

    run: Run
    asker: Asker
    records: Path
    golden: pl.DataFrame
    reserved_usd: float = 0.0


def next_wave(run: Run, ledger: Sequence[LedgerEntry], folder: Path, now: datetime) -> Wave | None:
    """The first step of the plan that has something to ask; None while one is waited for, or if nothing is left.

    Raises:
        SettingsInvalid: if the policy was changed since the night began.
    """
    prompt = load_prompt(run.plan.prompt_name, run.plan.prompt_version)
    policy, day = load_planned_policy(run.plan, prompt), _read_day(run, ledger, folder)
    for asker in run.plan.askers:
        step = asker.step
        if step == LIGHT_STEP and is_light_late(run.settings, run.plan, now):
            continue
        narrowed = replace(run, plan=run.plan.asked_by(step))
        records = folder / f"wanted-{step}.parquet"
        if step == PACK_STEP:
            wave = _pack_wave(narrowed, day, policy, records)
            if wave is not None:
                return wave
            count = 0
        else:
            count = _write_wanted(narrowed, day, policy, records)
        if count or step == MODEL_STEP:
            return _wave(narrowed, day, policy, records, count)
        if any(is_live(entry) and step_of(entry) == step for entry in day.entries):
            return None
    return None


def _read_day(run: Run, ledger: Sequence[LedgerEntry], folder: Path) -> Day:
    serving = [entry for entry in ledger if serves(entry, run.plan)]
    for name in ("valid", ROUTED.name):
        run.storage.fetch(run.paths.work(name), folder / f"{name}.parquet")
    return Day(
        valid=scan_file(folder / "valid.parquet"),
        routed=scan_file(folder / f"{ROUTED.name}.parquet"),
        requests=fetch_requests(run.storage, serving, folder),
        answers=fetch_answers(run.storage, serving, folder),
        entries=serving,
    )


def _write_wanted(run: Run, day: Day, policy: PolicyFile, path: Path) -> int:
    """The records that the narrowed plan's step asks for, in a file of WANTED; returns how many."""
    row_count, count = day.valid.select(pl.len()).collect().item(), 0
    with pq.ParquetWriter(path, WANTED.arrow_schema) as writer:
        for bucket in buckets(row_count):
            part = day.within(bucket.holds(pl.col("record_id")))
            frame = _wanted(run, part, _candidates(run, part, policy))
            count += frame.height
            writer.write_table(frame.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(WANTED.arrow_schema))
    return count


def _candidates(run: Run, day: Day, policy: PolicyFile) -> pl.LazyFrame:
    if run.plan.step == LIGHT_STEP:
        return for_light(day, run.plan.run_date)
    return for_model(day, policy, run.plan.run_date)


def _wanted(run: Run, day: Day, comments: pl.LazyFrame) -> pl.DataFrame:
    """Those of the comments that a new request is needed for. Columns: WANTED."""
    step = str(run.plan.step)
    if step != MODEL_STEP:
        return _of_steps(run, day, comments, (step,))
    # A pack was the first attempt at its comments; an audit of one is a question of its own.
    is_own = pl.col("asked_as").is_null()
    own = _of_steps(run, day, comments.filter(is_own), (MODEL_STEP, PACK_STEP))
    return pl.concat([own, _of_steps(run, day, comments.filter(~is_own), (MODEL_STEP,))])


def _of_steps(run: Run, day: Day, comments: pl.LazyFrame, steps: Sequence[str]) -> pl.DataFrame:
    """`_wanted`, where what was asked in these steps counts."""
    entries = [entry for entry in day.entries if step_of(entry) in steps]
    keys = [entry.key for entry in entries]
    requests, answers = (frame.filter(pl.col("key").is_in(keys)) for frame in (day.requests, day.answers))
    asked = asked_records(requests, answers, entries, run.plan.run_id)
    most = run.settings.max_attempts
    no_duplicates = pl.LazyFrame(schema={"record_id": pl.String})  # none of them is routed
    to_ask = records_to_ask(comments, no_duplicates, asked, most, run.plan.masking)
    return WANTED.conform(WANTED.widen(to_ask)).collect()


def _pack_wave(run: Run, day: Day, policy: PolicyFile, path: Path) -> Wave | None:
    """The comments that go in packs now, pack by pack; None if none do.

    A run sends packs out once: what is left over is too little, or is asked singly. Where Bedrock has refused the shape
    of a pack, the run sends none.
    """
    of_run = [entry for entry in day.entries if step_of(entry) == PACK_STEP and entry.run_id == run.plan.run_id]
    if of_run or PACK_STEP in read_preflight(run.storage, run.paths).refused:
        return None
    packs = for_packs(day, policy, policy.steps[-1].pack or 1, run.settings.min_job_records)
    is_enough = run.settings.on_demand or packs["pack"].n_unique() >= run.settings.min_job_records
    if packs.is_empty() or not is_enough:  # what an earlier run has left may be too little for a job
        return None
    placed = in_packs(day.valid, packs, run.plan.run_date).with_columns(attempt=pl.lit(1, pl.Int32))
    placed = masked_records(placed) if run.plan.masking else placed
    WANTED.conform(WANTED.widen(placed)).collect().write_parquet(path)
    asker = Asker.planned(run.settings, run.plan).in_packs(packs["slot"].n_unique())
    return Wave(run, asker, path, WANTED.empty(), _singly_usd(run, day, policy, packs.height, path))


def _singly_usd(run: Run, day: Day, policy: PolicyFile, packed_count: int, records: Path) -> float:
    """What the model may cost for what goes in no pack, for audits, and for what packs do not answer."""
    left = decided(day, policy).filter(pl.col("step").is_null()).select(pl.len())
    singly = left.collect(engine="streaming").item() - packed_count
    count = singly + math.ceil(packed_count * (_UNANSWERED + (policy.steps[-1].audit or 0.0)))
    return _model_usd(run, records, count / packed_count)


def _wave(run: Run, day: Day, policy: PolicyFile, records: Path, count: int) -> Wave:
    """The wave, filled up to the smallest job where a few audits more do that; golden items ride with the model's."""
    asker = Asker.planned(run.settings, run.plan)
    if run.plan.step == LIGHT_STEP:
        return Wave(run, asker, records, WANTED.empty(), _reserved_usd(run, records))
    of_model = [entry for entry in day.entries if step_of(entry) == MODEL_STEP]
    if 0 < count < run.settings.min_job_records and not of_model:
        _fill(run, day, policy, records, run.settings.min_job_records - count)
    golden = golden_records(load_planned(run.plan, asker.prompt), run.plan.run_date, run.plan.masking)
    most = run.settings.max_attempts
    return Wave(run, asker, records, golden_to_ask(golden, day.requests, day.answers, of_model, run.plan.run_id, most))


def _fill(run: Run, day: Day, policy: PolicyFile, records: Path, lacking: int) -> None:
    """Add audits to a file of few records, so that they make a job; without enough of them it stays as it is."""
    more = filling(day, policy, run.plan.run_date, lacking)
    if more is None:
        return
    before = scan_file(records).collect()
    is_drawn = pl.col("record_id").is_in(more.drawn.collect()["record_id"].implode())
    raised = before.with_columns(
        inclusion_probability=pl.when(is_drawn).then(more.probability).otherwise("inclusion_probability")
    )
    pl.concat([raised, _wanted(run, day, more.comments)]).sort("record_id").write_parquet(records)


def _reserved_usd(run: Run, records: Path) -> float:
    """What the model may cost for what the light one leaves and for the audits: 0 if it has no price."""
    return _model_usd(run, records, _most_left(run))


def _model_usd(run: Run, records: Path, share: float) -> float:
    """What the model costs for a share of these records, each asked singly: 0 if it has no price."""
    model = replace(run, plan=run.plan.asked_by(MODEL_STEP))
    asker = Asker.planned(run.settings, model.plan)
    rates = learn_rates(run.storage, run.paths, model.plan)
    if rates is None:
        rates = constant_rates(asker.prompt_text, asker.family.reasoning_tokens)
    sized = scan_file(records).select("language", "text_bytes").select(pl.len(), rates.input_tokens().sum())
    count, tokens = sized.collect(engine="streaming").row(0)
    cost = estimate(math.ceil(count * share), math.ceil((tokens or 0) * share), rates, asker.prices["batch"]).cost_usd
    return cost or 0.0


@reading_lake()
def _most_left(run: Run) -> float:
    """The largest share of comments that the model was asked for in a night of late, audits included; 1 if unknown."""
    first: date = run.plan.run_date - timedelta(days=_NIGHTS)
    nights = run.lake.scan(run.paths.lake(ROUTES.name), ROUTES).filter(
        pl.col("date").is_between(first, run.plan.run_date, closed="left")
    )
    is_light = pl.col("step") == LIGHT_STEP
    spared = (pl.col("decided_count") - pl.col("audited_count")).filter(is_light).sum()
    all_of_it = pl.col("decided_count").filter(is_light | (pl.col("step") == MODEL_STEP)).sum()
    shares = nights.group_by("date").agg(left=1 - spared / all_of_it).select(pl.col("left").max()).collect()
    most = shares["left"][0]
    return 1.0 if most is None else min(1.0, float(most))
