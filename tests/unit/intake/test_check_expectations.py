"""The stage between validation and spending: what stops a night, what only warns, and that nothing leaks."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from data_contracts.expectations import CheckSeverity, RowCounts
from data_contracts.tables.metrics import METRICS
from data_contracts.tables.verdicts import NIGHTS
from sandbox.days import sample_day
from tasks import adapters
from tasks.base.errors import CriticalExpectationFailed
from tasks.base.paths import DayPaths, RunPaths
from tasks.base.settings import Settings
from tasks.intake.check_expectations import ExpectationSummary, check_expectations
from tasks.intake.expectations.outcomes import OutcomeState, failed, outcomes, stop_if_critical
from tasks.intake.ingest import ingest
from tasks.intake.validate import validate
from tests import factories
from tests.good_day import GOOD_DAY, PROFILE_CHECKS

DAY = factories.RUN_DATE
CLEAN = sample_day(DAY).comments
MARKER = "秘密のことばMARKER"


@pytest.fixture(autouse=True)
def _local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapters, "connect", lambda _: factories.local_adapters())


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A deployment whose row breaker lets everything through, so that it is not what stops."""
    return factories.settings(tmp_path, max_rejected_fraction=1.0)


def paths(settings: Settings, run_date: date = DAY) -> RunPaths:
    return RunPaths(settings, run_date, factories.RUN_ID)


def play(settings: Settings, comments: pl.DataFrame, run_date: date = DAY) -> ExpectationSummary:
    """Ingest, validate and check a day."""
    folder = Path(settings.comments_uri) / f"date={run_date}"
    folder.mkdir(parents=True, exist_ok=True)
    comments.write_parquet(folder / "part-0.parquet")
    plan = ingest.fn(settings, run_date, factories.RUN_ID, factories.NOW)
    validate.fn(settings, plan)
    return check_expectations.fn(settings, plan)


def results(settings: Settings, run_date: date = DAY) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(Path(paths(settings, run_date).file("expectations.json")).read_text())
    return document


def publish_week(settings: Settings, row_count: int, japanese: float = 0.62) -> None:
    """Seven days before the day, with what they measured."""
    lake, day_paths = factories.local_adapters().lake, DayPaths(settings, DAY)
    for ago in range(1, 8):
        day = DAY - timedelta(days=ago)
        night: dict[str, Any] = {
            c.name: 0 if c.dtype == pl.Int64() else "x" if c.dtype == pl.String() else None for c in NIGHTS
        }
        night |= {"date": day, "ingested_count": row_count, "published_at": factories.NOW}
        lake.append(day_paths.lake("nights"), NIGHTS, pl.DataFrame([night], schema=NIGHTS.polars_schema), {})
        measured = [
            ("text_length_log", "all", 4.0),
            ("language_share", "language=ja", japanese),
            ("language_share", "language=en", 0.95 - japanese),
        ]
        rows: list[dict[str, Any]] = [
            dict.fromkeys(METRICS.names)
            | dict.fromkeys(("method", "verdicts_run_id", "run_id"), "x")
            | {"date": day, "metric": metric, "slice": part, "value": value}
            | {"kind": "rate", "state": "ok", "measured_at": factories.NOW}
            for metric, part, value in measured
        ]
        lake.append(day_paths.lake("metrics"), METRICS, pl.DataFrame(rows, schema=METRICS.polars_schema), {})


def test_a_sample_day_is_as_expected(settings: Settings) -> None:
    """One row in a hundred is dirty, as always: no expectation fails, and what cannot be compared is not judged."""
    actual = play(settings, CLEAN)
    assert actual.warnings == {}
    assert (actual.row_count, actual.checked_count) == (CLEAN.height, CLEAN.height)
    compared = {item["name"] for item in results(settings)["outcomes"] if item["state"] == "not_judged"}
    assert compared == {
        "row_count", "usual_row_count", "text_length_ratio", "language_ja_change", "language_en_change",
        "language_other_change",
    }  # fmt: skip
    assert actual.ok_count + actual.not_judged_count == len(results(settings)["outcomes"])


def test_a_day_like_its_week_is_as_expected(settings: Settings) -> None:
    """With a week before it every expectation is judged and met."""
    publish_week(settings, CLEAN.height)
    actual = play(settings, CLEAN)
    assert (actual.warnings, actual.not_judged_count) == ({}, 0)


@pytest.mark.parametrize(
    ("comments", "week", "said"),
    [
        pytest.param(
            CLEAN.with_columns(text=pl.when(pl.int_range(pl.len()) % 10 > 0).then("text")),
            0,
            r"null_text_share is 10\.\d%, expected at most 5\.00%",
            id="null-text",
        ),
        pytest.param(
            pl.concat([CLEAN, CLEAN.head(40)]),
            0,
            r"id_unique_share is 8\d\.\d%, expected at least 95\.0%",
            id="repeated",
        ),
        pytest.param(CLEAN, 4_000, r"row_count is 0\.08 times, expected at least 0\.10 times", id="collapsed"),
    ],
)
def test_a_critical_failure_stops_the_night(settings: Settings, comments: pl.DataFrame, week: int, said: str) -> None:
    """The error names expectation, observed and expected, and where to read more; the results are there."""
    publish_week(settings, week)
    docs = paths(settings).file("data_docs/index.html")
    with pytest.raises(CriticalExpectationFailed, match=f"{said}.*: nothing was sent to Bedrock; see {docs}"):
        play(settings, comments)
    assert "night stopped" in Path(docs).read_text()
    assert "failed" in {item["state"] for item in results(settings)["outcomes"]}


def test_warnings_do_not_stop_the_night(settings: Settings) -> None:
    """Ratings off the scale, no evening, another mix of languages: the night goes on and says so."""
    publish_week(settings, CLEAN.height, japanese=0.1)
    odd = CLEAN.with_columns(rating=pl.lit(9, pl.Int64)).filter(pl.col("posted_at").dt.hour() < 5)
    actual = play(settings, pl.concat([odd, odd.with_columns(comment_id=pl.col("comment_id") + "b")]))
    assert {"rating_on_scale", "rating_mean", "freshness_h", "language_ja_change"} <= set(actual.warnings)
    assert actual.warnings["rating_mean"] == "9, expected 1.1 to 4.9"
    assert "warnings" in Path(paths(settings).file("data_docs/index.html")).read_text()


def test_an_empty_day_is_as_expected(settings: Settings) -> None:
    """Zero rows are published, even after a busy week: unusual, and no failure."""
    publish_week(settings, 300)
    actual = play(settings, CLEAN.clear())
    assert list(actual.warnings) == ["usual_row_count"]
    assert (actual.row_count, actual.checked_count, actual.ok_count) == (0, 0, 0)


def test_a_day_of_long_ago_is_as_fresh_as_it_was(settings: Settings) -> None:
    """Nothing is compared with a clock or with later days: a backfill passes."""
    publish_week(settings, 100_000)
    old = date(2019, 3, 31)
    actual = play(settings, sample_day(old).comments, old)
    assert actual.warnings == {}
    assert results(settings, old)["profile"]["recent_day_count"] == 0


def test_a_large_day_is_sampled_and_gives_the_same_again(settings: Settings) -> None:
    """Over GX_MAX_ROWS the rows are a sample of that size; the profile is of all; a rerun writes the same."""
    small = settings.model_copy(update={"gx_max_rows": 120})
    comments = CLEAN.with_columns(rating=pl.when(pl.int_range(pl.len()) % 2 == 0).then(9).otherwise(3))
    documents = []
    for _ in range(2):
        actual = play(small, comments)
        documents.append(Path(paths(settings).file("expectations.json")).read_bytes())
    assert (actual.row_count, actual.checked_count) == (CLEAN.height, 120)
    assert documents[0] == documents[1]
    counted = {item["name"]: item["counted"] for item in results(settings)["outcomes"] if item["suite"] == "rows"}
    assert counted["rating_on_scale"] == 120
    assert "a sample, the same on every run" in Path(paths(settings).file("data_docs/index.html")).read_text()


def test_rows_go_to_great_expectations_in_batches(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The counts of all batches add up to the day's."""
    monkeypatch.setattr("tasks.intake.check_expectations._BATCH_ROWS", 100)
    play(settings, CLEAN)
    counted = {item["name"]: item["counted"] for item in results(settings)["outcomes"] if item["suite"] == "rows"}
    assert counted["bad_id"] == CLEAN.height


def test_no_result_holds_a_text_or_an_id(settings: Settings) -> None:
    """Whatever fails, no comment, id or user is in any file that the stage reads or writes."""
    broken = CLEAN.head(100).with_columns(
        text=pl.when(pl.int_range(pl.len()) % 3 > 0).then(pl.lit(MARKER * 200)),
        comment_id=pl.format("MARKER\n{}", "comment_id"),
        user_id=pl.lit("MARKER-user"),
        product_id=pl.lit("MARKER-product"),
        posted_at=pl.col("posted_at") + timedelta(days=1),
        rating=pl.lit(77, pl.Int64),
    )
    with pytest.raises(CriticalExpectationFailed) as stopped:
        play(settings.model_copy(update={"max_text_chars": 20}), broken)
    assert "MARKER" not in str(stopped.value)
    written = [path for path in Path(paths(settings).root).rglob("*") if path.is_file() and path.parent.name != "work"]
    assert {path.name for path in written} == {"plan.json", "expectations.json", "index.html"}
    assert not [path for path in written if "MARKER" in path.read_text() or "秘密" in path.read_text()]
    seen = pl.read_parquet(paths(settings).work("checked"))
    assert "MARKER" not in seen.write_csv()
    assert {item["name"] for item in results(settings)["outcomes"] if item["state"] == "failed"} >= {
        "null_text_share", "outside_day", "too_long", "bad_id", "rating_on_scale",
    }  # fmt: skip


class _Page(HTMLParser):
    """Tags and attributes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_data_docs_open_without_the_network_and_without_scripts(settings: Settings) -> None:
    """No script, no reference to another host, and a policy that would forbid both."""
    play(settings, CLEAN)
    files = [path for path in Path(paths(settings).root, "data_docs").rglob("*") if path.is_file()]
    assert [path.name for path in files] == ["index.html"]
    text = files[0].read_text()
    page = _Page(text)
    assert not re.findall(r"(?:https?:)?//[^\s\"'<]+", text)
    assert not [tag for tag, _ in page.tags if tag in ("script", "iframe", "object", "embed", "img", "form")]
    assert [attributes["href"] for tag, attributes in page.tags if "href" in attributes] == ["data:,"]
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert "default-src 'none'" in text


def test_data_docs_tell_every_expectation_and_every_number(settings: Settings) -> None:
    """The page names each expectation with what was observed and expected, failed ones first."""
    play(settings, CLEAN.with_columns(rating=pl.lit(9, pl.Int64)))
    text = Path(paths(settings).file("data_docs/index.html")).read_text()
    document = results(settings)
    assert not [item["name"] for item in document["outcomes"] if f"<code>{item['name']}</code>" not in text]
    assert not [name for name in document["profile"] if f"<code>{name}</code>" not in text]
    assert text.index("<code>rating_mean</code>") < text.index("<code>null_text_share</code>")


@pytest.mark.parametrize(
    ("name", "observed", "told"),
    [
        pytest.param("null_text_share", 0.12, "12.0%, expected at most 5.00%", id="share"),
        pytest.param("id_unique_share", 0.5, "50.0%, expected at least 95.0%", id="at-least"),
        pytest.param("usual_row_count", 3.0, "3.00 times, expected 0.50 to 2.00 times", id="ratio"),
        pytest.param("language_ja_change", -0.3, "-30.0 points, expected -20.0 to +20.0 points", id="points"),
        pytest.param("freshness_h", 9.25, "9.2 h, expected at most 6.0 h", id="hours"),
        pytest.param("char_count_mean", 1234.5, "1,234.5, expected at most 1,000", id="characters"),
    ],
)
def test_a_failure_is_told_in_its_unit(name: str, observed: float, told: str) -> None:
    """Shares in percent, changes in points, times in hours."""
    check = PROFILE_CHECKS[name]
    found = outcomes("profile", [check], [RowCounts(name, 1, 1, {})], GOOD_DAY | {check.column: observed})
    assert failed(found, check.severity) == {name: told}
    assert found[0].state is OutcomeState.FAILED


def test_only_critical_failures_raise() -> None:
    """A failed warning alone lets the night go on."""
    checks = [PROFILE_CHECKS["freshness_h"]]
    found = outcomes("profile", checks, [RowCounts("freshness_h", 1, 1, {})], GOOD_DAY)
    assert failed(found, CheckSeverity.WARNING)
    stop_if_critical(found, "docs")


def test_the_days_end_is_that_of_the_settings_time_zone(settings: Settings) -> None:
    """Freshness counts to local midnight."""
    comments = CLEAN.head(1).with_columns(posted_at=pl.lit(datetime(2026, 11, 19, 14, tzinfo=UTC)))
    play(settings, comments)
    assert results(settings)["profile"]["freshness_h"] == pytest.approx(1.0)
