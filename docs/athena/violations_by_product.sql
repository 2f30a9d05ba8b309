CREATE OR REPLACE VIEW "violations_by_product" AS
SELECT date, product_id, judged_count, violation_count, 1.0 * violation_count / judged_count AS violation_rate,
  (1.0 * violation_count / judged_count + 3.841458820694124 / (2.0 * judged_count) - 1.959963984540054 * sqrt(1.0 * violation_count / judged_count * (1 - 1.0 * violation_count / judged_count) / judged_count + 3.841458820694124 / (4.0 * judged_count * judged_count))) / (1 + 3.841458820694124 / judged_count) AS ci_low,
  (1.0 * violation_count / judged_count + 3.841458820694124 / (2.0 * judged_count) + 1.959963984540054 * sqrt(1.0 * violation_count / judged_count * (1 - 1.0 * violation_count / judged_count) / judged_count + 3.841458820694124 / (4.0 * judged_count * judged_count))) / (1 + 3.841458820694124 / judged_count) AS ci_high
FROM (
  SELECT date, product_id, count(*) AS judged_count, sum(CASE WHEN violation THEN 1 ELSE 0 END) AS violation_count
  FROM verdicts WHERE status = 'judged' GROUP BY date, product_id
) AS counted
