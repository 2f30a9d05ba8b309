-- What should a person look at first? Comments without a verdict, then flags that the model is least sure of.
SELECT priority, date, comment_id, product_id, why, category, confidence
FROM review_queue
ORDER BY priority, confidence, date, comment_id
LIMIT 50
