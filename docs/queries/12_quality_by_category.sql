-- How good is the judge at each category, over all days that have labels? Counts are pooled, then divided: a mean of
-- daily rates would weigh a day with two labels like one with two hundred. Null where nothing was flagged, or is there.
SELECT category, days, flagged_count, precision_value, violation_count, recall_value,
  2 * precision_value * recall_value / nullif(precision_value + recall_value, 0) AS f1_value
FROM (
  SELECT category, count(*) AS days, sum(flagged_count) AS flagged_count, sum(violation_count) AS violation_count,
    sum(right_of_flagged) / nullif(sum(flagged_count), 0) AS precision_value,
    sum(found_of_violations) / nullif(sum(violation_count), 0) AS recall_value
  FROM quality_by_category
  GROUP BY category
) AS pooled
ORDER BY category
