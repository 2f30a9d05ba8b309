CREATE EXTERNAL TABLE `moderation`.`golden`
LOCATION 's3://moderation/lake/golden/'
TBLPROPERTIES ('table_type' = 'DELTA')
