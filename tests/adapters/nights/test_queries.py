"""What analysts are given works on nights that were played: DuckDB's file, and each worked query in both languages."""

from __future__ import annotations

import os
import runpy
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from deltalake import DeltaTable
from polars.testing import assert_frame_equal

from benchmarks.storms.simulated_clock import all_as_expected
from data_contracts.tables.flips import FLIPS
from data_contracts.tables.verdicts import VERDICTS
from sandbox.days import sample_day
from sandbox.play import play_night
from tasks import adapters
from tasks.adapters import Adapters
from tasks.base.paths import DayPaths
from tasks.reports.catalog.publications import PUBLISHED
from tasks.reports.catalog.views import VIEWS
from tasks.reports.catalog.write_catalog import Places, write_duckdb
from tasks.verdicts.flips import flip_rows
from tests.fakes import FakeBedrock
from tests.measured_nights import settings_in

DOCS = Path(__file__).parents[3] / "docs"
SQL = sorted((DOCS / "queries").glob("*.sql"))
DAYS = [date(2026, 11, 16) + timedelta(days=number) for number in range(3)]
#: Judged again by another prompt, after the others were looked at.
REJUDGED = DAYS[1]

queries = runpy.run_path(str(DOCS / "queries.py"))
POLARS: dict[str, Callable[[Any], pl.LazyFrame]] = queries["QUERIES"]


class Published:
    """A folder with three nights, one of them judged again, and the moment before that."""

    def __init__(self, folder: Path, inputs: Path, moment: datetime) -> None:
        self.folder, self.moment = folder, moment
        self.output = folder / "output"
        self.labels = inputs / "labels"
        self.places = Places.of(str(self.output), str(inputs / "comments"), str(self.labels))

    def tables(self) -> Any:
        """The tables as the Polars queries read them."""
        return queries["Tables"](str(self.output), self.moment, labels_uri=str(self.labels))

    def database(self, *, copy: bool = False) -> duckdb.DuckDBPyConnection:
        """The DuckDB file, just written and opened by nothing but DuckDB."""
        path = self.folder / ("copy.duckdb" if copy else "views.duckdb")
        write_duckdb(path, self.places, copy=copy)
        connection = duckdb.connect(str(path), read_only=True)
        connection.execute("SET TimeZone = 'UTC'")
        return connection


def play(folder: Path) -> None:
    """Three nights: some violations, some answers that cannot be read, labels of the first day that come a day late."""
    settings = settings_in(folder, poll_interval_s=0.001, max_rejected_fraction=0.5, max_attempts=1)
    real = adapters.connect(settings)
    bedrock = FakeBedrock(real.storage, polls_until_done=1, malformed_records=2, fail_records=1)
    text = pl.when(pl.int_range(pl.len()) % 9 == 0).then(pl.lit("bad: ") + pl.col("text")).otherwise("text")
    with pytest.MonkeyPatch.context() as patch:
        outside = Adapters(real.storage, real.lake, bedrock, alerts=(), run_suite=all_as_expected)
        patch.setattr(adapters, "connect", lambda _: outside)
        for number, day in enumerate(DAYS):
            sample = sample_day(day, comment_count=150, dirty_fraction=0.04)
            put(folder / f"comments/date={day}", sample.comments.with_columns(text=text))
            for late in DAYS[max(number - 1, 0) : number] if number < 2 else [REJUDGED, day]:
                put(folder / f"labels/date={late}", sample_day(late, comment_count=150, dirty_fraction=0.04).labels)
            planned = datetime(day.year, day.month, day.day, 20, tzinfo=UTC)
            assert play_night(settings, day, f"run-{day}", lambda planned=planned: planned)  # type: ignore[misc]


def judge_again(folder: Path) -> None:
    """Publish a day as a backfill by the next prompt does: every fifth flag is withdrawn, some others are new."""
    settings = settings_in(folder)
    lake, paths = adapters.connect(settings).lake, DayPaths(settings, REJUDGED)
    before = lake.scan(paths.lake("verdicts"), VERDICTS).filter(pl.col("date") == REJUDGED).collect()
    flips = (pl.col("status") == "judged") & (pl.int_range(pl.len()) % 5 == 0)
    flipped = pl.when(flips).then(~pl.col("violation")).otherwise("violation")
    after = before.with_columns(
        violation=flipped,
        category=pl.when(flipped).then(pl.lit("fraud")).when(flipped.is_not_null()).then(pl.lit("none")),
        prompt_version=pl.lit("v2"),
        prompt_sha256=pl.lit("2" * 64),
        run_id=pl.lit("backfill"),
    )
    batches = after.to_arrow().cast(VERDICTS.arrow_schema).to_batches()
    note = {"run_date": str(REJUDGED), "run_id": "backfill"}
    lake.replace_day(paths.lake("verdicts"), VERDICTS, REJUDGED, batches, note)
    rows = flip_rows(before.lazy(), after.lazy(), REJUDGED).collect()
    lake.replace_day(paths.lake("flips"), FLIPS, REJUDGED, rows.to_arrow().cast(FLIPS.arrow_schema).to_batches(), note)
    rows.write_parquet(paths.plain("flips"))


def put(folder: Path, frame: pl.DataFrame) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    frame.write_parquet(folder / "part-0.parquet")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Published]:
    folder = tmp_path_factory.mktemp("published")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_REGION", "ap-northeast-1")
        play(folder)
        newest = DeltaTable(f"{folder}/output/lake/verdicts").history(1)[0]["timestamp"]
        judge_again(folder)
        # Readers need no AWS at all.
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        yield Published(folder, folder, datetime.fromtimestamp(newest / 1000, UTC))


@pytest.fixture(scope="module", params=["plain", "env=prod"])
def published(request: pytest.FixtureRequest, played: Published, tmp_path_factory: pytest.TempPathFactory) -> Published:
    """The nights in a folder with a plain name, and below one that looks like a partition."""
    if request.param == "plain":
        return played
    copy = tmp_path_factory.mktemp("copied") / request.param
    shutil.copytree(played.output, copy / "output")
    return Published(copy, played.folder, played.moment)


@pytest.mark.parametrize("path", SQL, ids=lambda path: path.stem)
def test_duckdb_and_polars_agree(published: Published, path: Path) -> None:
    """Each worked query gives rows, and the same ones in DuckDB over the catalog's file as in Polars over Delta."""
    tables = published.tables()
    expected = POLARS[path.stem[3:]](tables).collect()
    with published.database() as connection:
        then = tables.then("verdicts").collect().to_arrow()
        connection.register("verdicts_then", then)
        actual = connection.sql(path.read_text(encoding="utf-8")).pl()
    assert expected.height
    assert_frame_equal(actual, expected, check_dtypes=False, abs_tol=1e-12)


def test_looking_back_shows_what_was_changed(published: Published) -> None:
    """The day that was judged again differs from what was believed before, both ways; the others do not."""
    flips = POLARS["flips_between_prompt_versions"](published.tables()).collect()
    assert flips["date"].to_list() == [REJUDGED]
    assert flips["newly_flagged_count"][0] > 0
    assert flips["no_longer_flagged_count"][0] > 0
    beliefs = POLARS["what_we_believed_on_tuesday"](published.tables()).collect()
    changed = beliefs.filter(pl.col("run_id_then") != pl.col("run_id_now"))
    assert changed["date"].to_list() == [REJUDGED]


@pytest.mark.parametrize("copy", [False, True], ids=["views", "copy"])
def test_the_file_holds_what_is_published(published: Published, copy: bool) -> None:
    """Every published table is in the DuckDB file, row by row, whether it reads the lake or holds the rows."""
    with published.database(copy=copy) as connection:
        times = pl.col(pl.Datetime("us", "*")).dt.convert_time_zone("UTC")  # DuckDB calls it Etc/UTC
        for item in PUBLISHED:
            is_there = (published.output / "lake" / item.table.name).exists()  # these nights have no golden pack
            tables = published.tables()
            expected = tables(item.table.name).select(item.table.names).collect() if is_there else item.table.empty()
            actual = connection.sql(f"SELECT * FROM {item.table.name}").pl()  # noqa: S608  our own names
            assert_frame_equal(actual.with_columns(times), expected, check_row_order=False)


def test_every_view_answers(published: Published) -> None:
    """All views are in a file whose inputs are known, and each has rows and says what a row is."""
    with published.database() as connection:
        told = dict(connection.execute("SELECT view_name, comment FROM duckdb_views() WHERE NOT internal").fetchall())
        for view in VIEWS:
            assert connection.execute(f"SELECT count(*) > 0 FROM {view.name}").fetchall() == [(True,)]  # noqa: S608
            assert told[view.name] == view.meaning


def test_each_verdict_finds_its_comment(published: Published) -> None:
    """`verdict_texts` has each verdict once, with its own comment's words, though ids repeat among what came in."""
    with published.database() as connection:
        found = connection.sql("SELECT date, comment_id, text FROM verdict_texts").pl()
        came = connection.sql("SELECT date, comment_id, count(*) AS n FROM comments GROUP BY ALL").pl()
    verdicts = published.tables()("verdicts").select("date", "comment_id").collect()
    assert_frame_equal(found.select("date", "comment_id"), verdicts, check_row_order=False)
    assert found["text"].null_count() == 0
    repeated = came.filter(pl.col("n") > 1).join(found, on=["date", "comment_id"])
    assert repeated.height > 0, "the sample has an id that came twice"


def test_newest_measurements_count(published: Published) -> None:
    """A day whose labels came late is measured twice, and `metrics_latest` shows the second alone."""
    with published.database() as connection:
        twice = connection.sql(
            "SELECT date, metric, slice, max(measured_at) AS newest FROM metrics GROUP BY ALL HAVING count(*) > 1"
        ).pl()
        latest = connection.sql("SELECT date, metric, slice, measured_at FROM metrics_latest").pl()
    assert DAYS[0] in twice["date"].to_list()
    kept = latest.join(twice, on=["date", "metric", "slice"])
    assert kept.height == twice.height
    assert (kept["measured_at"] == kept["newest"]).all()


def test_looking_back_needs_no_moment(published: Published) -> None:
    """Without a moment, `then` is before a day was last published anew, which is what there is to look back to."""
    latest = queries["Tables"](str(published.output))
    for query in ("flips_between_prompt_versions", "what_we_believed_on_tuesday"):
        assert_frame_equal(POLARS[query](latest).collect(), POLARS[query](published.tables()).collect())


def test_a_labelled_comment_leaves_the_review_queue(published: Published) -> None:
    """Each comment says why it is listed, and none that somebody has labelled is."""
    found = POLARS["review_queue"](published.tables()).collect()
    labelled = published.tables().labels().collect()
    whole = POLARS["review_queue"](queries["Tables"](str(published.output))).collect()
    assert found.join(labelled, on=["date", "comment_id"], how="semi").is_empty()
    assert whole.join(labelled, on=["date", "comment_id"], how="semi").height > 0
    assert found["reason"].null_count() == 0


def test_the_plain_folders_are_read_as_documented(published: Published) -> None:
    """The lines of queries.md under "The plain objects" run as printed, for every table that has plain objects."""
    page = (DOCS / "queries.md").read_text(encoding="utf-8")
    code = page.partition("## The plain objects")[2].partition("```python\n")[2].partition("```")[0]
    assert code.count("partitioning=None") == 3
    for name in [item.table.name for item in PUBLISHED if item.has_plain]:
        text = code.replace("s3://YOUR-BUCKET", str(published.output)).replace("2026-11-19", str(DAYS[0]))
        found: dict[str, Any] = {}
        exec(text.replace("/verdicts", f"/{name}"), found)  # noqa: S102  our own text, as a reader would paste it
        count = sum(pl.read_parquet(path).height for path in published.output.glob(f"{name}/*/*.parquet"))
        assert len(found["frame"]) == found["table"].num_rows == count
        assert found["lazy"].collect().height == found["rows"].fetchall()[0][0] == count
        assert len(found["one_day"]) <= count


def test_rates_by_product_have_intervals(published: Published) -> None:
    """Each day's rate lies in its interval, which is wider for fewer comments; ends never leave 0 to 1."""
    with published.database() as connection:
        rows = connection.sql("SELECT * FROM violations_by_product").pl()
    assert rows.filter(~pl.col("violation_rate").is_between(pl.col("ci_low"), pl.col("ci_high"))).is_empty()
    assert rows["ci_low"].min() >= -1e-9
    assert rows["ci_high"].max() <= 1 + 1e-9


def test_every_query_is_written_twice_and_listed() -> None:
    """Twelve questions, each with a file, a function of the same name and a line in queries.md."""
    assert len(SQL) >= 12
    assert [path.stem[3:] for path in SQL] == list(POLARS)
    page = (DOCS / "queries.md").read_text(encoding="utf-8")
    assert [path.name for path in SQL if f"(queries/{path.name})" not in page] == []
