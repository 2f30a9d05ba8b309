CREATE EXTERNAL TABLE `moderation`.`verdicts`
LOCATION 's3://moderation/lake/verdicts/'
TBLPROPERTIES ('table_type' = 'DELTA')
