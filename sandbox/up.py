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
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from flows.__main__ import PREFECT_DEFAULTS
from sandbox.month import CACHE, fill
from sandbox.prefect_runs import is_answering, settle_lost_runs
from sandbox.processes import Child, end, end_marked, mark, start
from sandbox.serve import HOST, Sandbox, running
from tasks.base.setting_names import ENV_PREFIX
from tasks.base.settings import Settings

#: Days that a sandbox has comments of, today's included: tonight's run judges that.
SAMPLE_DAYS = 15
#: A sandbox's own is for tests; here every look is a row in Prefect's database.
POLL_INTERVAL_S = 2.0

#: What the server, the worker and the runs need; the environment may say otherwise.
PREFECT = {
    # Prefect's newer interface asks a host outside whenever it is opened, also with analytics off.
    "PREFECT_SERVER_UI_V2_ENABLED": "false",
    # Without a heartbeat nobody sees that a run's process has died together with its worker.
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    "PREFECT_WORKER_QUERY_SECONDS": "3",
}
#: Would lead away from the sandbox.
_NOT_IN_A_SANDBOX = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL")

_SERVER_START_S, _LOOK_AGAIN_S, _SAVE_EVERY_S = 180.0, 0.25, 15.0
_END_S = 5.0
#: A worker that ends by itself sooner than this after its start is not started again: it would end again.
_SHORT_LIFE_S = 20.0


class CannotStart(Exception):
    """`up` cannot start or go on, for a reason that a few lines explain."""


class _Ended(Exception):
    """Ctrl-C, perhaps before all was ready."""


@dataclass(frozen=True)
class Options:
    """What the command line may vary.

    Attributes:
        home: Prefect's folder: its database, the logs, what `up` itself notes.
        data: the sandbox's folder, one sub-folder a bucket.
        port, s3_port, bedrock_port: of the Prefect server and of the sandbox, on 127.0.0.1.
        faults: what is to go wrong in the sandbox, by name.
        job_seconds: how long the sandbox's batch jobs take.
    """

    home: Path
    data: Path
    port: int
    s3_port: int
    bedrock_port: int
    faults: Mapping[str, str]
    job_seconds: float


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
        settings = Settings.load()
        try:
            server = _serve_prefect(options, stack, ended) if has_own_server else None
            _register(options, ended)
            if server is not None:
                _settle_runs()
                # Once more when the worker has ended: what it was at is on record before the server ends.
                stack.callback(_settle_runs)
            worker = _Worker(options, stack)
            _greet(options, settings, sandbox)
            _stay(ended, server, worker, sandbox, settings)
        except _Ended:
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
    return True


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


def _serve_prefect(options: Options, stack: ExitStack, ended: threading.Event) -> Child:
    """A Prefect server that answers."""
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", HOST, "--port", str(options.port)]
    server = start("server", command, os.environ | mark(options.home, "server"), options.home / "logs")
    stack.callback(end_marked, options.home, "server")
    stack.callback(end, server, signal.SIGINT, _END_S)
    _say("the Prefect server starts ...")
    limit = time.monotonic() + _SERVER_START_S
    while not is_answering(os.environ["PREFECT_API_URL"]):
        if server.has_ended or time.monotonic() > limit:
            raise CannotStart(f"the Prefect server did not start; the end of {server.log}:\n{server.last_words()}")
        _pause(ended)
    return server


def _register(options: Options, ended: threading.Event) -> None:
    _say("deployments and automations are registered ...")
    command = [sys.executable, "-m", "flows", "register"]
    child = start("register", command, os.environ | mark(options.home, "register"), options.home / "logs")
    try:
        while not child.has_ended:
            _pause(ended)
    finally:
        end(child, signal.SIGTERM, _END_S)
    if child.process.returncode:
        raise CannotStart(child.last_words())


def _settle_runs() -> None:
    """Settle the runs that are cut off by the end of this `up`, or were by that of an earlier one.

    With a database of its own and no worker, nobody works on what the server calls running. Where the database is
    shared, a missing heartbeat tells.
    """
    if "PREFECT_SERVER_DATABASE_CONNECTION_URL" not in os.environ:
        for name, becomes in settle_lost_runs(os.environ["PREFECT_API_URL"], again=("nightly",)).items():
            _say(f"run {name} is cut off: {becomes}")


class _Worker:
    """A worker, and the next one should it die."""

    def __init__(self, options: Options, stack: ExitStack) -> None:
        self._options = options
        self._start()
        # The runs' processes outlive a worker.
        stack.callback(end_marked, options.home, "worker")
        stack.callback(lambda: end(self._child, signal.SIGINT, _END_S))

    def _start(self) -> None:
        name = f"{socket.gethostname()}-{os.getpid()}"
        command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", "moderation", "--name", name]
        environment = os.environ | mark(self._options.home, "worker")
        self._child = start("worker", command, environment, self._options.home / "logs")
        self._started = time.monotonic()

    def keep_alive(self) -> None:
        """Start another if this one has ended.

        Raises:
            CannotStart: if it ended by itself soon after its start.
        """
        if self._child.has_ended:
            was_killed = self._child.process.returncode < 0
            if not was_killed and time.monotonic() - self._started < _SHORT_LIFE_S:
                raise CannotStart(f"the worker ended; the end of {self._child.log}:\n{self._child.last_words()}")
            _say(f"the worker ended (code {self._child.process.returncode}): another one starts")
            self._start()


def _stay(
    ended: threading.Event, server: Child | None, worker: _Worker, sandbox: Sandbox | None, settings: Settings
) -> None:
    """Keep things going until a signal comes.

    Raises:
        CannotStart: if something ended for good.
    """
    next_save = time.monotonic() + _SAVE_EVERY_S
    while True:
        _pause(ended)
        if server is not None and server.has_ended:
            raise CannotStart(f"the Prefect server ended; the end of {server.log}:\n{server.last_words()}")
        worker.keep_alive()
        if sandbox is not None and time.monotonic() > next_save:
            _add_sample_days(sandbox, settings)
            sandbox.save()
            next_save = time.monotonic() + _SAVE_EVERY_S


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
    lines += [
        f"  logs      {options.home / 'logs'}/",
        "",
        "What next, in the UI:",
        f"  Deployments > nightly > Run > Quick run      judges yesterday; by itself it runs at 02:00, {settings.zone}",
        "  Deployments > backfill > Run > Custom run    judges the days before, once you have agreed to its plan",
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


def _pause(ended: threading.Event) -> None:
    """Wait a moment.

    Raises:
        _Ended: if a signal came.
    """
    if ended.wait(_LOOK_AGAIN_S):
        raise _Ended


def _say(text: str) -> None:
    print(text, flush=True)
