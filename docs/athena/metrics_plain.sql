CREATE EXTERNAL TABLE IF NOT EXISTS `moderation`.`metrics_plain` (
  `metric` string COMMENT 'What was measured, e.g. violation_rate.',
  `slice` string COMMENT 'Of which part: all, language=ja, category=spam, source=planted ...',
  `kind` string COMMENT 'What value is: rate, mean, count.',
  `x` double COMMENT 'Numerator of a rate, weighted labels make it no whole number. Null when kind is not rate.',
  `n` bigint COMMENT 'How many things were measured. Null when unknown.',
  `mean` double COMMENT 'Mean of a mean metric. Unit: that of the metric. Null when kind is not mean, or there is no value.',
  `variance` double COMMENT 'Sample variance of a mean metric. Null when kind is not mean, or n is 1.',
  `value` double COMMENT 'The measurement: a fraction, a mean or a count. Unit: that of the metric. Null when nothing could be measured: never 0 then.',
  `ci_low` double COMMENT 'Lower end of the 95 % interval. Unit: that of the metric. Null when the value is a total, or there is none.',
  `ci_high` double COMMENT 'Upper end of the 95 % interval. Unit: that of the metric. Null when the value is a total, or there is none.',
  `baseline` double COMMENT 'What earlier nights lead one to expect. Unit: that of the metric. Null when the night was not compared: see state and reason.',
  `effect` double COMMENT 'value minus baseline. Unit: that of the metric. Null when the night was not compared: see state and reason.',
  `threshold` double COMMENT 'How large |effect| may be before the state is degraded, given what earlier nights showed. Unit: that of the metric. Null when no value could stand out, or the night was not compared: see state and reason.',
  `statistic` double COMMENT 'How far the value is from what is expected of this night. Unit: standard deviation between nights. Null when the night was not compared: see state and reason.',
  `state` string COMMENT 'What it says: ok, degraded, cannot_tell, no_data, learning.',
  `since` date COMMENT 'First night of the unbroken run of degraded nights. Null when state is not degraded.',
  `method` string COMMENT 'How value, interval and statistic were computed.',
  `reason` string COMMENT 'Why the state is what it is, in words. Null when there is nothing to say.',
  `measured_at` timestamp COMMENT 'When it was measured: the latest of a (date, metric, slice) counts.',
  `verdicts_run_id` string COMMENT 'The run whose verdicts were measured.',
  `run_id` string COMMENT 'The run that measured.',
  `severity` string COMMENT 'How soon somebody should look: page, ticket, report. Null when nobody needs to look: state is not degraded, and labels have not stopped coming.',
  `evidence` double COMMENT 'How much this and earlier nights speak for a change: chance brings it once in so many nights at most. Unit: nights. Null when the slice never rings, or the night was not compared.',
  `evidence_limit` double COMMENT 'The evidence at which the state is degraded. Unit: nights. Null when evidence is null.',
  `reason_code` string COMMENT 'Why the state is what it is: shift, jump, no_input, incomplete, no_labels, provisional, collecting, not_measured, impossible, few_nights, few_items, event, shown. Null when the night is as expected.',
  `detectable` double COMMENT 'The smallest change for the worse that a week of such nights would show, in 8 of 10 cases. Unit: that of the metric. Null when the slice never rings, the night was not compared, or no change would be large enough.'
)
COMMENT 'Append-only: a re-measurement adds rows, and the latest measured_at of a (date, metric, slice) counts.'
PARTITIONED BY (`date` string COMMENT 'The local day, YYYY-MM-DD, from the path.')
STORED AS PARQUET
LOCATION 's3://moderation/metrics/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.date.type' = 'date',
  'projection.date.format' = 'yyyy-MM-dd',
  'projection.date.range' = '2026-01-01,NOW+1DAYS',
  'projection.date.interval' = '1',
  'projection.date.interval.unit' = 'DAYS',
  'storage.location.template' = 's3://moderation/metrics/date=${date}/'
)
