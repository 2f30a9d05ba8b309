"""One verdict for each comment; the books; published in one commit.

Stages, in order: find_published, merge_verdicts, compare_verdicts, publish.
Reads the run's frames below work/, ledger, requests/, answers/, lake/nights and the lease; writes work/verdicts,
flips.json, balance.json, then lake/verdicts, lake/rejected, lake/review, lake/flips and their plain objects.
Never here: a day that does not balance row by row and token by token; half a day; a comment's text outside `rejected`.
"""
