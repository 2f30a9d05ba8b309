CREATE OR REPLACE VIEW "cost_by_day" AS
SELECT date, model_id, prompt_version, valid_count, estimated_cost_usd, cost_usd, unattributed_cost_usd,
  cost_usd / nullif(estimated_cost_usd, 0) AS actual_to_estimated,
  1000 * cost_usd / nullif(valid_count, 0) AS cost_usd_per_1000
FROM nights
