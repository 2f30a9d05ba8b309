-- What would the repeated comments have cost? Each inherits the verdict of one with the same text, which was paid once.
SELECT d.date, count(*) AS duplicate_count, sum(m.cost_usd) AS saved_usd
FROM verdicts AS d
JOIN verdicts AS m ON m.date = d.date AND m.text_sha256 = d.text_sha256 AND m.decided_by = 'model'
WHERE d.decided_by = 'duplicate'
GROUP BY d.date
ORDER BY d.date
