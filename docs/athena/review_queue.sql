CREATE OR REPLACE VIEW "review_queue" AS
SELECT date, comment_id, product_id, language, 1 AS priority, reason AS why, status_detail AS detail,
  CAST(NULL AS varchar) AS category, CAST(NULL AS double) AS confidence
FROM review
UNION ALL
SELECT date, comment_id, product_id, language, 2 AS priority, 'flagged' AS why, explanation AS detail,
  category, confidence
FROM verdicts
WHERE violation AND decided_by <> 'duplicate'
