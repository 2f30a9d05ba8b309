CREATE EXTERNAL TABLE IF NOT EXISTS `moderation`.`label_requests_plain` (
  `comment_id` string COMMENT 'The comment.',
  `product_id` string COMMENT 'The product it stands under.',
  `language` string COMMENT 'ISO 639-1 code of its text, und when it cannot be told.',
  `stratum` string COMMENT 'What it was drawn from: flagged, borderline, clear, of purpose disagreement: both_flag, challenger_clears, challenger_flags, both_clear.',
  `stratum_size` bigint COMMENT 'Comments of the stratum on that day. Unit: comment.',
  `inclusion_probability` double COMMENT 'The probability with which it was drawn: requests of the stratum / stratum_size. The sum of 1 / this over a day’s sample is the number of its judged comments. Unit: fraction.',
  `rater_slots` int COMMENT 'How many raters are to label it, each by themselves.',
  `purpose` string COMMENT 'Why it is asked for: sample, audit, disagreement.',
  `requested_at` timestamp COMMENT 'Since when it is asked for without a break.',
  `run_id` string COMMENT 'The run whose verdicts it was drawn from.'
)
COMMENT 'One row per comment that people are asked to label, no comment text and no verdict (join on comment_id).'
PARTITIONED BY (`date` string COMMENT 'The local day, YYYY-MM-DD, from the path.')
STORED AS PARQUET
LOCATION 's3://moderation/label_requests/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.date.type' = 'date',
  'projection.date.format' = 'yyyy-MM-dd',
  'projection.date.range' = '2026-01-01,NOW+1DAYS',
  'projection.date.interval' = '1',
  'projection.date.interval.unit' = 'DAYS',
  'storage.location.template' = 's3://moderation/label_requests/date=${date}/'
)
