CREATE OR REPLACE VIEW "metrics_latest" AS
SELECT date, metric, slice, kind, x, n, mean, variance, value, ci_low, ci_high, baseline, effect, threshold, statistic, state, since, method, reason, measured_at, verdicts_run_id, run_id, severity, evidence, evidence_limit, reason_code, detectable
FROM (SELECT *, row_number() OVER (PARTITION BY date, metric, slice ORDER BY measured_at DESC) AS newest FROM metrics) AS measured
WHERE newest = 1
