CREATE OR REPLACE VIEW "quality_by_category" AS
SELECT date, substr(slice, 10) AS category,
  max(CASE WHEN metric = 'precision' THEN x END) AS right_of_flagged,
  max(CASE WHEN metric = 'precision' THEN n END) AS flagged_count,
  max(CASE WHEN metric = 'precision' THEN value END) AS precision_value,
  max(CASE WHEN metric = 'precision' THEN ci_low END) AS precision_low,
  max(CASE WHEN metric = 'precision' THEN ci_high END) AS precision_high,
  max(CASE WHEN metric = 'recall' THEN x END) AS found_of_violations,
  max(CASE WHEN metric = 'recall' THEN n END) AS violation_count,
  max(CASE WHEN metric = 'recall' THEN value END) AS recall_value,
  max(CASE WHEN metric = 'recall' THEN ci_low END) AS recall_low,
  max(CASE WHEN metric = 'recall' THEN ci_high END) AS recall_high,
  max(CASE WHEN metric = 'f1' THEN value END) AS f1_value
FROM (
SELECT date, metric, slice, kind, x, n, mean, variance, value, ci_low, ci_high, baseline, effect, threshold, statistic, state, since, method, reason, measured_at, verdicts_run_id, run_id, severity, evidence, evidence_limit, reason_code, detectable
FROM (SELECT *, row_number() OVER (PARTITION BY date, metric, slice ORDER BY measured_at DESC) AS newest FROM metrics) AS measured
WHERE newest = 1
) AS latest
WHERE slice LIKE 'category=%' AND metric IN ('precision', 'recall', 'f1')
GROUP BY date, slice
