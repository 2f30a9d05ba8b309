"""`make night`, shortened to what its reader relies on: clean nights ring nothing, and the printed queries work."""

from __future__ import annotations

import runpy
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from data_contracts.documents.summary import Night
from sandbox.month import DUCKDB_QUERIES, EDITED, LAST_DAY, POLARS_QUERIES, fill, publish_anew, queries
from sandbox.play import play_history
from sandbox.serve import running
from tasks.base.settings import Settings


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Night]]:
    """28 sample nights played below Prefect, and the folder that they were saved in."""
    folder = tmp_path_factory.mktemp("night")
    days = [LAST_DAY - timedelta(days=back) for back in range(27, -1, -1)]
    with (
        running(data=folder, job_seconds=0.0, cache_dir=folder / "cache") as sandbox,
        pytest.MonkeyPatch.context() as patch,
    ):
        sandbox.reset()  # another test's sandbox of this process may have left its nights
        for name, value in sandbox.environment.items():
            patch.setenv(name, value)
        fill(sandbox, days)
        nights = play_history(Settings.load(), days, lambda: datetime.now(UTC), lambda _: None)
        paid = sandbox.bedrock.paid_records
        assert set(paid.values()) == {1}, "no record of the month was paid for twice"
    return folder, nights


def test_clean_nights_send_no_alert(month: tuple[Path, list[Night]]) -> None:
    """28 clean sample nights balance, every verdict has a job, and none degrades."""
    folder, nights = month
    assert len(nights) == 28
    assert [night.alerts["titles"] for night in nights] == [[]] * 28
    verdicts = pl.read_delta(str(folder / "moderation-output/lake/verdicts"))
    assert verdicts.height == sum(night.balance.verdict_count for night in nights)
    assert verdicts["batch_job_arn"].null_count() == 0


@pytest.mark.parametrize("query", DUCKDB_QUERIES)
def test_duckdb_queries_work_as_printed(
    month: tuple[Path, list[Night]], query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each DuckDB query that `make night` prints gives rows on the saved files."""
    monkeypatch.chdir(month[0].parent)
    text = query.format(folder=month[0].name, day=LAST_DAY)
    assert text in queries(Path(month[0].name))
    found = duckdb.sql(text)
    assert found is not None
    assert found.fetchall()


@pytest.mark.parametrize("query", POLARS_QUERIES)
def test_polars_queries_work_as_printed(
    month: tuple[Path, list[Night]], query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each Polars query that `make night` prints gives rows on the saved files."""
    monkeypatch.chdir(month[0].parent)
    text = query.format(folder=month[0].name, day=LAST_DAY)
    assert text in queries(Path(month[0].name))
    assert eval(f"({text})", {"pl": pl}).height > 0  # noqa: S307  our own text, as a reader would paste it


def test_a_day_judged_anew_is_there_to_look_back_to(tmp_path: Path) -> None:
    """`make night` publishes a day twice, after comments were edited: the queries that look back show what changed."""
    queries = runpy.run_path(str(Path(__file__).parents[2] / "docs" / "queries.py"))
    days = [LAST_DAY - timedelta(days=back) for back in (2, 1)]
    with (
        running(data=tmp_path, job_seconds=0.0, cache_dir=tmp_path / "cache") as sandbox,
        pytest.MonkeyPatch.context() as patch,
    ):
        sandbox.reset()
        for name, value in sandbox.environment.items():
            patch.setenv(name, value)
        fill(sandbox, days)
        settings = Settings.load()
        play_history(settings, days, lambda: datetime.now(UTC), lambda _: None)
        flipped = publish_anew(settings, days[0], lambda: datetime.now(UTC))
        sandbox.save()
    assert flipped >= EDITED
    tables = queries["Tables"](str(tmp_path / "moderation-output"))
    (change,) = queries["QUERIES"]["flips_between_prompt_versions"](tables).collect().iter_rows(named=True)
    assert change["date"] == days[0]
    assert change["newly_flagged_count"] + change["no_longer_flagged_count"] + change["recategorised_count"] == flipped
    beliefs = queries["QUERIES"]["what_we_believed_on_tuesday"](tables).collect()
    assert beliefs.filter(pl.col("run_id_then") != pl.col("run_id_now"))["date"].to_list() == [days[0]]
    assert queries["QUERIES"]["which_comments_flipped"](tables).collect().height == flipped
