"""The stages of a night, in order: `flows/night.py` calls them, and each docstring says what stands here.

<!-- stages: made by .venv/bin/python -m docs.generate -->
stage                 | reads                        | writes                            | stops when
--------------------- | ---------------------------- | --------------------------------- | ----------------------------
await_input (if       | the listing of               | nothing                           | the marker did not come
waits_for_input)      | comments/date=D              |                                   | within INPUT_WAIT_H
                      |                              |                                   | (InputIncomplete)
ingest                | the files of                 | plan.json                         | the day has no file
                      | comments/date=D; ledger and  |                                   | (InputAbsent), a column
                      | lake/nights, for the         |                                   | drifted (SchemaDrift), a
                      | prompt's hash; the golden    |                                   | prompt that has judged was
                      | pack; the policy;            |                                   | changed (PromptInvalid),
                      | state/champion.json and the  |                                   | there is no champion to
                      | day's plans, where the       |                                   | judge by (ChampionUnusable),
                      | settings say `champion`      |                                   | no family knows the model or
                      |                              |                                   | Bedrock does not say which
                      |                              |                                   | one a profile is of
                      |                              |                                   | (UnsupportedModel), the
                      |                              |                                   | golden pack, the policy or
                      |                              |                                   | its rules are broken
                      |                              |                                   | (SettingsInvalid)
find_published        | lake/nights, lake/verdicts,  | nothing                           | never; if there is nothing
                      | ledger, state/restores, the  |                                   | to change, the night ends
                      | published run's plan.json    |                                   | here and is well
preflight             | both own roots, the listing  | preflight.json; two probes,       | a root is closed
                      | of comments/, the model's    | deleted again; the alert that the | (StorageRefused)
                      | life                         | model ends                        |
validate              | the planned objects,         | work/checked, work/valid,         | an object was replaced
                      | state/erasures               | work/rejected                     | (InputChanged), too many
                      |                              |                                   | rows are rejected
                      |                              |                                   | (TooManyRejected) or of the
                      |                              |                                   | day of another time zone
                      |                              |                                   | (WrongTimeZone)
check_expectations    | work/checked, lake/nights,   | expectations.json, data_docs/     | a critical expectation fails
                      | lake/metrics                 |                                   | (CriticalExpectationFailed)
deduplicate           | work/valid                   | work/duplicates                   | never
route_comments        | work/valid, work/duplicates, | work/routed, unless the policy is | the policy or its rules were
                      | lake/verdicts, lake/metrics, | plain                             | changed since the night
                      | state/classifier, the        |                                   | began (SettingsInvalid)
                      | policy, the rules, the salt  |                                   |
read_quotas           | Service Quotas               | nothing                           | never; without an answer
                      |                              |                                   | MAX_JOBS_IN_FLIGHT holds
build_batch (each     | work/valid, work/duplicates, | the shards' input files,          | the estimate is over the
round)                | ledger, requests/, answers/, | requests/; work/wanted, where     | budget (OverBudget), a job's
                      | state/usage, the golden      | workers of a cluster write the    | failure would repeat
                      | pack; Bedrock's count of     | shards                            | (JobFailed), there are too
                      | tokens                       |                                   | few comments for a job and
                      |                              |                                   | ON_DEMAND is off
                      |                              |                                   | (BelowMinimum), no cut into
                      |                              |                                   | shards keeps all limits or
                      |                              |                                   | the list of prices cannot be
                      |                              |                                   | read (SettingsInvalid)
try_canary (each      | the first shard, ledger,     | ledger, then one call to the      | the model does not take the
round)                | preflight.json               | model; preflight.json             | request (CanaryFailed), the
                      |                              |                                   | account may not ask it
                      |                              |                                   | (BedrockRefused). Of a pack
                      |                              |                                   | the first is told, and the
                      |                              |                                   | caller builds the batch anew
                      |                              |                                   | without packs
tell_refused_packs    | state/alerts/groups/pipeline.json | the alert channels,               | never
(if                   |                              | state/alerts/groups/pipeline.json |
trial.refused_packs)  |                              |                                   |
submit_batch (each    | the shards, ledger, lease,   | ledger: the intents; Bedrock's    | Bedrock refuses for good
round)                | Bedrock's list of jobs       | jobs; ledger: their ARNs          | (BedrockRefused), another
                      |                              |                                   | run has the day (LeaseLost)
ask_on_demand (each   | ledger, the input files of   | calls and answers one by one in   | Bedrock refuses for good
round)                | shards below the minimum of  | the batch root, ledger            | (BedrockRefused), another
                      | a job                        |                                   | run has the day (LeaseLost)
poll_batch (each      | ledger, Bedrock's jobs       | ledger: how jobs ended; Bedrock's | Bedrock does not know a job
round)                |                              | jobs: shards that waited are      | (JobUnknown)
                      |                              | submitted, late jobs are stopped  |
collect_answers (each | ledger, the jobs' input and  | answers/; ledger: tokens and cost | another run has the day
round)                | output files, requests/, the |                                   | (LeaseLost)
                      | lease                        |                                   |
merge_verdicts        | work/valid, work/duplicates, | work/verdicts, work/routes,       | too few comments are judged
                      | work/routed, ledger,         | work/audits; work/golden, if      | (TooFewJudged, JobFailed),
                      | requests/, answers/          | golden items were asked           | at the deadline a job goes
                      |                              |                                   | on or answers are lacking
                      |                              |                                   | (DeadlinePassed)
compare_verdicts      | work/verdicts,               | work/flips; flips.json, if the    | a backfill would flip too
                      | lake/verdicts, lake/nights   | day was published before          | many verdicts (FlipsHeld)
publish               | work/valid, work/rejected,   | ledger: canaries without an       | rows or tokens do not add up
                      | work/verdicts, work/flips,   | answer; lake/verdicts,            | (Unbalanced), another run
                      | work/routes, work/audits,    | lake/rejected, lake/review,       | has the day (LeaseLost)
                      | ledger, lease                | lake/flips, one commit each;      |
                      |                              | their plain objects; lake/routes, |
                      |                              | lake/audits, unless the policy is |
                      |                              | plain; balance.json               |
request_labels        | work/verdicts,               | lake/label_requests in one        | another run has the day
                      | lake/label_requests,         | commit, its plain object;         | (LeaseLost)
                      | state/salt.json, lease       | state/salt.json, once for all     |
                      |                              | nights                            |
measure_drift         | work/valid, work/rejected,   | work/metrics-drift,               | another run has the day
                      | work/verdicts, lake/nights,  | state/vocabulary, state/texts,    | (LeaseLost)
                      | lake/metrics,                | state/cells                       |
                      | state/vocabulary,            |                                   |
                      | state/texts, lease           |                                   |
measure_golden        | work/golden, the golden      | state/golden, lake/golden,        | another run has the day
                      | pack, state/golden,          | golden.json, work/metrics-golden  | (LeaseLost)
                      | state/rebaselined.json,      |                                   |
                      | lake/nights, lake/metrics,   |                                   |
                      | lease                        |                                   |
explain_change        | state/cells of the last 28   | why.json                          | never
                      | days, golden.json,           |                                   |
                      | flips.json of the runs that  |                                   |
                      | published them               |                                   |
measure_accuracy      | labels/date=D,               | work/metrics-quality,             | never
                      | lake/verdicts, lake/nights,  | work/labels-seen, confusion.json  |
                      | lake/metrics                 |                                   |
remeasure_late_labels | the labels of the last 14    | lake/metrics in one commit; its   | never
                      | days, state/labels of the    | plain objects, state/labels;      |
                      | last 42, lake/nights,        | confusion.json for the days whose |
                      | lake/verdicts, lake/metrics, | labels changed; quality.json      |
                      | work/metrics-drift,          |                                   |
                      | work/metrics-quality,        |                                   |
                      | work/labels-seen             |                                   |
send_alerts           | lake/metrics, lake/verdicts, | the alert channels,               | never; a channel that failed
                      | lake/nights, plan.json,      | state/alerts/groups               | is named in the summary
                      | state/alerts/groups          |                                   |
close_night           | ledger, lake/metrics,        | ledger.json, report.html,         | another run has the day
                      | lake/nights, lake/routes,    | summary.json, state/usage; last   | (LeaseLost)
                      | lake/label_requests,         | of all lake/nights                |
                      | preflight.json,              |                                   |
                      | confusion.json, golden.json, |                                   |
                      | why.json, state/alerts,      |                                   |
                      | lease                        |                                   |
tell_published        | lake/nights,                 | the alert channels,               | never
                      | state/alerts/groups/pipeline.json | state/alerts/groups/pipeline.json |
tell_late_input       | lake/nights, the plans and   | the alert channels,               | never
                      | listings of the last         | state/alerts/groups/inputs.json   |
                      | WATCH_DAYS days, the         |                                   |
                      | listings of the labels       |                                   |
expire_batch_files    | lake/nights, ledger, the     | deletes batch files past their    | never; what could not be
                      | listing of the batch root    | retention, and scratch frames of  | looked at or deleted is
                      |                              | dead runs                         | tried again by a later night
alert_stopped_night   | lake/verdicts,               | the alert channels,               | never; it runs when another
(of a night that      | state/alerts/groups          | state/alerts/groups               | stage has stopped the night
stopped)              |                              |                                   |
send_figures (if      | the night's summary, as it   | CloudWatch's metrics              | never; what CloudWatch says
MODERATION_CLOUDWATCH | was closed                   |                                   | against it is a warning
and not is_backfill)  |                              |                                   |
<!-- end of stages -->

D is the day; work/ is the run's own folder of frames, deleted when the run ends. Every stage may also stop on a
store that refuses or does not answer (StorageRefused, StorageUnavailable). Where each key lies: `tasks/base/paths.py`.
"""
