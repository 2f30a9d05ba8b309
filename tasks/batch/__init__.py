"""Which comments are asked, what that will cost, the shards.

Stages, in order: read_quotas, build_batch, try_canary.
Reads work/valid, work/duplicates, ledger, requests/, answers/ and state/usage; asks Service Quotas, and Bedrock to
count tokens, both free. Writes the shards' input files and requests/, the canary's entry in the ledger, preflight.json.
`shared_shards.write_part` is a part, which a worker of a cluster may do: it writes a shard's input file and requests.
Never here: a batch job; a shard that the budget does not allow; a record that was answered or that a job holds. The
only paid call is the canary's, which is booked before it is made.
"""
