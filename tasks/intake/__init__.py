"""From the day's files to valid, unique comments.

Stages, in order: await_input, ingest, validate, check_expectations, deduplicate.
Reads comments/date=D and state/erasures, of earlier nights lake/nights and lake/metrics; writes plan.json,
expectations.json and data_docs/ of the run, and its frames `checked`, `valid`, `rejected`, `duplicates` below work/.
Never here: Bedrock, money; a row that is in both of `valid` and `rejected` or in neither (`row_rules` alone decides); a
text that Great Expectations gets to see.
"""
