"""Human truth: whose labels are asked for, how they come in, what they say of the verdicts.

Stages, in order: request_labels, measure_accuracy, remeasure_late_labels.
By hand: exchange/export_labels, exchange/import_labels, progress/show_status, reviewer/serve_page.
Reads labels/date=D, comments/date=D, lake/verdicts, lake/nights and lake/metrics; replaces the day in
lake/label_requests, appends to lake/metrics, replaces their plain objects, writes confusion.json, quality.json,
state/labels and once state/salt.json; whoever imports labels or reviews comments writes objects below labels/date=D.
Never here: a change to a label or a verdict; a night that stops because of a label: what cannot be used is counted.
"""
