"""The stages of a night, in order.

stage             | reads                          | writes                              | stops the run when
------------------|--------------------------------|-------------------------------------|--------------------------------
ingest            | comments/date=D                | runs/D/RUN/plan.json                | no input, schema drift
preflight         | the buckets, the model's life  | preflight.json                      | a bucket is closed
validate          | the planned objects            | work/checked, valid, rejected       | too many rejected
check_expectations| work/checked, the lake         | expectations.json, data_docs        | a critical expectation fails
deduplicate       | work/valid                     | work/duplicates                     |
read_quotas       | Service Quotas                 |                                     |
build_batch       | work/valid, ledger, answers    | batch input, requests               | over budget, repeated failure
try_canary        | the first shard                | one canary call, preflight.json     | the model refuses the request
submit_batch      | the shards                     | ledger (intent, then the job)       | Bedrock refuses for good
ask_on_demand     | shards too small for a job     | calls and answers, one by one       | Bedrock refuses for good
poll_batch        | ledger, Bedrock's jobs         | ledger (status), stops late jobs    |
collect_answers   | batch output                   | answers, ledger (usage, cost)       |
merge_verdicts    | work/valid, answers            | work/verdicts                       | too few judged, endless job
compare_verdicts  | work/verdicts, the lake        | flips.json of a day published before| a backfill: too many flips
publish           | work/verdicts, work/rejected   | lake, plain objects, balance.json   | rows do not balance
measure           | the lake, labels               | lake/metrics, confusion.json        |
remeasure         | earlier days' late labels      | lake/metrics, state/labels          |
send_alerts       | metrics                        | alert channels, state/alerts        |
close_night       | everything above               | summary, report, lake/nights        |
tell_late_input   | listings and plans of days     | alert channels, state/alerts        |
expire_batch_files| lake/nights, batch files       | deletes those past their retention  |
"""
