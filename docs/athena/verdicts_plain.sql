CREATE EXTERNAL TABLE IF NOT EXISTS `moderation`.`verdicts_plain` (
  `comment_id` string COMMENT 'The comment.',
  `posted_at` timestamp COMMENT 'When it was posted.',
  `product_id` string COMMENT 'The product it stands under.',
  `language` string COMMENT 'ISO 639-1 code of its text, und when it cannot be told.',
  `status` string COMMENT 'What became of it: judged, refused, malformed, error, missing.',
  `status_detail` string COMMENT 'Why it is not judged. Null when status is judged.',
  `violation` boolean COMMENT 'Whether it breaks the guideline. Null when status is not judged: a comment without a verdict is not fine, it is unknown.',
  `category` string COMMENT 'The category it breaks, none for none. Null when status is not judged: a comment without a verdict is not fine, it is unknown.',
  `confidence` double COMMENT 'The model’s own confidence, 0 to 1, no calibrated probability. Unit: fraction. Null when status is not judged: a comment without a verdict is not fine, it is unknown.',
  `explanation` string COMMENT 'The model’s reason, at most 200 characters, not quoting the comment, empty when it is no violation. Null when status is not judged: a comment without a verdict is not fine, it is unknown.',
  `decided_by` string COMMENT 'What decided: model, duplicate, cache, rule, classifier.',
  `attempt` int COMMENT 'Which attempt at the record gave this answer, from 1, 0 if it was never asked.',
  `model_id` string COMMENT 'The model or inference profile of the step that decided, of a step that asks none, the model step’s.',
  `prompt_name` string COMMENT 'The prompt that was used.',
  `prompt_version` string COMMENT 'Its version.',
  `prompt_sha256` string COMMENT 'Hash of the prompt with its parameters, lower hex.',
  `text_sha256` string COMMENT 'Hash of the normalised text, lower hex.',
  `input_tokens` bigint COMMENT 'Tokens read for this record, over all its attempts. Unit: token. Null when no answer reported any, a duplicate has none of its own.',
  `output_tokens` bigint COMMENT 'Tokens written for this record, over all its attempts. Unit: token. Null when no answer reported any, a duplicate has none of its own.',
  `cost_usd` double COMMENT 'Dollars this record cost over all its attempts, 0 for a duplicate and where nothing was billed. Unit: USD. Null when the model has no known price, or an answer reported no tokens: unknown is never 0.',
  `batch_job_arn` string COMMENT 'The Bedrock job that answered, a duplicate has that of the comment it repeats. Null when it was asked on demand, or never.',
  `run_id` string COMMENT 'The run that published the row.',
  `decided_at` timestamp COMMENT 'When the answer was read, a cached one on its earlier day, when the night was planned if none came.',
  `step` string COMMENT 'The policy’s step that decided: cache, rule, classifier, light, model. Of an audited comment the one that would have. Null when it is a duplicate, or the day was published before there were policies.',
  `policy` string COMMENT 'The policy. Null when the day was published before there were policies.',
  `policy_sha256` string COMMENT 'Hash of its steps, lower hex. Null when the day was published before there were policies.',
  `is_audit` boolean COMMENT 'Whether the model was asked for it to check the step: the verdict is then the model’s. Null when the day was published before there were policies.',
  `inclusion_probability` double COMMENT 'The probability that it had of being drawn for the audit. Unit: fraction. Null when is_audit is not true.',
  `pack` string COMMENT 'The id of the request that it was asked in with others. Null when it was not asked in a pack, or its answer there was of no use and it was asked again singly.',
  `slot` string COMMENT 'Its place there, s01 to s20. Null when it was not asked in a pack, or its answer there was of no use and it was asked again singly.'
)
COMMENT 'One row per valid comment of the day, no comment text (join on comment_id).'
PARTITIONED BY (`date` string COMMENT 'The local day, YYYY-MM-DD, from the path.')
STORED AS PARQUET
LOCATION 's3://moderation/verdicts/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.date.type' = 'date',
  'projection.date.format' = 'yyyy-MM-dd',
  'projection.date.range' = '2026-01-01,NOW+1DAYS',
  'projection.date.interval' = '1',
  'projection.date.interval.unit' = 'DAYS',
  'storage.location.template' = 's3://moderation/verdicts/date=${date}/'
)
