-- What moved on the last seven published nights? Degraded rows say since when, and by how much of what was expected.
SELECT date, metric, slice, state, value, baseline, since
FROM metrics_latest
WHERE date IN (SELECT date FROM nights ORDER BY date DESC LIMIT 7)
  AND slice = 'all' AND state <> 'no_data'
ORDER BY date, metric
