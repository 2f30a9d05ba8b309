CREATE EXTERNAL TABLE `moderation`.`flips`
LOCATION 's3://moderation/lake/flips/'
TBLPROPERTIES ('table_type' = 'DELTA')
