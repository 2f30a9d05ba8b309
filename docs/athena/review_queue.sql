CREATE OR REPLACE VIEW "review_queue" AS
SELECT date, comment_id, product_id, language, 1 AS priority, reason AS why, status_detail AS detail,
  CAST(NULL AS varchar) AS category, CAST(NULL AS double) AS confidence,
  CASE reason
    WHEN 'model_refused' THEN 'the model declined to judge it'
    WHEN 'answer_unreadable' THEN 'the model answered, and the answer cannot be read'
    WHEN 'bedrock_error' THEN 'Bedrock reported an error for it'
    WHEN 'no_answer' THEN 'it was asked, and no answer came'
    ELSE 'no request was made for it'
  END AS reason
FROM review
UNION ALL
SELECT date, comment_id, product_id, language, 2 AS priority, 'flagged' AS why, explanation AS detail,
  category, confidence,
  concat('flagged as ', category, CASE WHEN confidence < 0.8 THEN ', and the model is unsure' ELSE '' END) AS reason
FROM verdicts
WHERE violation AND decided_by <> 'duplicate'
