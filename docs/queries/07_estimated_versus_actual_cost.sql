-- How good are the estimates? Above 1 the night cost more than it was expected to.
SELECT date, estimated_cost_usd, cost_usd, actual_to_estimated
FROM cost_by_day
WHERE cost_usd IS NOT NULL AND estimated_cost_usd > 0
ORDER BY date
