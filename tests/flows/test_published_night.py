"""What a clean night leaves behind, through Prefect, real boto3 and real HTTP: one night, looked at from all sides."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import suppress
from datetime import timedelta

import httpx
import polars as pl
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from flows.nightly import nightly
from flows.watchdog import watchdog
from tasks.base.errors import SomethingWrong
from tasks.base.settings import Settings
from tasks.reports.links import report_links
from tests.prefect_site import RUN_DATE, Published


def test_a_clean_night_is_published_and_balances(published: Published) -> None:
    """Every ingested row is a verdict or a rejected row, and the verdicts' tokens are the job's."""
    site, day, night = published
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


def test_published_files_hold_no_comment_text(published: Published) -> None:
    """Of all outputs only `rejected` may hold what a customer wrote."""
    site, day, _ = published
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


def test_an_operator_needs_no_shell(published: Published, prefect_server: str) -> None:
    """The page of the days, its links, the settings, the prompts and the versions of a day are in the UI, and open."""
    site, settings = published.site, Settings.load()
    page = artifact("overview")
    assert page == artifact("days")
    assert page.startswith("# The last 28 days")
    assert "Can the verdicts of" in page
    rows = {cells[1].strip(): cells for line in page.splitlines() if (cells := line.split("|"))[1:]}
    _, _, state, links, balanced, judged, *_ = rows[str(RUN_DATE)]
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


def test_a_second_run_pays_nothing(published: Published) -> None:
    """The same input again makes no job and changes nothing."""
    site = published.site
    before, verdicts = site.created_jobs(), site.read("verdicts")
    assert nightly(run_date=RUN_DATE) is None
    assert site.created_jobs() == before
    assert site.read("verdicts").equals(verdicts)
