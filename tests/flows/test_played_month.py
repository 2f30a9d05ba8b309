"""`make night`, shortened to what its reader relies on: clean nights ring nothing, and the printed queries work."""

from __future__ import annotations

import runpy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import duckdb
import polars as pl
import pytest

from data_contracts.documents.summary import Night
from data_contracts.tables.verdicts import VERDICTS
from sandbox.month import DUCKDB_QUERIES, EDITED, LAST_DAY, POLARS_QUERIES, fill, publish_anew, queries
from sandbox.play import play_history
from sandbox.serve import running
from tasks import adapters
from tasks.base.paths import DayPaths
from tasks.base.settings import Settings

#: As in `make night`: the day before the last of the history.
JUDGED_ANEW = LAST_DAY - timedelta(days=2)


class Month(NamedTuple):
    """28 sample nights played below Prefect.

    Attributes:
        folder: where they were saved, once one of their days had been judged anew.
        nights: as they were closed.
        verdicts: the table as the nights left it.
        flipped: how many verdicts changed on JUDGED_ANEW.
    """

    folder: Path
    nights: list[Night]
    verdicts: pl.DataFrame
    flipped: int


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory, stand_in: Path) -> Month:
    """The month of `make night`."""
    folder = tmp_path_factory.mktemp("night")
    days = [LAST_DAY - timedelta(days=back) for back in range(27, -1, -1)]
    with (
        running(data=folder, job_seconds=0.0, cache_dir=stand_in) as sandbox,
        pytest.MonkeyPatch.context() as patch,
    ):
        sandbox.reset()  # another test's sandbox of this process may have left its nights
        for name, value in sandbox.environment.items():
            patch.setenv(name, value)
        patch.delenv("MODERATION_GOLDEN_PACK")
        fill(sandbox, days)
        settings = Settings.load()
        nights = play_history(settings, days, lambda: datetime.now(UTC), lambda _: None)
        paid = sandbox.bedrock.paid_records
        assert set(paid.values()) == {1}, "no record of the month was paid for twice"
        outside, paths = adapters.connect(settings), DayPaths(settings, LAST_DAY)
        verdicts = outside.lake.scan(paths.lake(VERDICTS.name), VERDICTS).collect()
        flipped = publish_anew(settings, JUDGED_ANEW, lambda: datetime.now(UTC))
    return Month(folder, nights, verdicts, flipped)


def test_clean_nights_send_no_alert(month: Month) -> None:
    """28 clean sample nights balance, every verdict has a job, and none degrades."""
    assert len(month.nights) == 28
    assert [night.alerts["titles"] for night in month.nights] == [[]] * 28
    assert month.verdicts.height == sum(night.balance.verdict_count for night in month.nights)
    assert month.verdicts["batch_job_arn"].null_count() == 0


def test_the_golden_pack_is_answered_alike_each_night(month: Month) -> None:
    """On clean nights of one model and prompt no golden answer turns, and nothing about them degrades."""
    golden = [night.golden for night in month.nights if night.golden is not None]
    assert len(golden) == 28
    assert {(len(night.flipped), night.compared_count == night.judged_count) for night in golden[1:]} == {(0, True)}
    metrics = pl.read_delta(str(month.folder / "moderation-output/lake/metrics"))
    mine = metrics.filter(pl.col("metric").is_in(["golden_accuracy", "golden_flip_rate", "attack_success_rate"]))
    assert mine.filter(slice="all").unique(["date", "metric"]).height == 3 * 28
    assert not mine.filter(state="degraded").height
    assert mine.filter(slice="all", date=LAST_DAY)["value"].null_count() == 0
    assert pl.read_delta(str(month.folder / "moderation-output/lake/golden")).height == 28 * golden[0].item_count


@pytest.mark.parametrize("query", DUCKDB_QUERIES)
def test_duckdb_queries_work_as_printed(month: Month, query: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each DuckDB query that `make night` prints gives rows on the saved files."""
    monkeypatch.chdir(month.folder.parent)
    text = query.format(folder=month.folder.name, day=LAST_DAY)
    assert text in queries(Path(month.folder.name))
    found = duckdb.sql(text)
    assert found is not None
    assert found.fetchall()


@pytest.mark.parametrize("query", POLARS_QUERIES)
def test_polars_queries_work_as_printed(month: Month, query: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each Polars query that `make night` prints gives rows on the saved files."""
    monkeypatch.chdir(month.folder.parent)
    text = query.format(folder=month.folder.name, day=LAST_DAY)
    assert text in queries(Path(month.folder.name))
    assert eval(f"({text})", {"pl": pl}).height > 0  # noqa: S307  our own text, as a reader would paste it


def test_a_day_judged_anew_is_there_to_look_back_to(month: Month) -> None:
    """`make night` publishes a day twice, after comments were edited: the queries that look back show what changed."""
    queries = runpy.run_path(str(Path(__file__).parents[2] / "docs" / "queries.py"))
    assert month.flipped >= EDITED
    tables = queries["Tables"](str(month.folder / "moderation-output"))
    (change,) = queries["QUERIES"]["flips_between_prompt_versions"](tables).collect().iter_rows(named=True)
    assert change["date"] == JUDGED_ANEW
    flipped = change["newly_flagged_count"] + change["no_longer_flagged_count"] + change["recategorised_count"]
    assert flipped == month.flipped
    beliefs = queries["QUERIES"]["what_we_believed_on_tuesday"](tables).collect()
    assert beliefs.filter(pl.col("run_id_then") != pl.col("run_id_now"))["date"].to_list() == [JUDGED_ANEW]
    assert queries["QUERIES"]["which_comments_flipped"](tables).collect().height == month.flipped
