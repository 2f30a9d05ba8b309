CREATE EXTERNAL TABLE `moderation`.`review`
LOCATION 's3://moderation/lake/review/'
TBLPROPERTIES ('table_type' = 'DELTA')
