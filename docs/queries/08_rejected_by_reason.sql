-- What is wrong with what comes in, and is it getting worse? Shares are of all rows ingested that day.
SELECT r.date, r.reason, count(*) AS row_count, 1.0 * count(*) / max(n.ingested_count) AS share
FROM rejected AS r
JOIN nights AS n ON n.date = r.date
GROUP BY r.date, r.reason
ORDER BY r.date, r.reason
