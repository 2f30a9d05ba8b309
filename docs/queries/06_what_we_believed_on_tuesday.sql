-- What did the tables say on Tuesday, and what do they say now? Days that were judged anew or came later differ.
-- verdicts_then is the table as it was then (time travel: see queries.md).
SELECT now_.date, then_.run_id AS run_id_then, now_.run_id AS run_id_now,
  then_.flagged_count AS flagged_then, now_.flagged_count AS flagged_now
FROM (
  SELECT date, run_id, count(*) FILTER (WHERE violation) AS flagged_count FROM verdicts GROUP BY date, run_id
) AS now_
LEFT JOIN (
  SELECT date, run_id, count(*) FILTER (WHERE violation) AS flagged_count FROM verdicts_then GROUP BY date, run_id
) AS then_ ON then_.date = now_.date
ORDER BY now_.date
