CREATE EXTERNAL TABLE `moderation`.`metrics`
LOCATION 's3://moderation/lake/metrics/'
TBLPROPERTIES ('table_type' = 'DELTA')
