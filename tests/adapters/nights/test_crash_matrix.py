"""A night killed after each durable step, in the middle of each upload too, then run again: nothing is paid twice,
nothing is lost.

The steps are not listed here: they are whatever the storage, lake and Bedrock ports are asked to write. What a killed
process leaves is what the undisturbed one had left at that moment, so each night runs once, every state on its way is
kept, and from each of them another run starts, when the dead one's lease has run out.
"""

from __future__ import annotations

import copy
import os
import random
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from benchmarks.storms.answers import Kind
from benchmarks.storms.bedrock_behaviour import Behaviour
from benchmarks.storms.comments import draw_comments
from benchmarks.storms.invariants import (
    check_calls,
    check_day,
    check_golden,
    check_jobs,
    check_paid_once,
    count_repeated_calls,
)
from benchmarks.storms.kill_points import READS, WRITES, Killed, Process
from benchmarks.storms.memory_bedrock import MemoryBedrock
from benchmarks.storms.simulated_clock import simulated
from benchmarks.storms.site import LIGHT_MODEL, SMALL_PACK, Site
from benchmarks.storms.world import World
from data_contracts.tables.comments import REJECTED
from data_contracts.tables.verdicts import VERDICTS
from tasks.adapters.aws import Aws
from tasks.adapters.lake import Lake
from tasks.adapters.storage import FileStore, ObjectStore, Storage
from tasks.base.errors import StorageUnavailable
from tasks.base.paths import DayPaths
from tasks.base.ports import AlertMessage, BatchInference, Severity
from tasks.batch import shards
from tasks.ledger.lease import FREE_AFTER_S
from tests.factories import key_of_earlier_versions
from tests.small_lake import DAY as LAKE_DAY
from tests.small_lake import NOTE, THINGS, batches, things
from tests.wire import OneTry, Wire

DAY = date(2026, 11, 19)
BEGIN = datetime(2026, 11, 20, 2, tzinfo=UTC)
SENDS = {"send", "send_if_match"}
UPLOADS = {"put", "put_if_absent", "put_if_match", *SENDS}
#: Differ from run to run by nature; a record may be asked in another batch, or by itself, at another price.
OF_THE_RUN = {"run_id", "decided_at", "batch_job_arn", "cost_usd"}


class State(NamedTuple):
    """What is left of a process that dies now: files, Bedrock's side, and when that is."""

    step: str
    folder: Path
    bedrock: dict[str, Any]
    now_s: float


class Recorder(Process):
    """A process that is left alone while every state on its way is kept; `folder` takes them.

    Unless it is `thorough`, a state is passed over that differs from the one before in the run's own folder alone.
    """

    def __init__(self, site: Site, folder: Path, *, is_thorough: bool) -> None:
        super().__init__(clock=site.world.monotonic)
        self.states: list[State] = []
        self._site, self._folder, self._is_thorough = site, folder, is_thorough
        self._keep("nothing yet")

    def before(self, port: Any, name: str, args: tuple[Any, ...]) -> None:
        """The state before an upload is also that in the middle of it: half of the file, under no name of ours."""
        is_upload = name in UPLOADS and not isinstance(port, MailFolder)
        if is_upload and str(args[name in SENDS]).startswith(str(self._site.root)):
            uri = Path(args[name in SENDS])
            body = Path(args[0]).read_bytes() if name in SENDS else args[1]
            torn = self.states[-1].folder / uri.relative_to(self._site.root).with_name(".partial-torn")
            torn.parent.mkdir(parents=True, exist_ok=True)
            torn.write_bytes(body[: len(body) // 2])

    def after(self, port: Any, name: str, args: tuple[Any, ...]) -> None:
        """See Process."""
        if name in WRITES and (self._is_thorough or not any("/runs/" in arg for arg in args if isinstance(arg, str))):
            self._keep(name)

    def _keep(self, step: str) -> None:
        folder = self._folder / str(len(self.states))
        # No file is ever changed in place, so links are copies.
        shutil.copytree(self._site.root, folder, copy_function=os.link)
        self.states.append(State(step, folder, _state_of(self._site.bedrock), self._site.world.now_s))


def _state_of(bedrock: MemoryBedrock) -> dict[str, Any]:
    return {name: copy.copy(value) for name, value in vars(bedrock).items() if isinstance(value, dict | int | tuple)}


def restore(site: Site, state: State) -> None:
    """Go back to a state, at the moment when the dead run's lease has run out."""
    shutil.rmtree(site.root)
    shutil.copytree(state.folder, site.root, copy_function=os.link)
    vars(site.bedrock).update(copy.deepcopy(state.bedrock))
    for process in site.processes.values():
        process.silent_since_s = min(process.silent_since_s or state.now_s, state.now_s)
    site.world.now_s = state.now_s + FREE_AFTER_S + 1


def published(site: Site) -> dict[str, pl.DataFrame]:
    """What readers get, from the lake as from the plain objects, without what differs from run to run."""
    paths, found = DayPaths(site.settings, DAY), {}
    for table in (VERDICTS, REJECTED):
        lake = site.lake.scan(paths.lake(table.name), table).collect()
        plain = pl.read_parquet(paths.plain(table.name))
        order = [name for name in ("comment_id", "source_object", "source_row") if name in table.names]
        assert_frame_equal(plain.sort(order), lake.sort(order))
        found[table.name] = lake.drop(OF_THE_RUN & set(table.names)).sort(order)
    return found


def check_books(site: Site) -> None:
    """No record was paid twice or lost, no job is without an owner, every entry is booked at what Bedrock counted."""
    days = [DAY]
    findings = [*check_day(site, DAY), *check_jobs(site, days), *check_paid_once(site, days), *check_calls(site, days)]
    assert not [*findings, *check_golden(site, DAY)]


def comments(first: int, count: int) -> pl.DataFrame:
    """So many comments, a few of which repeat a text; a few dirty rows on top where there are many."""
    return draw_comments(random.Random(first), DAY, first, count)


def repeated(count: int) -> pl.DataFrame:
    """A day that says everything three times."""
    number = pl.col("comment_id").str.slice(1).cast(pl.Int64, strict=False) // 3
    text = pl.format("Said three times, No.{}.", number)
    return comments(0, count).with_columns(text=pl.when(pl.col("text").is_not_null()).then(text.fill_null("No.0")))


def bad_at_first(text: str, before: int) -> Kind:
    """Most answers are no good the first time; some are refused."""
    number = int(text.split("No.")[1].split(".")[0])
    if number % 10 == 7:
        return Kind.REFUSED
    first = (Kind.MALFORMED, Kind.MISSING, Kind.ERROR, Kind.TRUNCATED, Kind.TWICE, Kind.GOOD)[number % 6]
    return first if before == 0 else Kind.GOOD


class Night(NamedTuple):
    """A day, how Bedrock behaves, and what happened before the run that is killed."""

    behaviour: Behaviour
    settings: dict[str, Any]
    prepare: Callable[[Site], None]
    is_thorough: bool = False


def first_day(day: pl.DataFrame) -> Callable[[Site], None]:
    """Nothing but the day's input."""
    return lambda site: site.put(DAY, "part-0", day)


def published_then_late(site: Site) -> None:
    """A published day, whose input has changed since: a late file, and a corrected text."""
    site.put(DAY, "part-0", comments(0, 15))
    site.play(DAY, "before", Process(clock=site.world.monotonic))
    site.put(DAY, "part-1", comments(100, 14))
    corrected = pl.when(pl.col("comment_id") == "c00003").then(pl.lit("Corrected, No.900.")).otherwise("text")
    site.put(DAY, "part-0", comments(0, 15).with_columns(text=corrected))


def killed_before(site: Site) -> None:
    """A run that died between Bedrock's acceptance and its own note of it."""
    site.put(DAY, "part-0", comments(0, 15))
    with pytest.raises(Killed):
        site.play(DAY, "before", _DiesAt(site, "create_job"))
    site.world.sleep(FREE_AFTER_S + 1)


class _DiesAt(Process):
    """A process that dies as soon as a certain call has been made."""

    def __init__(self, site: Site, name: str) -> None:
        super().__init__(clock=site.world.monotonic)
        self._name = name

    def after(self, port: Any, name: str, args: tuple[Any, ...]) -> None:
        """See Process."""
        if name == self._name:
            self.die()


SMALL = {"min_job_records": 10, "poll_interval_s": 60}
TEN = Behaviour(min_records=10)
NIGHTS = {
    "on-demand": Night(Behaviour(), {"on_demand_concurrency": 1}, first_day(comments(0, 2))),
    # two batches, the second one of what the first did not answer, in a day that says everything three times
    "retries": Night(
        Behaviour(kind=bad_at_first, min_records=10),
        SMALL | {"max_shard_records": 20, "preflight_canary": False},
        first_day(repeated(60)),
    ),
    # each shard carries a golden item or two, and what the first batch did not answer of them rides in the second
    "golden": Night(
        Behaviour(kind=bad_at_first, min_records=10),
        SMALL | {"max_shard_records": 20, "preflight_canary": False, "golden_pack": SMALL_PACK},
        first_day(repeated(60)),
    ),
    # a light model first, whose failures, unsure answers and audits are a second wave, filled up to the smallest job
    "light-first": Night(
        Behaviour(kind=bad_at_first, min_records=10),
        SMALL | {"preflight_canary": False, "policy": "light_first", "light_model_id": LIGHT_MODEL},
        first_day(comments(0, 24)),
    ),
    # packs, whose failures and suspicious comments and audits are asked singly afterwards
    "packed": Night(
        Behaviour(kind=bad_at_first, min_records=10),
        SMALL | {"preflight_canary": False, "policy": "packed", "sampling_salt": "one salt, whenever the run dies"},
        first_day(comments(0, 32)),
    ),
    "changed-input": Night(TEN, SMALL, published_then_late),
    "killed-before": Night(TEN, SMALL, killed_before, is_thorough=True),
}


@pytest.fixture(params=[pytest.param(night, id=name) for name, night in NIGHTS.items() if name != "retries"])
def night(request: pytest.FixtureRequest) -> Night:
    """Each kind of night; `golden` is the day of `retries` with a pack, so that has tests of its own alone."""
    found: Night = request.param
    return found


@pytest.fixture
def site(night: Night, tmp_path: Path) -> Iterator[Site]:
    """The site of a night, as it is when the run starts that will be killed."""
    world = World(BEGIN)
    (tmp_path / "site").mkdir()
    with simulated():
        site = Site(tmp_path / "site", world, night.behaviour, **night.settings)
        night.prepare(site)
        yield site


def test_a_kill_at_any_step_costs_nothing(night: Night, site: Site, tmp_path: Path) -> None:
    """Killed after any durable step or in the middle of the next and run again, the day is that of a quiet night."""
    recorder = Recorder(site, tmp_path / "states", is_thorough=night.is_thorough)
    site.play(DAY, "killed", recorder)
    check_books(site)
    expected = published(site)
    assert count_repeated_calls(site, [DAY]) == 0
    assert "replace_day" in recorder.steps
    for number, state in enumerate(recorder.states):
        restore(site, state)
        site.play(DAY, f"second-{number}", Process(clock=site.world.monotonic))
        died = f"died after step {number}, {state.step}"
        check_books(site)
        for table, frame in published(site).items():
            assert_frame_equal(frame, expected[table])
        assert count_repeated_calls(site, [DAY]) <= (state.step == "invoke"), f"{died}: calls were repeated"


@pytest.mark.parametrize("night", [NIGHTS["retries"]], ids=["retries"])
def test_an_upgrade_in_mid_night_costs_nothing(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after any durable step under the keys of an earlier version and run again under today's, each record is
    paid once, and what the earlier one had asked stays under its own names."""
    recorder = Recorder(site, tmp_path / "states", is_thorough=False)
    with monkeypatch.context() as earlier:
        earlier.setattr(shards, "shard_key", key_of_earlier_versions)
        site.play(DAY, "killed", recorder)
    expected, mixed_count = published(site), 0
    for number, state in enumerate(recorder.states):
        restore(site, state)
        before = {entry.key: entry.job_name for entry in site.ledger(DAY)}
        site.play(DAY, f"second-{number}", Process(clock=site.world.monotonic))
        check_books(site)
        for table, frame in published(site).items():
            assert_frame_equal(frame, expected[table])
        after = {entry.key: entry.job_name for entry in site.ledger(DAY)}
        assert before.items() <= after.items()
        mixed_count += 0 < len(before) < len(after)
    assert mixed_count, "no night had jobs of both versions"


@pytest.mark.parametrize("night", [NIGHTS["golden"]], ids=["golden"])
def test_a_golden_pack_from_mid_night_on_costs_nothing(site: Site, tmp_path: Path) -> None:
    """Killed after any durable step by a version without golden packs and run again by this one, whose shards have
    other keys: what was asked is adopted under its old input, each record is paid once, and the verdicts are equal."""
    with_pack = site.settings
    site.settings = with_pack.model_copy(update={"golden_pack": "none"})
    recorder = Recorder(site, tmp_path / "states", is_thorough=False)
    site.play(DAY, "killed", recorder)
    expected, mixed_count = published(site), 0
    site.settings = with_pack
    for number, state in enumerate(recorder.states):
        restore(site, state)
        before = {entry.key: entry.job_name for entry in site.ledger(DAY)}
        site.play(DAY, f"second-{number}", Process(clock=site.world.monotonic))
        check_books(site)
        assert_frame_equal(published(site)[VERDICTS.name], expected[VERDICTS.name])
        after = {entry.key: entry for entry in site.ledger(DAY)}
        assert before.items() <= {key: entry.job_name for key, entry in after.items()}.items()
        mixed_count += bool(before) and any(entry.golden for entry in after.values())
    assert mixed_count, "no night had shards of both kinds"


@pytest.mark.parametrize("night", [NIGHTS["retries"], NIGHTS["on-demand"]], ids=["retries", "on-demand"])
def test_killed_again_and_again(site: Site) -> None:
    """Processes that die ever later, each in its turn, get there in the end and have paid once."""
    kills = 0
    for step in range(0, 400, 5):
        process = Process(step // 2, is_after=bool(step % 2), clock=site.world.monotonic)
        if site.survives(DAY, f"run-{step}", process):
            break
        kills += 1
        site.world.sleep(FREE_AFTER_S + 1)
    assert kills > 10
    check_books(site)


class MailFolder:
    """A channel for everything, whose messages are files of the site."""

    name = "mail"
    severities = frozenset(Severity)

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, message: AlertMessage) -> None:
        """See AlertChannel."""
        self._folder.mkdir(exist_ok=True)
        (self._folder / str(len(self.titles()))).write_text(message.title, encoding="utf-8")

    def titles(self) -> list[str]:
        """What was sent, in order."""
        files = self._folder.iterdir() if self._folder.is_dir() else []
        return [file.read_text(encoding="utf-8") for file in sorted(files, key=lambda file: int(file.name))]


def never_good(text: str, before: int) -> Kind:
    """One in five answers is no good however often it is asked."""
    return Kind.MALFORMED if int(text.split("No.")[1].split(".")[0]) % 5 == 3 else Kind.GOOD


@pytest.mark.parametrize(
    "night", [Night(Behaviour(kind=never_good, min_records=10), SMALL, first_day(comments(0, 40)))], ids=["alerted"]
)
def test_a_kill_at_any_step_loses_no_alert(site: Site, tmp_path: Path) -> None:
    """Killed after any durable step of a night that rings, the messages included, and run again, everybody has heard
    of it; and twice at most of what the dead process was about to note as sent."""
    mail = MailFolder(site.root / "mail")
    site.alerts = (mail,)
    recorder = Recorder(site, tmp_path / "states", is_thorough=False)
    site.play(DAY, "killed", recorder)
    expected = mail.titles()
    assert expected
    measured_at = max(number for number, state in enumerate(recorder.states) if state.step == "append")
    for number, state in enumerate(recorder.states[measured_at:], measured_at):  # nothing is told before
        restore(site, state)
        site.play(DAY, f"second-{number}", Process(clock=site.world.monotonic))
        died = f"died after step {number}, {state.step}"
        assert set(mail.titles()) == set(expected), died
        assert len(mail.titles()) <= len(expected) + (state.step == "send"), died


def test_every_call_of_a_port_is_durable_or_not() -> None:
    """A call that a port learns must be told here as one that writes or one that reads, or no kill would meet it."""
    ports = (ObjectStore, Storage, Lake, BatchInference)
    calls = {
        name for port in ports for name in vars(port) if not name.startswith("_") and callable(getattr(port, name))
    }
    assert calls <= WRITES | READS, f"neither durable nor not: {sorted(calls - WRITES - READS)}"


@pytest.mark.parametrize("was_there", [False, True], ids=["new", "replaced"])
@pytest.mark.parametrize("verb", ["put", "send", "put_if_absent"])
def test_a_file_that_dies_half_written_is_no_object(
    verb: str, was_there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before its last step an upload to files shows nothing: the old object or none is there, and in no listing."""
    store, uri, source = FileStore(), f"{tmp_path}/folder/object", tmp_path / "source"
    source.write_bytes(b"new " * 1000)
    if was_there:
        store.put(uri, b"old")

    def dies(*_: object) -> None:
        raise Killed

    write: dict[str, Callable[[], object]] = {
        "put": lambda: store.put(uri, source.read_bytes()),
        "put_if_absent": lambda: store.put_if_absent(uri, source.read_bytes()),
        "send": lambda: store.send(source, uri),
    }
    with monkeypatch.context() as dying:
        dying.setattr(os, "replace", dies)
        dying.setattr(os, "link", dies)
        with pytest.raises(Killed):
            write[verb]()
    assert store.get(uri) == (b"old" if was_there else None)
    assert [item.uri for item in store.list(f"{tmp_path}/folder")] == [uri] * was_there
    write[verb]()
    assert store.get(uri) == (b"old" if was_there and verb == "put_if_absent" else source.read_bytes())


@pytest.fixture
def wire(sandbox: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """A wire to S3 that can break."""
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    with Wire(sandbox.s3_url).served() as wire:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", wire.url)
        yield wire


@pytest.mark.parametrize("was_there", [False, True], ids=["new", "replaced"])
@pytest.mark.parametrize("verb", ["put", "send", "put_if_absent"])
def test_a_put_object_that_breaks_off_is_no_object(verb: str, was_there: bool, wire: Wire, tmp_path: Path) -> None:
    """A PutObject of which half arrives leaves the old object or none."""
    storage, uri, source = Storage(OneTry()), "s3://moderation-output/folder/object", tmp_path / "source"
    source.write_bytes(b"new " * 50_000)
    if was_there:
        storage.put(uri, b"old")
    write: dict[str, Callable[[], object]] = {
        "put": lambda: storage.put(uri, source.read_bytes()),
        "put_if_absent": lambda: storage.put_if_absent(uri, source.read_bytes()),
        "send": lambda: storage.send(source, uri),
    }
    wire.fates.append("break")
    with pytest.raises(StorageUnavailable):
        write[verb]()
    assert storage.get(uri) == (b"old" if was_there else None)
    assert [item.uri for item in storage.list("s3://moderation-output/folder")] == [uri] * was_there
    write[verb]()
    assert storage.get(uri) == (b"old" if was_there and verb == "put_if_absent" else source.read_bytes())


@pytest.mark.parametrize("fate", ["break", "lose"])
def test_a_commit_that_breaks_off_anywhere_is_whole_or_not_there(fate: Any, wire: Wire) -> None:
    """Whichever request of a commit breaks off half sent or loses its answer, readers see the old day or the new one,
    and the next commit goes through."""
    lake, readers, uri = Lake(OneTry()), Lake(Aws()), "s3://moderation-output/lake/things"

    def replace(*ids: str) -> None:
        lake.replace_day(uri, THINGS, LAKE_DAY, batches(things(LAKE_DAY, *ids)), NOTE)

    def rows() -> list[str]:
        return readers.scan(uri, THINGS).sort("id").select("id").collect()["id"].to_list()

    replace("old")
    before = len(wire.seen)
    replace("old")
    requests = len(wire.seen) - before
    assert requests > 3
    for number in range(requests):
        if rows() != ["old"]:
            replace("old")
        wire.fates.extend(["pass"] * number + [fate])
        try:
            replace("new-1", "new-2")
        except StorageUnavailable:
            assert rows() in (["old"], ["new-1", "new-2"])
        else:
            assert rows() == ["new-1", "new-2"]
        wire.fates.clear()
    replace("last")
    assert rows() == ["last"]
