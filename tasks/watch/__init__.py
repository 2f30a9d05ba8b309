"""What is looked at beside the day's own rows: buckets, the model's life, late input, the watchdog.

Stages, in order: preflight, tell_refused_packs, tell_late_input.
`watchdog` is no stage: it looks from outside and needs no Prefect.
Reads listings, plans, ledgers, leases, lake/nights, Bedrock's jobs and the model's life; writes preflight.json, two
probes that it deletes again, and state/alerts.
Never here: a lease, money, a change to a table or a ledger.
"""
