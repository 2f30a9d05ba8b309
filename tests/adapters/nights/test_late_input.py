"""Input that comes after its day was published: found by its listing, told once, judged without paying again."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from benchmarks.storms.simulated_clock import all_as_expected
from sandbox.days import sample_day
from sandbox.play import play_night
from tasks import adapters
from tasks.adapters import Adapters
from tasks.base.errors import StorageUnavailable
from tasks.base.paths import DayPaths
from tasks.watch.late_input import find_late_input
from tasks.watch.tell_late_input import LateInputSummary, tell_late_input
from tests.fakes import FakeAlerts, FakeBedrock, FakeClock
from tests.measured_nights import settings_in
from tests.played_once import PlayedOnce

DAY = date(2026, 11, 19)
NOW = datetime(2026, 11, 20, 2, tzinfo=UTC)
COMMENTS = sample_day(DAY, dirty_fraction=0).comments.unique("comment_id", maintain_order=True)


class Site:
    """A published day of 120 comments, whose folder changes afterwards."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.settings = settings_in(root, poll_interval_s=0.001, count_tokens=False)
        real = adapters.connect(self.settings)
        self.bedrock, self.channel = FakeBedrock(real.storage, polls_until_done=1), FakeAlerts()
        self.outside = Adapters(
            real.storage, real.lake, self.bedrock, (self.channel,), clock=FakeClock(), run_suite=all_as_expected
        )
        monkeypatch.setattr(adapters, "connect", lambda _: self.outside)
        self.put("a.parquet", COMMENTS.head(120))

    def put(self, name: str, comments: pl.DataFrame) -> Path:
        path = Path(DayPaths(self.settings, DAY).comments) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        comments.write_parquet(path)
        return path

    def play(self, run_id: str) -> Any:
        return play_night(self.settings, DAY, run_id, lambda: NOW)

    def tell(self, after: timedelta = timedelta(), *, is_quiet: bool = False) -> LateInputSummary:
        return tell_late_input.fn(self.settings, NOW + after, is_quiet=is_quiet)

    def titles(self) -> list[str]:
        return [message.title for message in self.channel.messages]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> PlayedOnce:
    root = tmp_path_factory.mktemp("late")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_REGION", "ap-northeast-1")
        site = Site(root, environment)
        site.play("run-1")
        assert site.titles() == []
    return PlayedOnce(root, site.bedrock)


@pytest.fixture
def site(played: PlayedOnce, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("AWS_REGION", "ap-northeast-1")
    site = Site(played.root, monkeypatch)
    played.bring_back(site.bedrock)
    return site


def test_unchanged_input_is_not_late(site: Site) -> None:
    """What was published is there, and what is no comments file does not count; an unpublished day has none."""
    site.put("notes/b.parquet", COMMENTS.tail(1))
    site.put("_tmp-a.parquet", COMMENTS.tail(1))
    (Path(DayPaths(site.settings, DAY).comments) / "_SUCCESS").write_bytes(b"")
    assert find_late_input(site.settings, DAY) is None
    assert find_late_input(site.settings, DAY + timedelta(1)) is None
    assert site.titles() == []


def test_new_changed_and_gone_files_are_told_apart(site: Site) -> None:
    """Each file is named by what became of it since the publication."""
    site.put("b.parquet", COMMENTS.slice(120, 5))
    site.play("run-2")
    site.put("a.parquet", COMMENTS.head(119))
    site.put("c.parquet", COMMENTS.slice(125, 5))
    (Path(DayPaths(site.settings, DAY).comments) / "b.parquet").unlink()
    late = find_late_input(site.settings, DAY)
    assert late is not None
    assert (late.run_id, late.new, late.changed, late.gone) == (
        "run-2", ("c.parquet",), ("a.parquet",), ("b.parquet",)
    )  # fmt: skip


@pytest.mark.parametrize("name", ["000000_0", "b.PARQUET", "hour=05/a.parquet", "hour=05/shop=jp/000000_0"])
def test_what_is_read_is_late_whatever_its_name(site: Site, name: str) -> None:
    """A file counts by the rule that a night reads by, and its name is that below the day's folder."""
    site.put(name, COMMENTS.slice(120, 5))
    late = find_late_input(site.settings, DAY)
    assert late is not None
    assert (late.new, late.changed, late.gone) == ((name,), (), ())
    site.play("run-2")
    assert find_late_input(site.settings, DAY) is None


def test_a_published_day_keeps_its_plan(site: Site) -> None:
    """A file that was read then and would be hidden now is neither gone nor late, until it changes."""
    file = DayPaths(site.settings, DAY).comments + "/_b.parquet"
    site.put("_b.parquet", COMMENTS.slice(120, 5))
    uri = f"{DayPaths(site.settings, DAY).runs}/run-1/plan.json"
    plan = json.loads(site.outside.storage.get(uri) or b"")
    (item,) = [item for item in site.outside.storage.list(str(Path(file).parent)) if item.uri == file]
    plan["inputs"].append({"uri": file, "etag": item.etag, "size_bytes": item.size_bytes, "row_count": 5})
    site.outside.storage.put(uri, json.dumps(plan).encode())
    assert find_late_input(site.settings, DAY) is None
    Path(file).unlink()
    late = find_late_input(site.settings, DAY)
    assert late is not None
    assert late.gone == ("_b.parquet",)


def test_what_no_night_reads_is_told_once(site: Site) -> None:
    """One ticket for a day's folder, of comments or labels; again when there is more of it; and its end."""
    folder, labels = Path(DayPaths(site.settings, DAY).comments), Path(DayPaths(site.settings, DAY).labels)
    (folder / "part-9.csv").write_text("comment_id,text")
    site.put("x.parquet/part-0.parquet", COMMENTS.tail(1))
    assert site.tell().unread == (f"{DAY} (2 comments)",)
    site.tell()
    (message,) = site.channel.messages
    assert message.severity == "ticket"
    assert message.title == f"watchdog [ticket] inputs: objects of {DAY} that no night reads"
    assert f"{DAY}: 2 objects in " in message.body
    assert "are not read: part-9.csv, x.parquet/part-0.parquet" in message.body
    labels.mkdir(parents=True)
    (labels / "labels.csv").write_text("comment_id,violation")
    assert site.tell().unread == (f"{DAY} (2 comments)", f"{DAY} (1 labels)")
    assert site.titles()[1:] == [f"watchdog [ticket] inputs, also: objects of {DAY} that no night reads (+1)"]
    (labels / "labels.csv").unlink()
    (folder / "part-9.csv").unlink()
    shutil.rmtree(folder / "x.parquet")
    assert site.tell().unread == ()
    assert site.titles()[-1] == "watchdog [ok] inputs: over on day 1"
    assert site.channel.messages[-1].is_recovery


def test_what_no_night_reads_is_let_go_of_openly(site: Site) -> None:
    """A folder that is no longer looked at is not called clean; those of labels are looked at for longer."""
    (Path(DayPaths(site.settings, DAY).comments) / "part-9.csv").write_text("comment_id,text")
    site.tell()
    site.tell(timedelta(days=site.settings.watch_days))
    assert site.titles()[-1].startswith("watchdog [report] inputs: no longer watched: ")


def test_a_night_of_long_ago_tells_of_its_own_folder(site: Site) -> None:
    """A day that is judged by hand weeks later has its ticket all the same."""
    (Path(DayPaths(site.settings, DAY).comments) / "part-9.csv").write_text("comment_id,text")
    site.put("b.parquet", COMMENTS.slice(120, 5))
    play_night(site.settings, DAY, "run-2", lambda: NOW + timedelta(days=60))
    assert site.titles() == [f"nightly {DAY} [ticket] inputs: objects of {DAY} that no night reads"]


def test_the_marker_is_told_to_nobody(site: Site) -> None:
    """The object that says that the input is complete is expected, whatever its name."""
    site.settings = site.settings.model_copy(update={"input_marker": "done.txt"})
    (Path(DayPaths(site.settings, DAY).comments) / "done.txt").write_text("")
    assert site.tell().unread == ()


def test_late_input_is_told_once_for_each_set_of_files(site: Site) -> None:
    """One ticket with the days and the command; again when another file comes; and its end once it is judged."""
    site.put("b.parquet", COMMENTS.slice(120, 5))
    assert site.tell().late == (f"{DAY} (1 files)",)
    site.tell()
    (message,) = site.channel.messages
    assert message.severity == "ticket"
    assert f"{DAY}: 1 new, 0 changed, 0 gone since run run-1 published it: b.parquet" in message.body
    command = f"python -m flows backfill --mode late_input --start-date {DAY} --end-date {DAY}"
    assert command in message.body
    site.put("c.parquet", COMMENTS.slice(125, 5))
    site.tell()
    assert len(site.titles()) == 2
    site.play("run-2")
    site.tell()
    assert site.channel.messages[-1].is_recovery
    assert f"The late input of {DAY} is judged." in site.channel.messages[-1].body
    assert len(site.titles()) == 3


def test_only_new_comments_are_asked_about(site: Site) -> None:
    """Judging such a day again pays for what came, and every other answer is served from the ledger."""
    site.put("b.parquet", COMMENTS.slice(120, 130))
    before = site.bedrock.paid_records.copy()
    night = site.play("run-2")
    assert night is not None
    assert night.balance.verdict_count == 250
    assert set(site.bedrock.paid_records.values()) == {1}
    asked = sum((site.bedrock.paid_records - before).values())
    assert 0 < asked <= 130
    assert find_late_input(site.settings, DAY) is None


def test_a_quiet_run_tells_nobody(site: Site) -> None:
    """A backfill sees late input and leaves telling it to the night."""
    site.put("b.parquet", COMMENTS.slice(120, 5))
    assert site.tell(is_quiet=True).late
    assert site.titles() == []


def test_a_day_that_is_never_judged_is_let_go_of_openly(site: Site) -> None:
    """Late input that falls out of the watched days is not called judged."""
    site.put("b.parquet", COMMENTS.slice(120, 5))
    site.tell()
    site.tell(timedelta(days=site.settings.watch_days))
    assert site.titles()[-1] == f"watchdog [report] inputs: no longer watched: late input for {DAY}"
    assert not site.channel.messages[-1].is_recovery


def test_a_plan_that_is_gone_tells_nothing(site: Site) -> None:
    """Without the published plan nobody can tell what is late, and a night must not be judged for it."""
    site.outside.storage.delete([f"{DayPaths(site.settings, DAY).runs}/run-1/plan.json"])
    assert find_late_input(site.settings, DAY) is None


def test_a_store_that_fails_does_not_unmake_the_night(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The night is published before: what cannot be looked at is noted."""

    def fail(_: str) -> Any:
        raise StorageUnavailable("S3 did not answer")

    monkeypatch.setattr(site.outside.storage, "get", fail)
    assert site.tell().note == "nothing was looked at: S3 did not answer"
