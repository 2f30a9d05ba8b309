CREATE EXTERNAL TABLE IF NOT EXISTS `moderation`.`flips_plain` (
  `comment_id` string COMMENT 'The comment.',
  `old_violation` boolean COMMENT 'Whether it broke the guideline before.',
  `new_violation` boolean COMMENT 'Whether it breaks the guideline now. Null when it has no verdict any more.',
  `old_category` string COMMENT 'The category it broke before, none for none.',
  `new_category` string COMMENT 'The category it breaks now, none for none. Null when it has no verdict any more.',
  `old_run_id` string COMMENT 'The run whose verdict it had.',
  `run_id` string COMMENT 'The run whose verdict it has.'
)
COMMENT 'One row per comment whose verdict changed when its day was last published anew, against the verdicts that this took the place of, no comment text (join on comment_id).'
PARTITIONED BY (`date` string COMMENT 'The local day, YYYY-MM-DD, from the path.')
STORED AS PARQUET
LOCATION 's3://moderation/flips/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.date.type' = 'date',
  'projection.date.format' = 'yyyy-MM-dd',
  'projection.date.range' = '2026-01-01,NOW+1DAYS',
  'projection.date.interval' = '1',
  'projection.date.interval.unit' = 'DAYS',
  'storage.location.template' = 's3://moderation/flips/date=${date}/'
)
