"""Candidates asked over a set: the same requests, parser and exact books as a night, in folders of their own.

`run_candidates` is called by a command, `plan_candidates` by a flow. Reads evaluation/sets and the golden pack, writes
evaluation/{ledger,requests,answers,prompts}, the batch root's folder evaluation/NAME, lake/experiments. Asks Bedrock,
within the budget that its caller names.
Never here: a file, a job or a dollar of a night; the same request twice.
"""
