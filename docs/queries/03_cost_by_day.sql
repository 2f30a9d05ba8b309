-- What did each night cost, in all and per 1,000 comments? Null where the model has no known price.
SELECT date, model_id, valid_count, cost_usd, cost_usd_per_1000
FROM cost_by_day
ORDER BY date
