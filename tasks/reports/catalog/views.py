"""The views beside the tables, in SQL that DuckDB and Athena both read; and `verdict_texts`, which takes DuckDB."""

from __future__ import annotations

from typing import NamedTuple

from data_contracts.tables.comments import COMMENTS
from data_contracts.tables.metrics import METRICS
from data_contracts.tables.verdicts import VERDICTS


class View(NamedTuple):
    """A view.

    Attributes:
        name: what it is called.
        meaning: what one row is, for the person who queries it.
        sql: its query, over the tables' own names.
        needs: the tables that it reads.
    """

    name: str
    meaning: str
    sql: str
    needs: tuple[str, ...]


_NEWEST = "row_number() OVER (PARTITION BY date, metric, slice ORDER BY measured_at DESC)"

METRICS_LATEST = View(
    "metrics_latest",
    "The measurements that count: of each (date, metric, slice) the latest.",
    f"""SELECT {", ".join(METRICS.names)}
FROM (SELECT *, {_NEWEST} AS newest FROM metrics) AS measured
WHERE newest = 1""",
    ("metrics",),
)

COST_BY_DAY = View(
    "cost_by_day",
    "A row for each published night: what it was to cost and did, in all and per 1,000 comments, in USD. "
    "Costs are null where the model has no known price.",
    """SELECT date, model_id, prompt_version, valid_count, estimated_cost_usd, cost_usd, unattributed_cost_usd,
  cost_usd / nullif(estimated_cost_usd, 0) AS actual_to_estimated,
  1000 * cost_usd / nullif(valid_count, 0) AS cost_usd_per_1000
FROM nights""",
    ("nights",),
)

VIOLATIONS_BY_DAY = View(
    "violations_by_day",
    "A row for each day, language and category of violation: how many verdicts say so, of how many judged in that "
    "language. Verdicts that are not judged are in neither number.",
    """SELECT v.date, v.language, v.category, count(*) AS violation_count, max(j.judged_count) AS judged_count,
  1.0 * count(*) / max(j.judged_count) AS violation_rate
FROM verdicts AS v
JOIN (
  SELECT date, language, count(*) AS judged_count FROM verdicts WHERE status = 'judged' GROUP BY date, language
) AS j ON j.date = v.date AND j.language = v.language
WHERE v.violation
GROUP BY v.date, v.language, v.category""",
    ("verdicts",),
)

REVIEW_QUEUE = View(
    "review_queue",
    "What a person should look at, a row for each comment: first those without a verdict, then the flagged ones that "
    "the model is least sure of.",
    """SELECT date, comment_id, product_id, language, 1 AS priority, reason AS why, status_detail AS detail,
  CAST(NULL AS varchar) AS category, CAST(NULL AS double) AS confidence
FROM review
UNION ALL
SELECT date, comment_id, product_id, language, 2 AS priority, 'flagged' AS why, explanation AS detail,
  category, confidence
FROM verdicts
WHERE violation AND decided_by <> 'duplicate'""",
    ("review", "verdicts"),
)

#: Registered in Athena too.
PORTABLE = (METRICS_LATEST, COST_BY_DAY, VIOLATIONS_BY_DAY, REVIEW_QUEUE)

_TEXTS = ", ".join(f"c.{name}" for name in COMMENTS.names if name not in VERDICTS.names)

#: The rejected rows are taken out by (object, row): an id that came twice has one verdict and two comments.
VERDICT_TEXTS = View(
    "verdict_texts",
    "The verdicts with what their comments said: text, user and rating. Rows that came after the night was published "
    "are not in it unless they repeat an id.",
    f"""SELECT v.*, {_TEXTS}
FROM verdicts AS v
JOIN comments AS c ON c.date = v.date AND c.comment_id = v.comment_id
WHERE NOT EXISTS (
  SELECT 1 FROM rejected AS r
  WHERE r.date = c.date AND r.source_row = c.source_row
    AND regexp_extract(r.source_object, '[^/]+$') = regexp_extract(c.source_object, '[^/]+$')
)""",
    ("verdicts", "comments", "rejected"),
)

VIEWS = (*PORTABLE, VERDICT_TEXTS)
