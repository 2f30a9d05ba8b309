"""The worked queries in Polars, each named as its file in docs/queries/; the results are the same.

python docs/queries.py s3://YOUR-BUCKET            # or a folder that holds a copy of the output root
python docs/queries.py night/moderation-output flag_rate_by_product
python docs/queries.py s3://YOUR-BUCKET what_we_believed_on_tuesday 2026-11-17T12:00:00+00:00
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime

import polars as pl
from deltalake import DeltaTable

#: A label file that nights read, and its day: neither it nor a folder is hidden by _ or a dot.
LABEL_FILE = r"/date=([0-9]{4}-[0-9]{2}-[0-9]{2})/(?:[^/_.=][^/=]*=[^/]*/)*[^/_.][^/]*$"


class Tables:
    """The published tables below an output root, as they are now or as they were.

    `moment` is what to look back to; without one, to before a day was last published anew. `labels_uri` is the root of
    the labels, for the list of what is left to review. `storage_options` are Polars': a region, an endpoint;
    credentials come from the environment.
    """

    def __init__(
        self,
        root: str,
        moment: datetime | None = None,
        storage_options: dict[str, str] | None = None,
        labels_uri: str | None = None,
    ) -> None:
        self.root, self.moment, self.storage_options = root.rstrip("/"), moment, storage_options
        self.labels_uri = labels_uri

    def __call__(self, name: str) -> pl.LazyFrame:
        """A table as it is now."""
        return self._scan(f"{self.root}/lake/{name}")

    def then(self, name: str) -> pl.LazyFrame:
        """A table as it was: its last commit by the moment; no rows if there was none."""
        uri = f"{self.root}/lake/{name}"
        table = DeltaTable(uri, storage_options=self.storage_options)
        version = version_at(table, self.moment) if self.moment else version_before_last_change(table)
        if version is None:
            return self(name).head(0)
        return self._scan(uri, version)

    def _scan(self, uri: str, version: int | None = None) -> pl.LazyFrame:
        """Below a root with a `key=value` folder Polars' own reader takes that for a partition, and fails."""
        return pl.scan_delta(uri, version=version, storage_options=self.storage_options, use_pyarrow="=" in self.root)

    def labels(self) -> pl.LazyFrame:
        """Which comments somebody has labelled: date and comment_id; none where no root of labels is known.

        Of the files that nights read, those that are called *.parquet in small letters.
        """
        if self.labels_uri is None:
            return pl.LazyFrame(schema={"date": pl.Date, "comment_id": pl.String})
        labels = pl.scan_parquet(
            f"{self.labels_uri.rstrip('/')}/date=*/**/*.parquet",
            hive_partitioning=False,  # some files may lie in further subfolders key=value
            include_file_paths="file",
            extra_columns="ignore",
            storage_options=self.storage_options,
        )
        day = pl.col("file").str.extract(LABEL_FILE).str.to_date("%Y-%m-%d")
        return labels.select(day.alias("date"), "comment_id").drop_nulls("date").unique()


def version_before_last_change(table: DeltaTable) -> int | None:
    """The version before a day that was there was last published anew; the present one if none ever was."""
    seen, before = set[str](), None
    for commit in sorted(table.history(), key=lambda commit: int(commit["version"])):
        day = commit.get("run_date")
        if day in seen:
            before = int(commit["version"]) - 1
        seen |= {day} if day else set()
    return table.version() if before is None else before


def version_at(table: DeltaTable, moment: datetime) -> int | None:
    """The version of a table that was the present one at a moment.

    By the commits' own times. Those of the log's files, which asking for a moment as version goes by, are lost when a
    table is copied.
    """
    milliseconds = moment.timestamp() * 1000
    return max((commit["version"] for commit in table.history() if commit["timestamp"] <= milliseconds), default=None)


def metrics_latest(tables: Tables) -> pl.LazyFrame:
    """The measurements that count."""
    return tables("metrics").sort("measured_at").unique(["date", "metric", "slice"], keep="last")


def flag_rate_by_product(tables: Tables) -> pl.LazyFrame:
    z, share, n = 1.959963984540054, pl.col("flag_rate"), pl.col("judged_count")
    middle, whole = share + z * z / (2 * n), 1 + z * z / n
    spread = z * (share * (1 - share) / n + z * z / (4 * n * n)).sqrt()
    return (
        tables("verdicts")
        .filter(pl.col("status") == "judged")
        .group_by("product_id")
        .agg(judged_count=pl.len().cast(pl.Int64), flagged_count=pl.col("violation").sum())
        .filter(pl.col("judged_count") >= 5)
        .with_columns(flag_rate=pl.col("flagged_count") / pl.col("judged_count"))
        .with_columns(ci_low=(middle - spread) / whole, ci_high=(middle + spread) / whole)
        .sort("flag_rate", "product_id", descending=[True, False])
    )


#: What `reason` says of a comment without a verdict.
REASONS = {
    "model_refused": "the model declined to judge it",
    "answer_unreadable": "the model answered, and the answer cannot be read",
    "bedrock_error": "Bedrock reported an error for it",
    "no_answer": "it was asked, and no answer came",
    "never_asked": "no request was made for it",
}


def review_queue(tables: Tables) -> pl.LazyFrame:
    unjudged = tables("review").select(
        pl.lit(1).alias("priority"),
        "date",
        "comment_id",
        "product_id",
        why="reason",
        reason=pl.col("reason").replace_strict(REASONS),
        category=pl.lit(None, pl.String),
        confidence=pl.lit(None, pl.Float64),
    )
    is_unsure = pl.when(pl.col("confidence") < 0.8).then(pl.lit(", and the model is unsure")).otherwise(pl.lit(""))
    flagged = (
        tables("verdicts")
        .filter("violation", pl.col("decided_by") != "duplicate")
        .select(
            pl.lit(2).alias("priority"),
            "date",
            "comment_id",
            "product_id",
            pl.lit("flagged").alias("why"),
            pl.concat_str(pl.lit("flagged as "), "category", is_unsure).alias("reason"),
            "category",
            "confidence",
        )
    )
    return (
        pl.concat([unjudged, flagged])
        .join(tables.labels(), on=["date", "comment_id"], how="anti")
        .sort("priority", "confidence", "date", "comment_id", nulls_last=True)
        .head(50)
    )


def cost_by_day(tables: Tables) -> pl.LazyFrame:
    per_1000 = pl.when(pl.col("valid_count") > 0).then(1000 * pl.col("cost_usd") / pl.col("valid_count"))
    return (
        tables("nights")
        .select("date", "model_id", "valid_count", "cost_usd", per_1000.alias("cost_usd_per_1000"))
        .sort("date")
    )


def flips_between_prompt_versions(tables: Tables) -> pl.LazyFrame:
    def judged(frame: pl.LazyFrame) -> pl.LazyFrame:
        return frame.filter(pl.col("status") == "judged").select(
            "date", "comment_id", "violation", "category", "prompt_version", "run_id"
        )

    both = judged(tables.then("verdicts")).join(judged(tables("verdicts")), on=["date", "comment_id"], suffix="_now")
    was, now = pl.col("violation"), pl.col("violation_now")
    return (
        both.filter(pl.col("run_id") != pl.col("run_id_now"))
        .group_by("date", prompt_before="prompt_version", prompt_after="prompt_version_now")
        .agg(
            judged_twice_count=pl.len(),
            newly_flagged_count=(now & ~was).sum(),
            no_longer_flagged_count=(was & ~now).sum(),
            recategorised_count=(was & now & (pl.col("category") != pl.col("category_now"))).sum(),
        )
        .sort("date")
    )


def quality_by_language(tables: Tables) -> pl.LazyFrame:
    return (
        metrics_latest(tables)
        .filter(
            pl.col("metric").is_in(["accuracy", "precision", "recall"]), pl.col("slice").str.starts_with("language=")
        )
        .select("date", pl.col("slice").alias("language"), "metric", "n", "value", "ci_low", "ci_high", "state")
        .sort("date", "language", "metric")
    )


def what_we_believed_on_tuesday(tables: Tables) -> pl.LazyFrame:
    def flagged(frame: pl.LazyFrame, when: str) -> pl.LazyFrame:
        return frame.group_by("date", pl.col("run_id").alias(f"run_id_{when}")).agg(
            pl.col("violation").sum().alias(f"flagged_{when}")
        )

    return (
        flagged(tables("verdicts"), "now")
        .join(flagged(tables.then("verdicts"), "then"), on="date", how="left")
        .select("date", "run_id_then", "run_id_now", "flagged_then", "flagged_now")
        .sort("date")
    )


def estimated_versus_actual_cost(tables: Tables) -> pl.LazyFrame:
    return (
        tables("nights")
        .filter(pl.col("cost_usd").is_not_null(), pl.col("estimated_cost_usd") > 0)
        .select(
            "date",
            "estimated_cost_usd",
            "cost_usd",
            actual_to_estimated=pl.col("cost_usd") / pl.col("estimated_cost_usd"),
        )
        .sort("date")
    )


def rejected_by_reason(tables: Tables) -> pl.LazyFrame:
    return (
        tables("rejected")
        .group_by("date", "reason")
        .agg(row_count=pl.len())
        .join(tables("nights").select("date", "ingested_count"), on="date")
        .select("date", "reason", "row_count", share=pl.col("row_count") / pl.col("ingested_count"))
        .sort("date", "reason")
    )


def dollars_saved_by_duplicates(tables: Tables) -> pl.LazyFrame:
    verdicts = tables("verdicts").select("date", "text_sha256", "decided_by", "cost_usd")
    paid = verdicts.filter(pl.col("decided_by") == "model")
    return (
        verdicts.filter(pl.col("decided_by") == "duplicate")
        .join(paid, on=["date", "text_sha256"], suffix="_paid")
        .group_by("date")
        .agg(duplicate_count=pl.len(), saved_usd=pl.col("cost_usd_paid").sum())
        .sort("date")
    )


def drift_of_the_last_nights(tables: Tables) -> pl.LazyFrame:
    last = tables("nights").select("date").sort("date", descending=True).head(7)
    return (
        metrics_latest(tables)
        .join(last, on="date", how="semi")
        .filter(pl.col("slice") == "all", pl.col("state") != "no_data")
        .select("date", "metric", "slice", "state", "value", "baseline", "since")
        .sort("date", "metric")
    )


def which_comments_flipped(tables: Tables) -> pl.LazyFrame:
    columns = ("old_violation", "old_category", "new_violation", "new_category", "old_run_id", "run_id")
    return tables("flips").select("date", "comment_id", *columns).sort("date", "comment_id")


def quality_by_category(tables: Tables) -> pl.LazyFrame:
    def pooled(metric: str, count: str) -> pl.LazyFrame:
        rows = by_category.filter(pl.col("metric") == metric).group_by("category")
        n = pl.col("n").sum()
        value = pl.when(n > 0).then(pl.col("x").sum() / n).alias(f"{metric}_value")
        return rows.agg(pl.col("date").n_unique().alias("days"), n.alias(count), value)

    by_category = (
        metrics_latest(tables)
        .filter(pl.col("slice").str.starts_with("category="))
        .with_columns(category=pl.col("slice").str.strip_prefix("category="))
    )
    precision, recall = pl.col("precision_value"), pl.col("recall_value")
    f1 = pl.when(precision + recall > 0).then(2 * precision * recall / (precision + recall)).alias("f1_value")
    return (
        pooled("precision", "flagged_count")
        .join(pooled("recall", "violation_count").drop("days"), on="category")
        .select("category", "days", "flagged_count", precision, "violation_count", recall, f1)
        .sort("category")
    )


QUERIES: dict[str, Callable[[Tables], pl.LazyFrame]] = {
    query.__name__: query
    for query in (
        flag_rate_by_product,
        review_queue,
        cost_by_day,
        flips_between_prompt_versions,
        quality_by_language,
        what_we_believed_on_tuesday,
        estimated_versus_actual_cost,
        rejected_by_reason,
        dollars_saved_by_duplicates,
        drift_of_the_last_nights,
        which_comments_flipped,
        quality_by_category,
    )
}


def main(root: str, name: str | None = None, moment: str | None = None) -> None:
    """Print one result, or all of them."""
    then = datetime.fromisoformat(moment) if moment else None
    tables = Tables(root, then if then is None or then.tzinfo else then.replace(tzinfo=UTC))
    for query in [name] if name else QUERIES:
        print(query, QUERIES[query](tables).collect(), sep="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
