CREATE EXTERNAL TABLE IF NOT EXISTS `moderation`.`labels` (
  `comment_id` string COMMENT 'The labelled comment.',
  `labeler` string COMMENT 'Who labelled it.',
  `violation` boolean COMMENT 'Whether the comment breaks the guideline.',
  `category` string COMMENT 'The category that it breaks, none when it breaks none. Null when the labeler named none.',
  `labeled_at` timestamp COMMENT 'When it was labelled.',
  `source` string COMMENT 'How it was chosen: sample, overturn, planted, audit, disagreement.',
  `stratum` string COMMENT 'The sampling stratum. Null when it was not sampled in strata.',
  `inclusion_probability` double COMMENT 'The probability, in (0, 1], with which the sample took this comment. Unit: fraction. Null when unknown: then all labelled comments of the day count alike.'
)
COMMENT 'One row per (comment, labeler), date in the path is the comment’s day, files may come days later.'
PARTITIONED BY (`date` string COMMENT 'The local day, YYYY-MM-DD, from the path.')
STORED AS PARQUET
LOCATION 's3://site/labels/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.date.type' = 'date',
  'projection.date.format' = 'yyyy-MM-dd',
  'projection.date.range' = '2026-01-01,NOW+1DAYS',
  'projection.date.interval' = '1',
  'projection.date.interval.unit' = 'DAYS',
  'storage.location.template' = 's3://site/labels/date=${date}/'
)
