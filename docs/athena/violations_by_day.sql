CREATE OR REPLACE VIEW "violations_by_day" AS
SELECT v.date, v.language, v.category, count(*) AS violation_count, max(j.judged_count) AS judged_count,
  1.0 * count(*) / max(j.judged_count) AS violation_rate
FROM verdicts AS v
JOIN (
  SELECT date, language, count(*) AS judged_count FROM verdicts WHERE status = 'judged' GROUP BY date, language
) AS j ON j.date = v.date AND j.language = v.language
WHERE v.violation
GROUP BY v.date, v.language, v.category
