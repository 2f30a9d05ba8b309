CREATE EXTERNAL TABLE `moderation`.`routes`
LOCATION 's3://moderation/lake/routes/'
TBLPROPERTIES ('table_type' = 'DELTA')
