CREATE EXTERNAL TABLE `moderation`.`audits`
LOCATION 's3://moderation/lake/audits/'
TBLPROPERTIES ('table_type' = 'DELTA')
