CREATE EXTERNAL TABLE `moderation`.`label_requests`
LOCATION 's3://moderation/lake/label_requests/'
TBLPROPERTIES ('table_type' = 'DELTA')
