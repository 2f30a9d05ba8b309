CREATE EXTERNAL TABLE `moderation`.`rejected`
LOCATION 's3://moderation/lake/rejected/'
TBLPROPERTIES ('table_type' = 'DELTA')
