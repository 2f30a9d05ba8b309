CREATE EXTERNAL TABLE IF NOT EXISTS `moderation`.`comments` (
  `comment_id` string COMMENT 'The site’s id of the comment, unique within a day.',
  `posted_at` timestamp COMMENT 'When the customer posted it.',
  `product_id` string COMMENT 'The product that the comment stands under.',
  `user_id` string COMMENT 'Who wrote it, pseudonymous.',
  `text` string COMMENT 'The comment itself.',
  `rating` bigint COMMENT 'Stars given with the comment. Unit: star. Null when none were given.'
)
COMMENT 'One row per comment that the site received, as the upstream export wrote it.'
PARTITIONED BY (`date` string COMMENT 'The local day, YYYY-MM-DD, from the path.')
STORED AS PARQUET
LOCATION 's3://site/comments/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.date.type' = 'date',
  'projection.date.format' = 'yyyy-MM-dd',
  'projection.date.range' = '2026-01-01,NOW+1DAYS',
  'projection.date.interval' = '1',
  'projection.date.interval.unit' = 'DAYS',
  'storage.location.template' = 's3://site/comments/date=${date}/'
)
