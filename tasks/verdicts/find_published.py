"""Whether the day stands as this plan would judge it: then nothing is left to do."""

from __future__ import annotations

from functools import partial

from data_contracts.documents.ledger import EntryState
from data_contracts.documents.plan import Plan
from data_contracts.tables.verdicts import NIGHTS
from tasks.adapters.lake import reading_lake
from tasks.base.settings import Settings
from tasks.base.stage import stage
from tasks.ledger.entries import read_ledger, serves
from tasks.ledger.nights import is_settled, is_taken_back, is_whole, read_epoch, read_published
from tasks.ledger.run import Run
from tasks.ledger.run_records import read_restore


@stage
@reading_lake()
def find_published(settings: Settings, plan: Plan) -> str | None:
    """The run whose verdicts the day stands by, if this plan has nothing to change about them.

    It has nothing to change if the day was last published or restored with its input, prompt and model, in whatever
    epoch unless its own is higher; nor if a person brought the day back from before such a publication. But it has if
    a job that serves the published verdicts was never read: one that a run made which woke up after its successor had
    published. A job of a higher epoch is none: whoever ordered that goes on with it. Nor is a restored day judged
    again for the sake of one.

    Reads: lake/nights, lake/verdicts, ledger, state/restores, the published run's plan.json.
    Writes: nothing.
    Stops when: never; if there is nothing to change, the night ends here and is well.
    """
    run = Run.of(settings, plan)
    published = read_published(run.lake.read(run.paths.lake(NIGHTS.name), NIGHTS), plan.run_date)
    if published is None:
        return None
    restore, epoch_of = read_restore(run.storage, run.paths), partial(read_epoch, run.storage, run.paths)
    epoch = epoch_of(published.run_id)
    if not is_settled(plan, published.plan_sha256, epoch):
        return published.run_id if is_taken_back(plan, published.run_id, restore, epoch_of) else None
    if restore is None or restore.restored_run_id != published.run_id:
        for entry in read_ledger(run.storage, run.paths):
            if entry.state is EntryState.SUBMITTED and serves(entry, plan) and entry.epoch <= epoch:
                return None
    return published.run_id if is_whole(run.outside, run.paths, published.run_id) else None
