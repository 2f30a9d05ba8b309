"""What people read: the night's summary and page, lines for log and terminal, the catalog.

Stages, in order: close_night.
Reads ledger, lake/metrics, preflight.json and confusion.json; writes summary.json, report.html, ledger.json,
state/usage and, as the very last write of a night, its row of lake/nights. `catalog/` makes what analysts get from
`data_contracts`.
Never here: a number that is measured or judged anew, a comment's text, a page that needs the network.
"""
