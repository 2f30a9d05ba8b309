-- How good is the judge in each language, and how sure are we? The widest interval tells where labels are short.
SELECT date, slice AS language, metric, n, value, ci_low, ci_high, state
FROM metrics_latest
WHERE metric IN ('accuracy', 'precision', 'recall') AND slice LIKE 'language=%'
ORDER BY date, slice, metric
