"""Bedrock's jobs: submitted once, waited for, stopped, booked; single calls where there are too few comments for a job.

Stages, in order: submit_batch, ask_on_demand, poll_batch, collect_answers, expire_batch_files.
`stop_jobs` is what a cancel does. Every end of a job, PartiallyCompleted as well (`ENDED` in `base.ports`),
is read by `collection.collect_day`: it may have left answers that were paid for.
Reads and writes the ledger and the batch root; writes answers/; works with Bedrock through the port `BatchInference`.
`collection.keep_answers` is a part, which a worker of a cluster may do: it writes answers/KEY if the run holds the day.
Never here: a paid call without its entry in the ledger before it; an answer that is booked twice; a comment's text in
answers/.
"""
