"""A panic of a Rust library ends a night as any error does: named, on record, alerted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from polars.exceptions import PanicException

from data_contracts.tables.verdicts import NIGHTS
from flows.night import NightOptions, judge_day
from tasks import adapters
from tasks.adapters import Adapters
from tasks.adapters.lake import Lake
from tasks.base.errors import LibraryPanicked
from tasks.base.panics import is_panic, panics_told
from tasks.base.paths import DayPaths, RunPaths
from tasks.base.stage import paid_stage, single_stage, stage, telling_stage
from tasks.base.steps import PlainSteps
from tasks.watch.watchdog import watch
from tests import factories
from tests.fakes import FakeAlerts, FakeBedrock

NO_ZONE = pa.schema({"at": pa.timestamp("us", "JST")}).empty_table()
ROOT = Path(__file__).parents[3]


def panic() -> Any:
    """What polars does of itself."""
    return pl.DataFrame(NO_ZONE)


@pytest.fixture(autouse=True)
def _quiet(capfd: pytest.CaptureFixture[str]) -> None:
    """Rust tells each panic on stderr."""


def test_a_panic_is_no_exception() -> None:
    """The very reason why it must be looked for; when a polars no longer panics here, another panic is wanted."""
    with pytest.raises(BaseException, match="unable to parse time zone: 'JST'") as caught:
        panic()
    assert is_panic(caught.value)
    assert not isinstance(caught.value, Exception)


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), SystemExit(1), GeneratorExit()])
def test_nothing_else_is_a_panic(error: BaseException) -> None:
    """A signal, an exit and an ordinary error go on as they are."""
    with pytest.raises(type(error)), panics_told():
        raise error


def test_a_panic_is_told_with_its_library_and_what_was_done() -> None:
    """One line: who gave up, where, and what it said."""
    with pytest.raises(LibraryPanicked) as caught, panics_told("reading s3://in/a.parquet, column posted_at"):
        panic()
    line = str(caught.value)
    assert line.startswith("polars panicked reading s3://in/a.parquet, column posted_at: called `Result::unwrap()`")
    assert "unable to parse time zone: 'JST'" in line
    assert "\n" not in line


@pytest.mark.parametrize(
    "message",
    [
        "byte index 1 is not a char boundary; it is inside 'é' (bytes 0..2) of `élan vital`",
        "begin <= end (4 <= 2) when slicing `élan vital`",
    ],
)
def test_a_panic_quotes_no_text(message: str) -> None:
    """Rust repeats a string that was cut in the wrong place, which may be a comment."""
    with pytest.raises(LibraryPanicked) as caught, panics_told():
        raise PanicException(message)
    assert "vital" not in str(caught.value)


@pytest.mark.parametrize("kind", [stage, paid_stage, telling_stage, single_stage])
def test_no_panic_leaves_a_stage(kind: Any) -> None:
    """Every kind of stage tells it, under its own name."""

    @kind  # type: ignore[untyped-decorator]
    def look_closely() -> Any:
        return panic()

    with pytest.raises(LibraryPanicked, match=r"^polars panicked in look_closely: "):
        look_closely.fn()
    assert look_closely.name == "look_closely"


def test_a_source_that_panics_empties_no_table(tmp_path: Path) -> None:
    """A commit whose rows panic on the way is not made, and the panic is not taken for a store that failed."""
    lake, uri = Lake(None), str(tmp_path / "nights")

    def batches() -> Any:
        yield panic()

    with pytest.raises(LibraryPanicked):
        lake.replace_day(uri, NIGHTS, factories.RUN_DATE, batches(), {})
    assert [commit.version for commit in lake.commits(uri)] == [0]


class Site:
    """A deployment below a folder whose lake panics."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.settings = factories.settings(root)
        self.channel = FakeAlerts()
        real = factories.local_adapters()
        self.outside = Adapters(real.storage, real.lake, FakeBedrock(real.storage), (self.channel,))
        monkeypatch.setattr(adapters, "connect", lambda _: self.outside)
        for name in ("scan", "read"):
            monkeypatch.setattr(real.lake, name, lambda *_: panic())


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    return Site(tmp_path, monkeypatch)


def test_a_night_that_panics_is_stopped_and_alerted(site: Site) -> None:
    """Its stop is on record, the alert says what to do, and the day is free for the next run."""
    folder = Path(DayPaths(site.settings, factories.RUN_DATE).comments)
    folder.mkdir(parents=True)
    factories.comments({}).write_parquet(folder / "a.parquet")
    with pytest.raises(LibraryPanicked, match="panicked in ingest"):
        judge_day(
            site.settings,
            factories.RUN_DATE,
            factories.RUN_ID,
            PlainSteps(lambda: 0.0, lambda *_: None),
            lambda: factories.NOW,
            NightOptions(),
        )
    (message,) = site.channel.messages
    assert (
        message.title
        == f"nightly {factories.RUN_DATE} [page] pipeline: the night of {factories.RUN_DATE} stopped: LibraryPanicked"
    )
    assert "unable to parse time zone: 'JST'" in message.body
    paths = RunPaths(site.settings, factories.RUN_DATE, factories.RUN_ID)
    assert b"LibraryPanicked" in (site.outside.storage.get(paths.file("stopped.json")) or b"")


def test_the_watchdog_does_not_fall_silent(site: Site) -> None:
    """A table that panics is a table that cannot be read."""
    found = watch(site.settings, factories.NOW)
    assert any("lake/nights cannot be read: polars panicked" in problem for problem in found.problems)
    assert site.channel.messages


def test_a_command_ends_in_one_line(tmp_path: Path) -> None:
    """What no other guard has met is the last line on stderr, exit code 1."""
    script = (
        "import sys; sys.argv[1:] = ['prompts']\n"
        "import polars as pl, pyarrow as pa, tasks.reports.prompt_list as listed\n"
        "table = pa.schema({'at': pa.timestamp('us', 'JST')}).empty_table()\n"
        "listed.list_prompts = lambda: pl.DataFrame(table)\n"
        "from flows.__main__ import main\n"
        "main()\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-c", script], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert ended.stderr.strip().splitlines()[-1].startswith("prompts: polars panicked: called")
