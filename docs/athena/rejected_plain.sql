CREATE EXTERNAL TABLE IF NOT EXISTS `moderation`.`rejected_plain` (
  `comment_id` string COMMENT 'As it came: the site’s id of the comment, unique within a day. Null when it came so, or the row is of an erased comment.',
  `posted_at` timestamp COMMENT 'As it came: when the customer posted it. Null when it came so, it lies outside the years 1 to 9999, or the row is of an erased comment.',
  `product_id` string COMMENT 'As it came: the product that the comment stands under. Null when it came so, or the row is of an erased comment.',
  `user_id` string COMMENT 'As it came: who wrote it, pseudonymous. Null when it came so, or the row is of an erased comment.',
  `text` string COMMENT 'As it came: the comment itself. Null when it came so, or the row is of an erased comment.',
  `rating` bigint COMMENT 'As it came: stars given with the comment. Unit: star. Null when it came so, or the row is of an erased comment.',
  `source_object` string COMMENT 'URI of the input object that the row came from.',
  `source_row` bigint COMMENT 'Row number within the input object, from 0. Unit: row.',
  `reason` string COMMENT 'Why it was rejected: null_text, blank_text, duplicate_id, outside_day, too_long, bad_id, bad_rating, bad_encoding, erased.',
  `run_id` string COMMENT 'The run that rejected it.'
)
COMMENT 'One row per ingested row that broke the contract, nothing is dropped silently.'
PARTITIONED BY (`date` string COMMENT 'The local day, YYYY-MM-DD, from the path.')
STORED AS PARQUET
LOCATION 's3://moderation/rejected/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.date.type' = 'date',
  'projection.date.format' = 'yyyy-MM-dd',
  'projection.date.range' = '2026-01-01,NOW+1DAYS',
  'projection.date.interval' = '1',
  'projection.date.interval.unit' = 'DAYS',
  'storage.location.template' = 's3://moderation/rejected/date=${date}/'
)
