"""What is the matter with a day, from what its folders and tables say."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from data_contracts.tables.comments import COMMENTS
from tasks import adapters
from tasks.adapters.storage import StoredObject
from tasks.base.paths import DayPaths
from tasks.intake.ingest import ingest
from tasks.ledger.lease import held
from tasks.ledger.run_records import note_stop
from tasks.past_days.backfill.day_states import (
    Day,
    DayState,
    Published,
    Wanted,
    find_stop,
    name_states,
    runs_of,
    survey,
)
from tasks.past_days.backfill.plan_backfill import is_chosen
from tests.measured_nights import DAY, NOW, publish_night, settings_in

WANTED = Wanted("m", "p")


def published(**changes: Any) -> Published:
    """What the nights table says of a good day, with changes."""
    row: dict[str, Any] = {"run_id": "r", "plan_sha256": "s", "model_id": "m", "prompt_version": "v1"}
    return Published(**(row | {"prompt_sha256": "p", "open_count": 0, "published_at": NOW} | changes))


@pytest.mark.parametrize(
    ("night", "has_input", "is_late", "is_stopped", "expected"),
    [
        pytest.param(None, False, False, False, [DayState.NO_INPUT], id="nothing-there"),
        pytest.param(None, True, False, False, [DayState.MISSING], id="never-run"),
        pytest.param(None, True, False, True, [DayState.MISSING, DayState.FAILED], id="stopped"),
        pytest.param(published(), True, False, False, [], id="well"),
        pytest.param(published(), True, False, True, [DayState.FAILED], id="stopped-since"),
        pytest.param(published(open_count=1), True, False, False, [DayState.PARTIAL], id="partial"),
        pytest.param(published(model_id="n"), True, False, False, [DayState.STALE_PROMPT], id="another-model"),
        pytest.param(
            published(prompt_sha256="q"), True, True, False, [DayState.STALE_PROMPT, DayState.LATE_INPUT], id="both"
        ),
    ],
)
def test_states_are_named(
    night: Published | None, has_input: bool, is_late: bool, is_stopped: bool, expected: list[DayState]
) -> None:
    """A day has every state that holds of it; one that is well has none."""
    assert list(name_states(has_input, night, WANTED, is_late, is_stopped)) == expected


def test_a_day_without_input_is_never_chosen() -> None:
    """Not even by `all`: there is nothing to judge."""
    day = Day(run_date=DAY, inputs=(), states=(DayState.NO_INPUT, DayState.FAILED))
    assert not any(is_chosen(day, mode) for mode in ("all", "missing", "failed"))


def file(run_id: str, name: str, minutes: int) -> StoredObject:
    """A file of a run, so many minutes after the night."""
    return StoredObject(f"/runs/{run_id}/{name}", "", 0, NOW + timedelta(minutes=minutes))


def test_runs_are_told_by_their_files() -> None:
    """A summary means that a run ended well, stopped.json that it stopped; the newest comes first."""
    files = [file("good", "plan.json", 0), file("good", "summary.json", 5), file("bad", "stopped.json", 9)]
    found = runs_of([*files, file("dead", "plan.json", 7), file("restore", "restore.json", 8)], "/runs")
    assert [(run.run_id, run.has_ended_well, run.has_stopped) for run in found] == [
        ("bad", False, True),
        ("dead", False, False),
        ("good", True, False),
    ]


def test_a_stop_is_remembered_until_the_day_is_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that stopped says why; after a publication it counts no more."""
    monkeypatch.setenv("AWS_REGION", "ap-northeast-1")
    settings = settings_in(tmp_path)
    storage, paths = adapters.connect(settings).storage, DayPaths(settings, DAY)
    assert find_stop(storage, paths, None) is None
    note_stop(settings, DAY, "run-1", "TooFewJudged", "3 of 90 judged", NOW)
    assert find_stop(storage, paths, None) == "3 of 90 judged"
    since = datetime.now(UTC) + timedelta(minutes=1)
    assert find_stop(storage, paths, published(published_at=since)) is None


def test_a_run_that_died_is_told_from_one_at_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run with a plan and no end has stopped, unless it holds the day or found it published."""
    monkeypatch.setenv("AWS_REGION", "ap-northeast-1")
    settings = settings_in(tmp_path)
    storage, paths = adapters.connect(settings).storage, DayPaths(settings, DAY)
    put_comments(settings, DAY, "part-0", "a")
    plan = ingest.fn(settings, DAY, "run-1", NOW)
    assert find_stop(storage, paths, None) == "run run-1 was cancelled or died"
    with held(settings, DAY, "run-1"):
        assert find_stop(storage, paths, None) is None
    long_ago = NOW - timedelta(days=900)
    assert find_stop(storage, paths, published(plan_sha256=plan.sha256, published_at=long_ago)) is None


def put_comments(settings: Any, day: date, name: str, comment_id: str) -> None:
    """One comment as a file of the day."""
    folder = Path(DayPaths(settings, day).comments)
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    row = {"comment_id": comment_id, "posted_at": NOW, "product_id": "p", "user_id": "u", "text": "t", "rating": None}
    pl.DataFrame([row], schema=COMMENTS.polars_schema).write_parquet(folder / f"{name}.parquet")


def test_a_range_is_surveyed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Published days, days with late files, days that lack and days without input are told apart."""
    monkeypatch.setenv("AWS_REGION", "ap-northeast-1")
    settings = settings_in(tmp_path)
    days = [DAY + timedelta(days=number) for number in range(3)]
    for day in days[:2]:
        put_comments(settings, day, "part-0", "a")
    ingest.fn(settings, DAY, "x", NOW)  # the run id that `publish_night` writes
    publish_night(settings, DAY)
    put_comments(settings, DAY, "part-1", "b")
    first, second, third = survey(adapters.connect(settings), settings, days, WANTED)
    assert DayState.LATE_INPUT in first.states
    assert [item.uri.rsplit("/", 1)[-1] for item in first.late] == ["part-1.parquet"]
    put_comments(settings, DAY, "hour=05/part-0", "c")  # as a published file is called in its own folder
    first = survey(adapters.connect(settings), settings, [DAY], WANTED)[0]
    assert [item.uri.partition(f"/date={DAY}/")[2] for item in first.late] == [
        "hour=05/part-0.parquet",
        "part-1.parquet",
    ]
    assert (list(second.states), list(third.states)) == ([DayState.MISSING], [DayState.NO_INPUT])
