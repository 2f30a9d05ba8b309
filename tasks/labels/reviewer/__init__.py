"""The reviewer's page: one comment a screen, on this machine alone, and each answer in S3 before the page says so.

One door, `serve_page`; no stage of a night. The browser gets text as JSON and shows it as text; it asks nobody but us.
Reads what `review_queue.ReviewQueue` gives: requests, texts, labels. Writes one object a rater and day below labels/.
Never here: a verdict, a stratum or another rater's answer before the rater's own (a third who settles a dispute sees
both answers); a comment's text in a log, a URL or a file.
"""
