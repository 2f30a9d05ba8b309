"""Stories of one night, through Prefect, real boto3 and real HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from flows.nightly import nightly
from sandbox.days import sample_day
from tasks.base.errors import InputAbsent, OverBudget, SchemaDrift, TooFewJudged, TooManyRejected
from tests.prefect_site import RUN_DATE, Site


def test_late_comments_are_the_only_ones_paid_for(site: Site) -> None:
    """A file that comes later makes one job with its comments alone; the others keep their verdicts."""
    day = sample_day(RUN_DATE)
    early, late = day.comments.filter(pl.col("text").is_not_null()).head(150), day.comments.tail(160)
    site.put(f"comments/date={RUN_DATE}/a.parquet", early)
    nightly(run_date=RUN_DATE)
    new = late.filter(~pl.col("comment_id").is_in(early["comment_id"].implode()))
    site.put(f"comments/date={RUN_DATE}/b.parquet", new)
    night = nightly(run_date=RUN_DATE)
    assert night is not None
    assert set(site.bedrock.paid_records.values()) == {1}
    assert site.read("verdicts").height == night.balance.valid_count


def test_an_empty_day_is_published(site: Site) -> None:
    """A day with a file of zero rows is published as zero verdicts, at no cost."""
    site.put(f"comments/date={RUN_DATE}/part-0.parquet", sample_day(RUN_DATE).comments.clear())
    night = nightly(run_date=RUN_DATE)
    assert night is not None
    assert site.read("verdicts").height == 0
    assert site.created_jobs() == 0
    assert night.cost_usd == 0


def test_an_absent_day_is_not_published(site: Site) -> None:
    """No input at all stops the night, and nothing is published."""
    with pytest.raises(InputAbsent, match=str(RUN_DATE)):
        nightly(run_date=RUN_DATE)
    assert not [key for key in site.output_keys() if key.startswith("verdicts/")]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        pytest.param(pl.col("posted_at").dt.replace_time_zone(None), "posted_at", id="naive-time"),
        pytest.param(pl.col("rating").cast(pl.String), "rating", id="text-rating"),
    ],
)
def test_schema_drift_stops_the_night(site: Site, change: pl.Expr, named: str) -> None:
    """A retyped column stops before any money, naming file and column."""
    site.put(f"comments/date={RUN_DATE}/part-0.parquet", sample_day(RUN_DATE).comments.with_columns(change))
    with pytest.raises(SchemaDrift, match=rf"part-0\.parquet: column {named}"):
        nightly(run_date=RUN_DATE)
    assert site.created_jobs() == 0


def test_too_many_rejected_rows_stop_the_night(site: Site) -> None:
    """Over MAX_REJECTED_FRACTION nothing is sent to Bedrock."""
    site.put_day(sample_day(RUN_DATE, dirty_fraction=0.2))
    with pytest.raises(TooManyRejected, match="MODERATION_MAX_REJECTED_FRACTION"):
        nightly(run_date=RUN_DATE)
    assert site.created_jobs() == 0


def test_completed_with_every_record_failed_is_not_published(site: Site) -> None:
    """Bedrock's "Completed" is not believed; once it works again, the next run publishes."""
    site.put_day(sample_day(RUN_DATE))
    site.sandbox.faults.set("all_error", "true")
    with pytest.raises(TooFewJudged, match="error"):
        nightly(run_date=RUN_DATE)
    assert not [key for key in site.output_keys() if key.startswith("verdicts/")]
    site.sandbox.faults.reset()
    night = nightly(run_date=RUN_DATE)
    assert night is not None
    assert night.statuses == {"judged": night.balance.valid_count}


def test_failed_answers_get_one_more_attempt(site: Site) -> None:
    """Records whose answers broke the contract are asked once more, and nothing else is."""
    site.put_day(sample_day(RUN_DATE, comment_count=400))
    site.sandbox.faults.set("non_json", "0.5@1")
    night = nightly(run_date=RUN_DATE)
    assert night is not None
    assert site.created_jobs() == 2
    attempts = dict(site.read("verdicts").filter(decided_by="model").group_by("attempt").len().iter_rows())
    assert set(attempts) == {1, 2}
    assert night.statuses == {"judged": night.balance.valid_count}


def test_a_night_below_bedrocks_minimum_goes_on_demand(site: Site) -> None:
    """Fewer than 100 comments are asked one by one, without a job."""
    site.put(f"comments/date={RUN_DATE}/part-0.parquet", sample_day(RUN_DATE, dirty_fraction=0).comments.head(30))
    night = nightly(run_date=RUN_DATE)
    assert night is not None
    assert night.statuses == {"judged": 30}
    assert site.created_jobs() == 0


def test_a_night_over_budget_submits_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """An estimate over MAX_COST_USD names both amounts, and no job is made."""
    monkeypatch.setenv("MODERATION_MAX_COST_USD", "0.01")
    site.put_day(sample_day(RUN_DATE))
    with pytest.raises(OverBudget, match=r"MAX_COST_USD=0\.01"):
        nightly(run_date=RUN_DATE)
    assert site.created_jobs() == 0


def test_a_tokyo_day_ends_at_tokyo_midnight(site: Site) -> None:
    """Comments at 00:00 and 23:59:59.999999 Tokyo time belong to the day, those a microsecond beside it do not."""
    comments = sample_day(RUN_DATE, dirty_fraction=0).comments
    start = datetime(2026, 11, 17, 15, tzinfo=UTC)
    borders = {
        "first": start,
        "last": start + timedelta(days=1, microseconds=-1),
        "before": start - timedelta(microseconds=1),
        "after": start + timedelta(days=1),
    }
    extra = comments.head(4).with_columns(
        comment_id=pl.Series(list(borders)),
        posted_at=pl.Series(list(borders.values())).cast(comments.schema["posted_at"]),
        text=pl.Series([f"Border comment number {number}, nothing special." for number in range(4)]),
    )
    site.put(f"comments/date={RUN_DATE}/part-0.parquet", pl.concat([comments, extra]))
    nightly(run_date=RUN_DATE)
    assert {"first", "last"} <= set(site.read("verdicts")["comment_id"])
    assert dict(site.read("rejected").select("comment_id", "reason").iter_rows()) == {
        "before": "outside_day",
        "after": "outside_day",
    }
