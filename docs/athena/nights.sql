CREATE EXTERNAL TABLE `moderation`.`nights`
LOCATION 's3://moderation/lake/nights/'
TBLPROPERTIES ('table_type' = 'DELTA')
