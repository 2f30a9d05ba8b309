-- What should a person look at first, and why? Comments without a verdict, then flags that the model is least sure of.
-- A comment that somebody has labelled is done: it is not listed any more.
SELECT q.priority, q.date, q.comment_id, q.product_id, q.why, q.reason, q.category, q.confidence
FROM review_queue AS q
WHERE NOT EXISTS (
  SELECT 1 FROM labels AS l WHERE CAST(l.date AS date) = q.date AND l.comment_id = q.comment_id
)
ORDER BY q.priority, q.confidence, q.date, q.comment_id
LIMIT 50
