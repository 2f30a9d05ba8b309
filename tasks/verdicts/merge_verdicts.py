"""Stage: one verdict for each valid comment, joined by record id, whatever order the answers came in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from data_contracts.documents.ledger import LedgerEntry
from data_contracts.documents.plan import Plan
from data_contracts.tables.routes import AUDITS, ROUTES
from data_contracts.tables.verdicts import VERDICTS, Status
from tasks.base.frames import scan_file, scratch
from tasks.base.settings import Settings
from tasks.base.stage import stage
from tasks.batch.estimate.learnt import add_up
from tasks.ledger.deadline import check_complete, check_stopped, is_late
from tasks.ledger.entries import fetch_answers, fetch_requests, is_live, read_ledger, serves
from tasks.ledger.prices import PICODOLLARS, is_priced, job_frame
from tasks.ledger.run import Run
from tasks.llm.policy import load_planned_policy
from tasks.llm.prompt import load_prompt
from tasks.route.decisions import ROUTED
from tasks.verdicts.best_answers import (
    VerdictSummary,
    arrow,
    check_judged,
    golden_answers,
    summarise,
)
from tasks.verdicts.merge_ranges import BestOf, Frames, merge_in_buckets
from tasks.verdicts.routed_answers import audits_of, best_by_policy, counts_of, routes_of


def _best_of(run: Run, ledger: Sequence[LedgerEntry], jobs: pl.DataFrame, folder: Path) -> BestOf | None:
    """How a policy finds the answer that counts; None where it is plain."""
    plan = run.plan
    if plan.is_plain:
        return None
    policy = load_planned_policy(plan, load_prompt(plan.prompt_name, plan.prompt_version))
    path = folder / f"{ROUTED.name}.parquet"
    run.storage.fetch(run.paths.work(ROUTED.name), path)
    return best_by_policy(scan_file(path), jobs.lazy(), ledger, plan, policy)


@stage
def merge_verdicts(settings: Settings, plan: Plan, now: datetime) -> VerdictSummary:
    """Write the run's verdicts frame; a rerun overwrites its own.

    Reads: work/valid, work/duplicates, work/routed, ledger, requests/, answers/.
    Writes: work/verdicts, work/routes, work/audits; work/golden, if golden items were asked.
    Stops when: too few comments are judged (TooFewJudged, JobFailed), at the deadline a job goes on or answers are
        lacking (DeadlinePassed).
    """
    run = Run.of(settings, plan)
    ledger, is_over = read_ledger(run.storage, run.paths), is_late(settings, plan, now)
    if is_over:
        check_stopped(settings, ledger)
    ledger = [entry for entry in ledger if serves(entry, plan) and not is_live(entry)]
    with scratch() as temporary:
        folder = Path(temporary)
        run.storage.fetch_all([(run.paths.work(name), folder / f"{name}.parquet") for name in ("valid", "duplicates")])
        valid, duplicates = (scan_file(folder / f"{name}.parquet") for name in ("valid", "duplicates"))
        requests, answers = fetch_requests(run.storage, ledger, folder), fetch_answers(run.storage, ledger, folder)
        jobs = job_frame(ledger, settings)
        priced = is_priced(jobs, plan, settings)
        path, pico, unknown, used = folder / "verdicts.parquet", 0, 0, []
        row_count = valid.select(pl.len()).collect().item()
        frames = Frames.of(valid, duplicates, requests, answers, jobs.lazy(), folder)
        best_of, counts, audits = _best_of(run, ledger, jobs, folder), list[pl.DataFrame](), [AUDITS.empty()]
        with pq.ParquetWriter(path, VERDICTS.arrow_schema, compression="zstd") as writer:
            for part in merge_in_buckets(frames, plan, priced, row_count, best_of):
                writer.write_table(arrow(part.verdicts))
                costs = part.verdicts["cost_usd"]
                pico += int((costs * PICODOLLARS).round().cast(pl.Int64).sum())
                unknown += costs.null_count()
                used.append(part.usage)
                if best_of is not None:
                    counts.append(counts_of(part))
                    audits.append(audits_of(part, plan))
        summary = summarise(scan_file(path), None if unknown else pico, add_up(used))
        if is_over:
            check_complete(settings, summary.status_counts.get(Status.MISSING, 0), summary.verdict_count)
        check_judged(summary, settings.min_judged_fraction, ledger)
        run.storage.send(path, run.paths.work("verdicts"))
        audited = pl.concat(audits).sort("comment_id")
        routes = routes_of(counts, audited, plan) if counts else ROUTES.empty()
        for name, frame in ((AUDITS.name, audited), (ROUTES.name, routes)):
            frame.write_parquet(folder / f"{name}.parquet")
            run.storage.send(folder / f"{name}.parquet", run.paths.work(name))
        if any(entry.golden is not None for entry in ledger):
            # Nobody's verdicts: `measure_golden` looks at them.
            golden_answers(requests, answers, jobs.lazy()).write_parquet(folder / "golden.parquet")
            run.storage.send(folder / "golden.parquet", run.paths.work("golden"))
    return summary
