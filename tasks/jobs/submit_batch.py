"""Stage: the intent goes on record, then Bedrock is asked; nobody pays twice.

Before each create call stands the shard's ledger entry, put only if absent. An intent without a job is looked for by
name and token first: a create call may have been accepted and its answer lost, in this run or an earlier one. Only if
Bedrock knows nothing of it is the call made, with a token that Bedrock takes once. An intent that no longer serves
(another prompt, another model) is looked for and never made into a job.

A run may sleep while another one takes its day. Where S3 does not stop what the sleeper then asks, this does: an intent
that it puts too late is a stray (`data_contracts.documents.ledger.without_strays`), and the call for one that was in
time has the token that the other's call has. One gap is left. A run that sleeps for over a minute exactly between its
look for an accepted job and its call, while Bedrock forgets the token (its memory has no documented length), makes a
second job: that one goes on record and is asked to stop at once, and only what it answers by then is paid twice.
"""

from __future__ import annotations

from datetime import datetime

from data_contracts.documents.ledger import EntryState, LedgerEntry
from data_contracts.documents.plan import Plan
from tasks.base.settings import Settings
from tasks.base.stage import paid_stage
from tasks.batch.read_quotas import Quotas
from tasks.jobs.submission import Submission, find_all_accepted, submit_waiting
from tasks.ledger.deadline import is_late
from tasks.ledger.entries import is_live, read_ledger, serves, write_intent
from tasks.ledger.lease import read_term
from tasks.ledger.moves import intended
from tasks.ledger.run import Run


@paid_stage
def submit_batch(
    settings: Settings, plan: Plan, shards: tuple[LedgerEntry, ...], now: datetime, quotas: Quotas = Quotas()
) -> Submission:
    """Put every new shard's intent on record, then submit what may be; a rerun adopts what was accepted before.

    Reads: the shards, ledger, lease, Bedrock's list of jobs.
    Writes: ledger: the intents; Bedrock's jobs; ledger: their ARNs.
    Stops when: Bedrock refuses for good (BedrockRefused), another run has the day (LeaseLost).
    """
    run = Run.of(settings, plan)
    connected, paths = run.outside, run.paths
    # A run that slept since it planned its shards would ask for what its successor has asked.
    term = read_term(connected.storage, paths, plan.run_id)
    for shard in shards:
        write_intent(connected.storage, paths, intended(shard, term))
        # Only now: whoever has taken the day before this look leaves the intent out (`without_strays`), and whoever
        # takes it later finds the intent in the ledger that he plans by.
        run.still_ours()
    ledger = [entry for entry in read_ledger(connected.storage, paths) if is_live(entry)]
    keys, before = {entry.key for entry in ledger}, {entry.key for entry in ledger if entry.job_arn is not None}
    jobs = [entry for entry in ledger if entry.mode == "batch"]
    unwanted = [entry for entry in jobs if not serves(entry, plan)]
    accepted = find_all_accepted(connected, settings, paths, unwanted, now)
    waited_for = [entry for entry in accepted if entry.job_arn is not None]
    waited_for += [entry for entry in jobs if serves(entry, plan)]
    if not is_late(settings, plan, now):
        waited_for = submit_waiting(
            connected, settings, paths, waited_for, now, quotas.most_jobs(settings), run.still_ours
        )
    on_demand = [entry for entry in ledger if entry.mode == "on_demand"]
    submitted = [entry for entry in waited_for if entry.job_arn is not None and entry.key not in before]
    twins = [entry for entry in submitted if entry.key not in keys]
    return Submission(
        live_keys=tuple(entry.key for entry in (*waited_for, *on_demand)),
        created_count=sum(not entry.adopted for entry in submitted),
        adopted_count=sum(entry.adopted for entry in submitted),
        waiting_count=sum(entry.state is EntryState.INTENDED for entry in waited_for),
        warnings=tuple(
            f"{twin.job_arn} is a second job for the records of {twin.job_name}: it was not asked for by this ledger; "
            "what it answers is read and what it costs is booked"
            for twin in twins
        ),
    )
