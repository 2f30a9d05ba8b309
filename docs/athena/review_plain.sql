CREATE EXTERNAL TABLE IF NOT EXISTS `moderation`.`review_plain` (
  `comment_id` string COMMENT 'The comment.',
  `posted_at` timestamp COMMENT 'When it was posted.',
  `product_id` string COMMENT 'The product it stands under.',
  `language` string COMMENT 'ISO 639-1 code of its text, und when it cannot be told.',
  `reason` string COMMENT 'Why a person must look: model_refused, answer_unreadable, bedrock_error, no_answer, never_asked.',
  `status` string COMMENT 'The verdict’s status, never judged.',
  `status_detail` string COMMENT 'What came instead of a verdict, in words. Null when nothing more is known than the status.',
  `decided_by` string COMMENT 'What was asked: model, duplicate, cache, rule, classifier, for a duplicate the comment that it repeats was.',
  `attempt` int COMMENT 'How many requests were made for the record, from 1, 0 when it was never asked.',
  `model_id` string COMMENT 'The model or inference profile that was asked.',
  `prompt_version` string COMMENT 'The version of the prompt that was used.',
  `run_id` string COMMENT 'The run that published the row.'
)
COMMENT 'One row per comment of the day that was published without a verdict, no comment text (join on comment_id).'
PARTITIONED BY (`date` string COMMENT 'The local day, YYYY-MM-DD, from the path.')
STORED AS PARQUET
LOCATION 's3://moderation/review/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.date.type' = 'date',
  'projection.date.format' = 'yyyy-MM-dd',
  'projection.date.range' = '2026-01-01,NOW+1DAYS',
  'projection.date.interval' = '1',
  'projection.date.interval.unit' = 'DAYS',
  'storage.location.template' = 's3://moderation/review/date=${date}/'
)
