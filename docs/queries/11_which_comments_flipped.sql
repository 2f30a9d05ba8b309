-- Which comments changed their verdict when their day was last published anew? The texts: join comments (tables.md).
SELECT date, comment_id, old_violation, old_category, new_violation, new_category, old_run_id, run_id
FROM flips
ORDER BY date, comment_id
