-- Which products draw violations? Of the verdicts that are judged; products with fewer than 5 of them are left out.
SELECT product_id,
  count(*) AS judged_count,
  count(*) FILTER (WHERE violation) AS flagged_count,
  1.0 * count(*) FILTER (WHERE violation) / count(*) AS flag_rate
FROM verdicts
WHERE status = 'judged'
GROUP BY product_id
HAVING count(*) >= 5
ORDER BY flag_rate DESC, product_id
