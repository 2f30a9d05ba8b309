"""Whether the day is published already from this very plan: then nothing is left to do."""

from __future__ import annotations

from data_contracts.documents.ledger import EntryState
from data_contracts.documents.plan import Plan
from data_contracts.tables.verdicts import NIGHTS
from tasks.adapters.lake import reading_lake
from tasks.base.settings import Settings
from tasks.base.stage import stage
from tasks.ledger.entries import read_ledger
from tasks.ledger.nights import _is_whole, published_run, restored_run
from tasks.ledger.run import Run
from tasks.ledger.run_records import read_restore


@stage
@reading_lake()
def find_published(settings: Settings, plan: Plan) -> str | None:
    """The run that published this plan already, if one did: then nothing is left to do.

    Nor is there if a person brought back the day from before this very plan was published. But there is if a job of the
    day was never read: one that a run made which woke up after its successor had published.

    Reads: lake/nights, lake/verdicts, ledger, state/restores.
    Writes: nothing.
    Stops when: never; if this very plan is published, the night ends here and is well.
    """
    run = Run.of(settings, plan)
    nights = run.lake.read(run.paths.lake(NIGHTS.name), NIGHTS)
    published = published_run(nights, plan)
    if published and any(entry.state is EntryState.SUBMITTED for entry in read_ledger(run.storage, run.paths)):
        return None
    if published and not _is_whole(run.outside, run.paths, published):
        return None
    return published or restored_run(nights, plan, read_restore(run.storage, run.paths))
