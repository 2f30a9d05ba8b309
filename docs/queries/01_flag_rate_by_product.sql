-- Which products draw violations, and how sure is that? All days pooled; products with fewer than 5 judged comments are
-- left out. The interval is Wilson's, at 95 %: a high rate whose interval is wide is no news yet.
SELECT product_id, judged_count, flagged_count, flag_rate,
  (flag_rate + 3.841458820694124 / (2.0 * judged_count) - spread) / (1 + 3.841458820694124 / judged_count) AS ci_low,
  (flag_rate + 3.841458820694124 / (2.0 * judged_count) + spread) / (1 + 3.841458820694124 / judged_count) AS ci_high
FROM (
  SELECT product_id, judged_count, flagged_count, flag_rate,
    1.959963984540054 * sqrt(
      flag_rate * (1 - flag_rate) / judged_count + 3.841458820694124 / (4.0 * judged_count * judged_count)
    ) AS spread
  FROM (
    SELECT product_id, sum(judged_count) AS judged_count, sum(violation_count) AS flagged_count,
      1.0 * sum(violation_count) / sum(judged_count) AS flag_rate
    FROM violations_by_product
    GROUP BY product_id
  ) AS pooled
) AS spread_out
WHERE judged_count >= 5
ORDER BY flag_rate DESC, product_id
