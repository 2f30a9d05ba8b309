-- A day was judged anew, by another prompt or because its input changed: how many verdicts changed, and which way?
-- verdicts_then is the table as it was before (time travel: see queries.md); a verdict that only one side has counts as
-- no flip. Which comments they are: 11_which_comments_flipped.sql.
SELECT then_.date, then_.prompt_version AS prompt_before, now_.prompt_version AS prompt_after,
  count(*) AS judged_twice_count,
  count(*) FILTER (WHERE now_.violation AND NOT then_.violation) AS newly_flagged_count,
  count(*) FILTER (WHERE then_.violation AND NOT now_.violation) AS no_longer_flagged_count,
  count(*) FILTER (WHERE then_.violation AND now_.violation AND then_.category <> now_.category) AS recategorised_count
FROM verdicts_then AS then_
JOIN verdicts AS now_ ON now_.date = then_.date AND now_.comment_id = then_.comment_id
WHERE then_.status = 'judged' AND now_.status = 'judged' AND then_.run_id <> now_.run_id
GROUP BY then_.date, then_.prompt_version, now_.prompt_version
ORDER BY then_.date
