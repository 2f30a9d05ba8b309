"""A running sandbox: S3 and Bedrock on loopback, and the environment that points a program at them.

``running`` is the sandbox inside this process, for tests and for the sandbox's other commands; ``serve`` is the
command, which prints ``export`` lines once all is ready and stays until it is told to end.
"""

import logging
import os
import shlex
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from sandbox.bedrock.faults import parse_options
from sandbox.bedrock.inference import Mind, TrainedMind
from sandbox.bedrock.server import BedrockServer
from sandbox.bedrock.switchboard import Faults
from sandbox.s3 import CREDENTIALS, REGION, DataFolder, S3Server, ensure_buckets

HOST = "127.0.0.1"
BUCKETS = ("moderation-input", "moderation-output", "moderation-batch")
MODEL_ID = "global.anthropic.claude-haiku-4-5-20251001-v1:0"
ROLE_ARN = "arn:aws:iam::123456789012:role/AmazonBedrockModerationBatch"
POLL_INTERVAL_S = 0.2
#: In the data folder; the leading dot keeps it from being a bucket.
JOBS_FILE = ".bedrock-jobs"

logger = logging.getLogger(__name__)

# moto's buckets belong to the process: the last sandbox to end clears them.
_running = 0
_running_lock = threading.Lock()


class CannotServe(Exception):
    """The sandbox cannot start, for a reason that one line explains."""


class Sandbox:
    """A sandbox that is being served."""

    def __init__(self, s3: S3Server, bedrock: BedrockServer, s3_client: Any, folder: DataFolder | None) -> None:
        self.bedrock = bedrock
        self.faults = bedrock.faults
        self.s3 = s3_client
        self.s3_url = s3.url
        self.bedrock_url = bedrock.url
        self._s3_server = s3
        self._folder = folder

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs to use this sandbox instead of AWS."""
        return {
            "AWS_ENDPOINT_URL_S3": self.s3_url,
            "AWS_ENDPOINT_URL_BEDROCK": self.bedrock_url,
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": self.bedrock_url,
            "AWS_ENDPOINT_URL_BEDROCK_AGENT_RUNTIME": self.bedrock_url,
            "AWS_ENDPOINT_URL_SERVICE_QUOTAS": self.bedrock_url,
            "AWS_ACCESS_KEY_ID": CREDENTIALS["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": CREDENTIALS["aws_secret_access_key"],
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "NO_PROXY": "127.0.0.1,localhost",
            "MODERATION_COMMENTS_URI": "s3://moderation-input/comments",
            "MODERATION_LABELS_URI": "s3://moderation-input/labels",
            "MODERATION_OUTPUT_URI": "s3://moderation-output",
            "MODERATION_BATCH_URI": "s3://moderation-batch",
            "MODERATION_ROLE_ARN": ROLE_ARN,
            "MODERATION_MODEL_ID": MODEL_ID,
            "MODERATION_POLL_INTERVAL_S": str(POLL_INTERVAL_S),
        }

    @property
    def env(self) -> dict[str, str]:
        """``environment``, for tests."""
        return self.environment

    def client(self, service: str, *, region: str = REGION, **config: Any) -> Any:
        """A boto3 client of S3 or of Bedrock's services, Service Quotas too; ``config`` goes to botocore's Config."""
        import boto3
        from botocore.config import Config

        if service == "s3":
            return self.s3
        settings = {"retries": {"mode": "standard", "total_max_attempts": 1}, "proxies": {}, **config}
        session = boto3.session.Session(**CREDENTIALS, region_name=region)
        return session.client(service, endpoint_url=self.bedrock_url, config=Config(**settings))

    def set_speed(self, job_seconds: float) -> None:
        """How long the jobs take that are stepped from now on."""
        self.bedrock.engine.job_seconds = job_seconds

    def save(self) -> int:
        """Write jobs and buckets to the data folder; how many of the buckets' files changed (0 without a folder)."""
        if self._folder is None:
            return 0
        # Jobs first: one that ends meanwhile is not over on record, and does its work once more after a crash.
        save_jobs(self.bedrock, self._folder.path)
        return self._folder.save()

    def reset(self) -> None:
        """As if just started without data: empty buckets, no jobs, no faults, jobs moving by themselves."""
        self.bedrock.reset()
        self.bedrock.engine.resume()
        self._s3_server.reset()
        ensure_buckets(self.s3, BUCKETS)


@contextmanager
def running(
    *,
    s3_port: int = 0,
    bedrock_port: int = 0,
    data: Path | None = None,
    faults: Mapping[str, str] | None = None,
    seed: int = 0,
    job_seconds: float = 1.0,
    mind: Mind | None = None,
    cache_dir: Path | None = None,
    clock: Callable[[], float] = time.time,
) -> Iterator[Sandbox]:
    """A sandbox served from this process until the block ends; then its buckets are saved to ``data``.

    Args:
        s3_port, bedrock_port: 0 takes a free one.
        faults: by name, see ``sandbox.bedrock.faults.FAULTS``.
        mind: what answers in the model's place; the trained stand-in if it is not given.
        cache_dir: where the trained stand-in is kept.

    Raises:
        CannotServe: when a port is in use or the folder cannot be written.
    """
    global _running
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request otherwise
    switched = Faults(seed)
    for name, value in (faults or {}).items():
        switched.set(name, value)
    with ExitStack() as stack:
        if data is not None:
            _check_folder(data)
        s3 = S3Server(stack.enter_context(_listener(s3_port)))
        s3.start()
        stack.callback(s3.stop)
        with _running_lock:
            _running += 1
        stack.callback(_leave, s3)
        s3_client = s3.client()
        folder = DataFolder(data, s3_client) if data is not None else None
        if folder:
            folder.load()
            # Before the endpoint on this stack, so after its end: what its last jobs write is saved too.
            stack.callback(folder.save)
        ensure_buckets(s3_client, BUCKETS)
        bedrock = BedrockServer(
            s3_client,
            mind or TrainedMind(cache_dir),
            listener=stack.enter_context(_listener(bedrock_port)),
            faults=switched,
            job_seconds=job_seconds,
            clock=clock,
        )
        if data is not None:
            load_jobs(bedrock, data)
            stack.callback(save_jobs, bedrock, data)
        bedrock.start()
        stack.callback(bedrock.stop)
        yield Sandbox(s3, bedrock, s3_client, folder)


def save_jobs(bedrock: BedrockServer, folder: Path) -> None:
    """Write what the endpoint knows of its jobs into the data folder, beside the buckets."""
    if not list(bedrock.store) and not (folder / JOBS_FILE).exists():
        return
    partial = folder / f"{JOBS_FILE}.partial"
    partial.write_bytes(bedrock.store.dump())
    os.replace(partial, folder / JOBS_FILE)


def load_jobs(bedrock: BedrockServer, folder: Path) -> None:
    """Give the endpoint the jobs of an earlier sandbox: the real Bedrock forgets none."""
    file = folder / JOBS_FILE
    if file.is_file():
        try:
            bedrock.store.load(file.read_bytes())
        except Exception as error:  # of other code, or cut off: a file of pickles fails in many ways
            logger.warning("the jobs in %s cannot be read and are forgotten: %s", file, error)


def serve(
    *,
    s3_port: int,
    bedrock_port: int,
    data: Path | None,
    faults: list[str],
    seed: int,
    job_seconds: float,
    cache_dir: Path,
) -> None:
    """Serve until SIGINT or SIGTERM; ``export`` lines on stdout say that all is ready, and nothing else is printed."""
    ended = threading.Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, lambda *_: ended.set())
    options = parse_options(faults)
    with running(
        s3_port=s3_port,
        bedrock_port=bedrock_port,
        data=data,
        faults=options,
        seed=seed,
        job_seconds=job_seconds,
        cache_dir=cache_dir,
    ) as sandbox:
        for name, value in sandbox.environment.items():
            print(f"export {name}={shlex.quote(value)}")
        sys.stdout.flush()
        logger.info("serving S3 at %s and Bedrock at %s", sandbox.s3_url, sandbox.bedrock_url)
        ended.wait()
        logger.info("ending")


@contextmanager
def _listener(port: int) -> Iterator[socket.socket]:
    """A bound socket. Bound here and not by the server, whose own failure would end a thread instead of the start."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
            listener.listen(128)
        except (OSError, OverflowError) as error:
            raise CannotServe(f"cannot listen on {HOST}:{port}: {error}") from None
        yield listener


def _check_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix="."):
            pass
    except OSError as error:
        raise CannotServe(f"cannot write to the data folder {folder}: {os.strerror(error.errno or 0)}") from None


def _leave(s3: S3Server) -> None:
    global _running
    with _running_lock:
        _running -= 1
        if _running == 0:
            s3.reset()
