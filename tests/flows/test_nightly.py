"""Stories of one night, through Prefect, real boto3 and real HTTP."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import httpx
import polars as pl
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from flows.nightly import nightly
from flows.watchdog import watchdog
from sandbox.days import sample_day
from tasks.base.errors import InputAbsent, OverBudget, SchemaDrift, SomethingWrong, TooFewJudged, TooManyRejected
from tasks.base.settings import Settings
from tasks.reports.links import report_links
from tests.prefect_site import RUN_DATE, Site


def test_a_clean_night_is_published_and_balances(site: Site) -> None:
    """Every ingested row is a verdict or a rejected row, and the verdicts' tokens are the job's."""
    day = sample_day(RUN_DATE)
    site.put_day(day)
    night = nightly(run_date=RUN_DATE)
    assert night is not None
    verdicts, rejected, metrics = site.read("verdicts"), site.read("rejected"), site.read("metrics")
    assert verdicts.height + rejected.height == day.comments.height == night.balance.ingested_count
    assert verdicts["comment_id"].is_unique().all()
    assert set(verdicts["status"]) == {"judged"}
    assert night.balance.unattributed_cost_usd == 0
    assert verdicts["cost_usd"].sum() == pytest.approx(night.balance.verdict_cost_usd)
    accuracy = metrics.row(by_predicate=(pl.col("metric") == "accuracy") & (pl.col("slice") == "all"), named=True)
    assert accuracy["ci_low"] <= accuracy["value"] <= accuracy["ci_high"]
    run = f"runs/{RUN_DATE}/{night.run_id}/"
    kept = {key.removeprefix(run) for key in site.output_keys() if key.startswith(run)}
    assert kept >= {"plan.json", "balance.json", "summary.json", "report.html", "ledger.json"}
    assert not any(name.startswith("work/") for name in kept), "scratch frames hold text and must not stay"


def test_published_files_hold_no_comment_text(site: Site) -> None:
    """Of all outputs only `rejected` may hold what a customer wrote."""
    day = sample_day(RUN_DATE)
    site.put_day(day)
    nightly(run_date=RUN_DATE)
    texts = [text.encode() for text in day.comments["text"].drop_nulls() if len(text) > 12]
    for key in site.output_keys():
        if not key.startswith(("rejected/", "lake/rejected/")):
            body = site.sandbox.s3.get_object(Bucket="moderation-output", Key=key)["Body"].read()
            assert not any(text in body for text in texts), key


def artifact(key: str) -> str:
    """The latest artifact of this name."""
    with get_client(sync_client=True) as client:
        found = client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))
    return str(max(found, key=lambda item: str(item.created)).data)


def opened(link: str) -> tuple[str, str]:
    """The type and the text of what a link leads to, as a browser gets them."""
    answer = httpx.get(link, trust_env=False, timeout=60)
    return answer.headers["content-type"].split(";")[0], answer.raise_for_status().text


def test_an_operator_needs_no_shell(site: Site, prefect_server: str) -> None:
    """The page of the days, its links, the settings, the prompts and the versions of a day are in the UI, and open."""
    site.put_day(sample_day(RUN_DATE))
    nightly(run_date=RUN_DATE)
    settings = Settings.load()
    page = artifact("overview")
    assert page.startswith("# The last 28 days")
    assert "Can the verdicts of" in page
    rows = {cells[1].strip(): cells for line in page.splitlines() if (cells := line.split("|"))[1:]}
    _, _, state, balanced, judged, *_, links, _ = rows[str(RUN_DATE)]
    count = site.read("verdicts").height
    assert (balanced.strip(), judged.strip()) == ("yes", f"{count} / {count}")
    assert state.strip() in ("published", "**degraded**")
    assert rows[str(RUN_DATE - timedelta(days=1))][2].strip() == "not published"
    assert "Can the verdicts of this night be trusted?" in artifact(f"night-{RUN_DATE}")
    named = dict(re.findall(r"\[(\w+)\]\((\S+)\)", links))
    assert opened(named["report"])[0] == opened(named["checks"])[0] == "text/html"
    assert str(RUN_DATE.year) in opened(named["report"])[1]
    for line in report_links(settings, RUN_DATE, minutes=5):
        assert opened(line.split()[1])[0] == "text/html"
    with suppress(SomethingWrong):
        watchdog(is_quiet=True)
    assert "max_cost_usd" in artifact("settings")
    assert "alert_urls" not in artifact("settings")
    assert "v1" in artifact("prompts")
    # In a process of its own: reading a table's history lets no thread run beside it, and S3 is served by one of ours.
    script = (
        "from datetime import date; from flows.restore import restore; "
        f"day = date.fromisoformat('{RUN_DATE}'); restore(day=day); "
        "print(restore(day=day, version=99, reason='a test', return_state=True).name)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"PREFECT_API_URL": prefect_server},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.stdout.split() == ["Refused"], done.stderr
    assert "this is the day now" in artifact(f"restore-{RUN_DATE}")


def test_a_second_run_pays_nothing(site: Site) -> None:
    """The same input again makes no job and changes nothing."""
    site.put_day(sample_day(RUN_DATE))
    nightly(run_date=RUN_DATE)
    before, verdicts = site.created_jobs(), site.read("verdicts")
    assert nightly(run_date=RUN_DATE) is None
    assert site.created_jobs() == before
    assert site.read("verdicts").equals(verdicts)


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
