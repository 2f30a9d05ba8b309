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


def _wilson(x: str, n: str, sign: str) -> str:
    """An end of Wilson's 95 % interval of x in n, in SQL: it needs a square root and nothing else.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference" (1927).
    """
    z2 = "3.841458820694124"
    share = f"1.0 * {x} / {n}"
    spread = f"1.959963984540054 * sqrt({share} * (1 - {share}) / {n} + {z2} / (4.0 * {n} * {n}))"
    return f"({share} + {z2} / (2.0 * {n}) {sign} {spread}) / (1 + {z2} / {n})"


VIOLATIONS_BY_PRODUCT = View(
    "violations_by_product",
    "A row for each day and product: how many verdicts say violation, of how many judged, and the rate with Wilson's "
    "95 % interval. To pool days, sum both counts and compute the rate anew.",
    f"""SELECT date, product_id, judged_count, violation_count, 1.0 * violation_count / judged_count AS violation_rate,
  {_wilson("violation_count", "judged_count", "-")} AS ci_low,
  {_wilson("violation_count", "judged_count", "+")} AS ci_high
FROM (
  SELECT date, product_id, count(*) AS judged_count, sum(CASE WHEN violation THEN 1 ELSE 0 END) AS violation_count
  FROM verdicts WHERE status = 'judged' GROUP BY date, product_id
) AS counted""",
    ("verdicts",),
)

#: Accuracy is left out: a category is one against the rest, and of a rare one the rest is nearly all.
QUALITY_BY_CATEGORY = View(
    "quality_by_category",
    "A row for each day and category that labels or verdicts name: precision, recall and F1 with the counts they rest "
    "on, in labelled comments. To pool days, sum the four counts: precision is right_of_flagged / flagged_count, "
    "recall found_of_violations / violation_count, F1 is 2 P R / (P + R). Accuracy of one category against the rest is "
    "near 1 for every rare one, so it says nothing here.",
    f"""SELECT date, substr(slice, 10) AS category,
  max(CASE WHEN metric = 'precision' THEN x END) AS right_of_flagged,
  max(CASE WHEN metric = 'precision' THEN n END) AS flagged_count,
  max(CASE WHEN metric = 'precision' THEN value END) AS precision_value,
  max(CASE WHEN metric = 'precision' THEN ci_low END) AS precision_low,
  max(CASE WHEN metric = 'precision' THEN ci_high END) AS precision_high,
  max(CASE WHEN metric = 'recall' THEN x END) AS found_of_violations,
  max(CASE WHEN metric = 'recall' THEN n END) AS violation_count,
  max(CASE WHEN metric = 'recall' THEN value END) AS recall_value,
  max(CASE WHEN metric = 'recall' THEN ci_low END) AS recall_low,
  max(CASE WHEN metric = 'recall' THEN ci_high END) AS recall_high,
  max(CASE WHEN metric = 'f1' THEN value END) AS f1_value
FROM (
{METRICS_LATEST.sql}
) AS latest
WHERE slice LIKE 'category=%' AND metric IN ('precision', 'recall', 'f1')
GROUP BY date, slice""",
    ("metrics",),
)

REVIEW_QUEUE = View(
    "review_queue",
    "What a person should look at, a row for each comment: first those without a verdict, then the flagged ones that "
    "the model is least sure of; `why` is a word to filter by, `reason` says it in a sentence. A label in LABELS_URI "
    "takes a comment off the list where the reader joins it, as the worked query does: see docs/queries.md.",
    """SELECT date, comment_id, product_id, language, 1 AS priority, reason AS why, status_detail AS detail,
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
WHERE violation AND decided_by <> 'duplicate'""",
    ("review", "verdicts"),
)

#: Registered in Athena too.
PORTABLE = (
    METRICS_LATEST,
    COST_BY_DAY,
    VIOLATIONS_BY_DAY,
    VIOLATIONS_BY_PRODUCT,
    QUALITY_BY_CATEGORY,
    REVIEW_QUEUE,
)

_TEXTS = ", ".join(f"c.{name}" for name in COMMENTS.names if name not in VERDICTS.names)

#: The rejected rows are taken out by (object, row): an id that came twice has one verdict and two comments.
#: A file's name below its day's folder: the rows may be read from a copy of the input elsewhere.
_IN_DAY = "/date=[-0-9]+/((?:[^/=]+=[^/]*/)*[^/]+)$"

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
    AND regexp_extract(r.source_object, '{_IN_DAY}', 1) = regexp_extract(c.source_object, '{_IN_DAY}', 1)
)""",
    ("verdicts", "comments", "rejected"),
)

VIEWS = (*PORTABLE, VERDICT_TEXTS)
