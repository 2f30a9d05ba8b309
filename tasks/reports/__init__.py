"""What people read: the night's summary and page, lines for log and terminal, the catalog.

Stages, in order: close_night, send_figures.
Reads ledger, lake/metrics, lake/nights, lake/label_requests, state/alerts, preflight.json and confusion.json; writes
summary.json, report.html, ledger.json, state/usage and, as the very last write of a night, its row of lake/nights.
`trust` decides what the first screen says. `page/` is the report's page, `charts/` its pictures, `words/` what it says
in which language; `outside/` is what those are told who watch from outside; `overview/` is the last 28 days in one
table, `catalog/` what analysts get from `data_contracts`.
Never here: a number that is measured or judged anew, a comment's text, a page that needs the network.
"""
