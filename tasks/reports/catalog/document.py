"""docs/tables.md: every table and column, for the people who query them; made, never written by hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from data_contracts.tables.comments import COMMENTS, Reason
from data_contracts.tables.label_requests import Purpose, Stratum
from data_contracts.tables.labels import LABELS, LabelSource
from data_contracts.tables.review import ReviewReason
from data_contracts.tables.table import FIRST_VERSION, Column, Table
from data_contracts.tables.verdicts import DecidedBy, Status
from tasks.alerts.words import WORDS
from tasks.labels.cohorts import ENOUGH, STILL, USUAL_DAYS
from tasks.measure.detect import Policy
from tasks.measure.detect.baseline import WINDOW
from tasks.measure.detect.labelled.baseline import LOCKED_OUT
from tasks.measure.detect.rules import RULES
from tasks.measure.metric_history import LABEL_DAYS
from tasks.measure.metrics_table import DRIFT_NIGHTS, QUALITY_NIGHTS
from tasks.reports.catalog.publications import INPUTS, INTERNAL, PARTITION, PUBLISHED, Publication, sql_type
from tasks.reports.catalog.views import VIEWS

COMMAND = "python -m flows catalog --docs docs/tables.md"

_WAYS = {
    "replaced": "A day is replaced whole, in one commit: by the night, by a backfill, by a restore, by an erasure.",
    "appended": "Rows are added in one commit each time; none is changed or goes, but by an erasure.",
}
_UNITS = {"volume": "count", "cost_usd": "USD", "text_shift": "cosine distance, 0 to 1"}

_INTRODUCTION = f"""# The tables

Made from `data_contracts/` by `{COMMAND}`; a test fails when it is not current.

Worked queries in DuckDB and Polars: [queries.md](queries.md). Athena and Glue: [athena/](athena/README.md). A DuckDB
file with all tables and views: `python -m flows catalog --duckdb moderation.duckdb`.

## What holds for all of them

- A **day** (`date`) is a local day of `MODERATION_TIMEZONE`, by when the comment was posted. Times are in UTC, to the
  microsecond: the first comments of a Tokyo day carry the UTC date before it.
- **Null is never zero and never "fine"**: unknown cost is null, and a comment without an answer has a null verdict.
- **Dollars** are what Bedrock bills by `prices.toml`, before discounts and taxes, as floats: sum first, round last.
- **Published** means that the day has a row in `nights`, which is written last. Leave days out that have none.
- **Delta tables** (`OUTPUT_URI/lake/TABLE`) are the truth. A reader sees a day as it was before a commit or as it is
  after, also in the middle of a backfill, and one scan reads one version. Two scans may read two: join tables of one
  day by their `run_id` if that matters. Earlier versions stay readable (time travel) until somebody vacuums the table.
  An **erasure** deletes its day's old files at once: that day's history ends, and a scan that had begun may fail for a
  missing file, never with wrong rows. Run it again.
- **Plain objects** (`OUTPUT_URI/TABLE/date=D/TABLE.parquet`) are the current day again, for readers that know no Delta.
  Each is sent by one PutObject, so nobody ever sees half of one. They have **no other promise**: one that is replaced
  while it is read by ranges may give an error or, rarely, rows of both versions, and right after a commit it is a
  moment behind the table. `date` is in their path and in the file: pandas and pyarrow take a folder of them, or one,
  with `partitioning=None`: `pd.read_parquet("s3://YOUR-BUCKET/verdicts/", partitioning=None)`, see
  [queries.md](queries.md#the-plain-objects).
- **Columns** may be added, nullable, in any version; a query that names its columns does not notice. None is removed,
  renamed, retyped or made nullable without a line under "Breaking" in the changelog
  (`tests/unit/data_contracts/test_schema_contract.py`).

## Joining with the comments

No published table but `rejected` has comment text: join on `date` and `comment_id`. An id that came twice in a day has
one verdict; the other row is in `rejected` (`duplicate_id`), so take the rejected rows out first, by `source_object`
and `source_row`. DuckDB's view `verdict_texts` does it. In Athena, which knows no row numbers, join on `posted_at` too:

```sql
SELECT v.comment_id, v.category, v.confidence, c.text
FROM verdicts AS v
JOIN comments AS c
  ON c.date = CAST(v.date AS varchar) AND c.comment_id = v.comment_id AND c.posted_at = v.posted_at
WHERE v.date = DATE '2026-11-19' AND v.violation
```

A query without `date =` or `date BETWEEN` reads every day there is.
"""


_INPUT = """\
Which objects of a day's folder are read, of comments and labels alike:

- objects whose names end in `.parquet`, in any case;
- objects without a suffix that begin and end with `PAR1`, as Athena writes them;
- the same in subfolders of the form `key=value`, at any depth.

Names that begin with `_` or `.`, of objects and of folders, are hidden and not read; the night warns of those that end
in `.parquet`. **Anything else is not read either**: `part-0.csv`, `part-0.parquet.gz`, whatever lies in a folder such
as `x.parquet/`. The night warns of it with the count, and one ticket says so; give it a hidden name if it is no part of
the day. A published day keeps its plan: an object that comes later, or that an earlier version did not read, is late
input, which is told and judged by a backfill of mode `late_input`.

DuckDB's views `comments` and `labels` read by the same rule, but for objects without a suffix, which no pattern tells
from others. Athena reads every visible object of a day's folder, whatever it is called.

Which types are read, each as the contract's own:

- **Extra columns are never read**, whatever their types.
- Text may be dictionary-encoded, long or a view. Integers may have any width, or be floats. Plain bytes, which their
  writer did not mark as text, are refused: Impala marks text with `PARQUET_ANNOTATE_STRINGS_UTF8=true`, pandas where
  the values are `str` and not `bytes`.
- A time may have any unit and any zone, also one that is no IANA name (`+05:30`, `JST`): an instant is an instant.
  INT96 is read as UTC, which is what Spark, Hive, Glue and Firehose mean by it (Spark writes a time that says so itself
  with `spark.sql.parquet.outputTimestampType=TIMESTAMP_MICROS`). A time without a zone is refused.
- A column that holds no value is nulls, whatever type pandas gave it or did not: each row is judged by itself. A file
  without rows is no rows, and needs no column.
- A time outside the years 1 to 9999 is null, a string that is no UTF-8 is mended: what that means for a row is its own.
"""

_FAULTS = {
    COMMENTS.name: "another type, a missing column or a file that cannot be read stops the night, with file and column",
    LABELS.name: "a file with another type or a missing column, or one that cannot be read, is counted as lost labels "
    "and named; it stops nothing",
}

_OVERTURNS = f"""**`overturn_rate`** is x of n: n is the day's published violations (judged comments whose verdict is
one, duplicates included), x those of them that a label of source `overturn` says are none. It is null until a site's
first overturn, 0 for a day without any after that, and provisional until the day is {LABEL_DAYS} days old. Missed
violations that people report are no part of it: they stand in `accuracy`, slice `source=overturn`.
"""

_JUDGED = f"""### How a night is judged

One detector judges every (metric, slice) from the nights up to its own: `tasks/measure/detect`, whose docstring is the
contract for everybody with a history of their own. It reads the last {DRIFT_NIGHTS} published nights, of quality the
last {QUALITY_NIGHTS}. On nights without a fault about {Policy().false_alarms_a_year:g} a year rings falsely, over all
metrics and slices together.

- **`statistic`** is how far tonight alone is from what was expected of it, in deviations that nights show by nature
  (for accuracy: that the number of its labels shows). A single night of 2 or 3 is nothing; a week of them is.
- **`evidence`** adds up what this and earlier nights say; it rings at **`evidence_limit`**. It stands for nights: on
  nights without a change, evidence of 10,000 comes once in 10,000 nights at most. So a small change rings after some
  nights and a large one at once, and after a change that is over it falls again.
- **`threshold`** is how large |`effect`| would have to be *tonight* to ring, given the evidence of the nights before,
  in the metric's own unit. It is not a constant: it falls while evidence grows, and is null where no value would do. A
  night may be degraded with |`effect`| beyond it, or because of a rule that needs no history (`reason_code` `no_input`,
  `incomplete`).
- **`detectable`** is what a quiet chart is worth: the smallest change for the worse that a week of nights like this
  would show, in 8 of 10 cases. Of quality over 7 and 28 nights, with intervals, the run's `quality.json` has the same.
- A change of inputs or outputs that lasts rings for some weeks, then becomes what is normal: baselines of these follow
  after some {WINDOW} nights. Those of quality hardly do: they are all of the last {QUALITY_NIGHTS} nights but the last
  {LOCKED_OUT}.
- **`severity`**: `page`, `ticket` or `report`; null where nobody needs to look. It is what alerts go by. Rows of
  versions before 0.2.0 have none.
- **`reason_code`** is for programs, `reason` for people. `effect`, `baseline` and `threshold` have the metric's unit.
- A change that was wanted is announced by `[[rebaselined]]` in `MODERATION_EVENTS`, or by the promotion that makes it:
  from that day on nights are compared among themselves alone, first `learning`.
- Announced days (`MODERATION_EVENTS`) are `ok` with `reason_code` `event`, stay out of what later nights are compared
  with, and never excuse outputs, pipeline or quality.

**Labels come late.** A day is judged once its labels are complete: {ENOUGH:.0%} of its `label_requests` are answered
(where a site draws a sample of its own: it has {ENOUGH:.0%} of the usual number of sample labels, the median of the
last {USUAL_DAYS} complete days; any number while there are none), or its files have not changed for {STILL.days} days,
or it is {LABEL_DAYS} days old. Until then its quality rows are `cannot_tell` with
`reason_code` `provisional`, or `no_data`, and no other day is compared with them. A day that is still without labels
after {LABEL_DAYS} days is a ticket where at least 7 of the 28 days before had some. Accuracy is judged on slice `all`
alone; its `stratum=` rows, whose `x` and `n` are plain counts, are the evidence where there are any. In other slices
`x` is `value` times `n`, so it is no whole number where labels are weighted.
"""


def tables_document() -> str:
    """The whole page."""
    blocks = [
        _INTRODUCTION,
        "## At a glance\n",
        _glance(),
        "## Published tables\n",
        *(_published(publication) for publication in PUBLISHED),
        "## Views\n",
        _views(),
        "## What comes in\n",
        _INPUT,
        *(_input(table) for table in INPUTS),
        "## Values\n",
        _values(),
        "## Metrics\n",
        _metrics(),
        "## Internal tables\n",
        "The pipeline's own, listed so that nobody takes them for more: they may change or go in any version.\n",
        *(f"### {table.name}\n\n{table.meaning}\n\n{_columns(table, internal=True)}" for table in INTERNAL),
    ]
    return "\n".join(blocks)


def _glance() -> str:
    rows = [
        (
            f"[{item.table.name}](#{item.table.name})",
            item.table.meaning,
            f"`lake/{item.table.name}`",
            f"`{item.table.name}/date=D/{item.table.name}.parquet`" if item.has_plain else "",
            ", ".join(f"`{name}`" for name in item.table.key),
        )
        for item in PUBLISHED
    ]
    return _grid(("table", "a row is", "Delta table", "plain object", "key"), rows)


def _published(publication: Publication) -> str:
    table = publication.table
    key = ", ".join(f"`{name}`" for name in table.key)
    plain = f" and as one object a day, `{table.name}/date=D/{table.name}.parquet`" if publication.has_plain else ""
    within = "" if PARTITION.name in table.key else " within a day"
    return (
        f"### {table.name}\n\n{table.meaning}\n\n"
        f"- where: `lake/{table.name}`, a Delta table partitioned by `{PARTITION.name}`{plain}\n"
        f"- key: {key}, unique{within}\n- {_WAYS[publication.way]}\n- {publication.note}\n\n{_columns(table)}"
    )


def _input(table: Table) -> str:
    where = f"`{table.name.upper()}_URI/date=D/`"
    key = ", ".join(f"`{name}`" for name in table.key)
    return (
        f"### {table.name}\n\n{table.meaning}\n\n- where: {where}, read only; `date` is in the path alone\n"
        f"- key: {key} within a day\n- {_FAULTS[table.name]}\n\n{_columns(table)}"
    )


def _columns(table: Table, *, internal: bool = False) -> str:
    if internal:
        rows: Iterable[tuple[str, ...]] = (
            (f"`{column.name}`", sql_type(column.dtype), column.meaning, column.unit or "") for column in table
        )
        return _grid(("column", "type", "meaning", "unit"), rows)
    return _grid(("column", "type", "meaning", "unit", "null when", "since"), map(_row, table))


def _row(column: Column) -> tuple[str, ...]:
    null = (column.null_when or "") if column.nullable else "never"
    if column.since != FIRST_VERSION:
        null = f"{null}; before {column.since}"
    return (f"`{column.name}`", sql_type(column.dtype), column.meaning, column.unit or "", null, column.since)


def _views() -> str:
    rows = [
        (f"`{view.name}`", view.meaning, ", ".join(f"`{name}`" for name in view.needs), _engines(view.name))
        for view in VIEWS
    ]
    return _grid(("view", "a row is", "reads", "in"), rows)


def _engines(name: str) -> str:
    return "DuckDB" if name == "verdict_texts" else "DuckDB, Athena"


def _values() -> str:
    """The closed sets, which a query compares with."""
    sets = (
        ("`verdicts.status`", Status),
        ("`verdicts.decided_by`", DecidedBy),
        ("`rejected.reason`", Reason),
        ("`review.reason`", ReviewReason),
        ("`label_requests.stratum`", Stratum),
        ("`label_requests.purpose`", Purpose),
        ("`labels.source`", LabelSource),
    )
    rows = [(name, ", ".join(f"`{value}`" for value in values)) for name, values in sets]
    category = "those of the prompt version, in the front matter of `prompts/comment_review/vN.md`"
    return _grid(("column", "values"), [*rows, ("`verdicts.category`", category)])


def _metrics() -> str:
    rows = [
        (f"`{name}`", WORDS["en"].metric(name), _unit(name), rule.group, rule.worse if rule.weight else "never rings")
        for name, rule in RULES.items()
    ]
    slices = "Slices: `all`, `language=ja`, `category=spam`, `stratum=flagged`, `source=planted`, `product=p0001`.\n"
    return f"{slices}\n{_grid(('metric', 'value is', 'unit', 'group', 'worse when'), rows)}\n{_OVERTURNS}\n{_JUDGED}"


def _unit(name: str) -> str:
    return _UNITS.get(name, "natural logarithm" if name.endswith("_log") else "fraction")


def _grid(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table."""
    return "".join(f"{line}\n" for line in _grid_lines(heads, rows))


def _grid_lines(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield _line(heads)
    yield "|" + "---|" * len(heads)
    yield from map(_line, rows)


def _line(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
