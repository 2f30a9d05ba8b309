"""`python -m sandbox up`, behind `make up`: everything that an operator needs on one machine, until Ctrl-C.

A sandbox with sample days, unless the environment names an account (MODERATION_COMMENTS_URI); a Prefect server, unless
it names one (PREFECT_API_URL); the deployments and automations; a worker. All state is in two folders, so that the next
`up` goes on where this one ended, however it ended.
"""

from __future__ import annotations

import fcntl
import os
import shlex
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from flows.__main__ import PREFECT_DEFAULTS
from sandbox.kept import CannotStart, DaskProcess, Ended, Server, Worker, pause, wait_until
from sandbox.month import CACHE, fill
from sandbox.prefect_runs import settle_lost_runs
from sandbox.processes import end, end_marked, mark, start
from sandbox.serve import HOST, Sandbox, running
from tasks.base.paths import first_night
from tasks.base.setting_names import ENV_PREFIX
from tasks.base.settings import Settings
from tasks.watch.first_night import FirstNight

#: Days that a sandbox has comments of, today's included: tonight's run judges that.
SAMPLE_DAYS = 15
#: A sandbox's own is for tests; here every look is a row in Prefect's database.
POLL_INTERVAL_S = 2.0

#: What the server, the worker and the runs need; the environment may say otherwise.
PREFECT = {
    "PREFECT_SERVER_UI_V2_ENABLED": "false",
    # Without a heartbeat nobody sees that a run's process has died together with its worker.
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    "PREFECT_WORKER_QUERY_SECONDS": "3",
}
#: Would lead away from the sandbox.
_NOT_IN_A_SANDBOX = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL")

_SAVE_EVERY_S, _END_S = 15.0, 5.0


@dataclass(frozen=True)
class Options:
    """What the command line may vary.

    Attributes:
        home: Prefect's folder: its database, the logs, what `up` itself notes.
        data: the sandbox's folder, one sub-folder a bucket.
        port, s3_port, bedrock_port: of the Prefect server and of the sandbox, on 127.0.0.1.
        faults: what is to go wrong in the sandbox, by name.
        job_seconds: how long the sandbox's batch jobs take.
        dask: workers of a Dask cluster on this machine; 0 for none.
    """

    home: Path
    data: Path
    port: int
    s3_port: int
    bedrock_port: int
    faults: Mapping[str, str]
    job_seconds: float
    dask: int = 0


def up(options: Options) -> None:
    """Start everything, say where it is, and stay until SIGINT or SIGTERM; then end everything.

    Raises:
        CannotStart: naming what is in the way, or what ended by itself.
        CannotServe: if the sandbox cannot start.
        SettingsInvalid: naming each setting that is wrong.
    """
    ended = threading.Event()
    # Also heard by all that is started from here: a signal that a shell's `&` had this process ignore, they would too.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with ExitStack() as stack:
        stack.enter_context(_alone(options.home))
        if count := end_marked(options.home):
            _say(f"{count} processes of an earlier `make up` were still there: ended")
        has_own_server = _prepare_prefect(options)
        sandbox = _enter_sandbox(options, stack)
        cluster = _start_cluster(options, stack)
        settings = Settings.load()
        try:
            server = Server(options.port, HOST, options.home, stack, _say, ended) if has_own_server else None
            _register(options, ended)
            if server is not None:
                _settle_runs()
                # Once more when the worker has ended: what it was at is on record before the server ends.
                stack.callback(_settle_runs)
            worker = Worker(options.home, stack, _say)
            _greet(options, settings, sandbox)
            _stay(ended, server, worker, cluster, sandbox, settings)
        except Ended:
            _say("ending ...")
    _say("ended" + ("; the next `make up` goes on from here" if has_own_server or sandbox else ""))


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Keep a second `up` out of the same folder; the lock goes with the process, however it ends."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "up.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            raise CannotStart(f"it is up already, as process {lock.read()}: end that one first") from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _prepare_prefect(options: Options) -> bool:
    """Set Prefect's environment for this process and all its children; whether a server of our own is to start.

    Raises:
        CannotStart: if its port is in use.
    """
    for name, value in (PREFECT_DEFAULTS | PREFECT).items():
        os.environ.setdefault(name, value)
    os.environ["PREFECT_HOME"] = str(options.home)
    if "PREFECT_API_URL" in os.environ:
        return False
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, options.port))
        except OSError as error:
            raise CannotStart(
                f"port {options.port} is not free for the Prefect server ({os.strerror(error.errno or 0)}); "
                "take another: make up PORT=4300"
            ) from None
    os.environ["PREFECT_API_URL"] = f"http://{HOST}:{options.port}/api"
    _leave_out_v2(options.home / "ui")
    return True


def _leave_out_v2(folder: Path) -> None:
    """Keep Prefect's newer interface from being served: it asks a host outside whenever it is opened.

    The setting V2_ENABLED only says which one opens first; the older one then offers the newer. An interface whose
    files cannot be put in place is left out, and a link that leads nowhere is such a place.
    Source: prefect 3.8.8 and 3.9.1, create_ui_app (prefect/server/api/server.py).
    """
    folder.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        (folder / "v2").symlink_to("left-out")
    os.environ.setdefault("PREFECT_UI_STATIC_DIRECTORY", str(folder))


def _enter_sandbox(options: Options, stack: ExitStack) -> Sandbox | None:
    """A sandbox, for this process and all its children; None if the environment names an account to use."""
    if "MODERATION_COMMENTS_URI" in os.environ:
        return None
    sandbox = stack.enter_context(
        running(
            s3_port=options.s3_port,
            bedrock_port=options.bedrock_port,
            data=options.data,
            faults=options.faults,
            job_seconds=options.job_seconds,
            cache_dir=CACHE,
        )
    )
    for name in _NOT_IN_A_SANDBOX:
        os.environ.pop(name, None)
    poll = os.environ.get("MODERATION_POLL_INTERVAL_S", str(POLL_INTERVAL_S))
    os.environ.update(sandbox.environment | {"MODERATION_POLL_INTERVAL_S": poll})
    return sandbox


def _start_cluster(options: Options, stack: ExitStack) -> list[DaskProcess]:
    """A Dask cluster of this machine's, to which all runs of this `up` go.

    Raises:
        CannotStart: if the environment names another one.
    """
    if not options.dask:
        return []
    if os.environ.get(f"{ENV_PREFIX}DASK_ADDRESS"):
        raise CannotStart(f"{ENV_PREFIX}DASK_ADDRESS names a cluster already: leave it out, or --dask")
    address, processes = DaskProcess.cluster(options.dask, HOST, options.home, stack, _say)
    os.environ[f"{ENV_PREFIX}DASK_ADDRESS"] = address
    return processes


def _register(options: Options, ended: threading.Event) -> None:
    _say("deployments and automations are registered ...")
    command = [sys.executable, "-m", "flows", "register"]
    child = start("register", command, os.environ | mark(options.home, "register"), options.home / "logs")
    try:
        wait_until(lambda: child.has_ended, "they are not all registered yet", ended, _say)
    finally:
        end(child, signal.SIGTERM, _END_S)
    if child.process.returncode:
        raise CannotStart(child.last_words())


def _settle_runs() -> None:
    """Settle the runs that are cut off by the end of this `up`, or were by that of an earlier one.

    With a database of its own and no worker, nobody works on what the server calls running. Where the database is
    shared, a missing heartbeat tells.
    """
    if "PREFECT_SERVER_DATABASE_CONNECTION_URL" in os.environ:
        return
    try:
        settled = settle_lost_runs(os.environ["PREFECT_API_URL"], again=("nightly",))
    except (OSError, ValueError):  # the server has died: the next `up` settles them
        return
    for name, becomes in settled.items():
        _say(f"run {name} is cut off: {becomes}")


def _stay(
    ended: threading.Event,
    server: Server | None,
    worker: Worker,
    cluster: Sequence[DaskProcess],
    sandbox: Sandbox | None,
    settings: Settings,
) -> None:
    """Keep things going until a signal comes.

    Raises:
        CannotStart: if something ended for good.
    """
    next_save = time.monotonic() + _SAVE_EVERY_S
    while True:
        pause(ended)
        if server is not None and server.revive(ended):
            worker.forgive()
        else:
            worker.keep_alive()
        for process in cluster:
            process.keep_alive()
        if sandbox is not None and time.monotonic() > next_save:
            _add_sample_days(sandbox, settings)
            sandbox.save()
            next_save = time.monotonic() + _SAVE_EVERY_S


def _watch_from_today(sandbox: Sandbox, settings: Settings) -> None:
    """Have a watchdog that has not looked yet miss none of the sample days before today: nobody was here to judge them.

    Whoever judges one of them by hand would otherwise be paged for all that follow it.
    """
    record = FirstNight(first_night=datetime.now(settings.zone).date())
    with suppress(sandbox.s3.exceptions.ClientError):  # it has looked before
        sandbox.s3.put_object(
            Bucket="moderation-output",
            Key=first_night(settings).removeprefix("s3://moderation-output/"),
            Body=record.model_dump_json().encode(),
            IfNoneMatch="*",
        )


def _add_sample_days(sandbox: Sandbox, settings: Settings) -> list[date]:
    """Give the sandbox the comments of the last days that it has none of; the days that it has now."""
    today = datetime.now(settings.zone).date()
    days = [today - timedelta(days=back) for back in range(SAMPLE_DAYS - 1, -1, -1)]
    listed = sandbox.s3.list_objects_v2(Bucket="moderation-input", Prefix="comments/", Delimiter="/")
    present = {item["Prefix"] for item in listed.get("CommonPrefixes", ())}
    fill(sandbox, [day for day in days if f"comments/date={day}/" not in present], settings.timezone)
    return days


def _greet(options: Options, settings: Settings, sandbox: Sandbox | None) -> None:
    api = os.environ["PREFECT_API_URL"]
    lines = ["", f"Up. Prefect's UI:  {api.removesuffix('/api')}", ""]
    if sandbox is not None:
        days = _add_sample_days(sandbox, settings)
        _watch_from_today(sandbox, settings)
        environment = options.home / "environment"
        _write_environment(environment, sandbox.environment | {"PREFECT_API_URL": api})
        lines += [
            f"  sandbox   S3 {sandbox.s3_url}, Bedrock {sandbox.bedrock_url}: it stands in for AWS; no model judges",
            *([f"  faults    {', '.join(map('='.join, options.faults.items()))}"] if options.faults else []),
            f"  comments  sample days {days[0]} to {days[-1]}, none judged unless you did",
            f"  tables    {options.data}/moderation-output/, saved every {_SAVE_EVERY_S:g} s and at the end",
            f"  shell     source {environment}  and then, say, .venv/bin/python -m flows nightly",
        ]
    else:
        lines += [f"  comments  {settings.comments_uri}", f"  tables    {settings.output_uri}/lake"]
    if options.dask:
        lines.append(f"  dask      {settings.dask_address}, {options.dask} workers for the parts of nights")
    lines += [
        f"  logs      {options.home / 'logs'}/",
        "",
        "What next, in the UI:",
        f"  Deployments > nightly > Run > Quick run      judges yesterday; by itself it runs at 02:00, {settings.zone}",
        "  Deployments > backfill > Run > Custom run    judges the days before, once you have agreed to its plan",
        "  /artifacts/key/days                          shows how the days stand, once a night or the watchdog has run",
        "",
        "Ctrl-C ends everything.",
    ]
    _say("\n".join(lines))


def _write_environment(path: Path, named: Mapping[str, str]) -> None:
    """What another shell needs to work with this `up`: the sandbox, and every setting that its runs have.

    Alert URLs are among the settings and hold passwords, so the file is its owner's.
    """
    settings = {key: value for key, value in os.environ.items() if key.startswith(ENV_PREFIX)}
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text("".join(f"export {key}={shlex.quote(value)}\n" for key, value in {**named, **settings}.items()))


def _say(text: str) -> None:
    print(text, flush=True)
