"""Bedrock over HTTP, for an unmodified boto3: ``bedrock``, ``bedrock-runtime`` and its Service Quotas, on one port."""

import hashlib
import json
import logging
import re
import socket
import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, NamedTuple

from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from sandbox.bedrock.engine import Engine
from sandbox.bedrock.errors import ConnectionDropped, ServiceError
from sandbox.bedrock.extras.evaluation_jobs import EvaluationJobs
from sandbox.bedrock.inference import Inference, Mind
from sandbox.bedrock.jobs import JobStore, Status
from sandbox.bedrock.model import find_route, read_request
from sandbox.bedrock.operations import Operations, Payload
from sandbox.bedrock.quotas import Quotas, code_in_body, operation_of
from sandbox.bedrock.switchboard import Faults

logger = logging.getLogger(__name__)

_SCOPE = re.compile(r"Credential=[^/]+/\d{8}/(?P<region>[a-z0-9-]+)/(?P<service>[a-z0-9-]+)/aws4_request")
_DEFAULT_REGION = "us-east-1"
_MAX_BODY_BYTES = 32_000_000
_REMEMBERED_CALLS = 20_000


class Call(NamedTuple):
    """One call that arrived, as far as it could be read."""

    operation: str
    parameters: dict[str, Any]
    error: str | None
    at: float


class BedrockServer:
    """A Bedrock endpoint on loopback, with a view from behind for tests."""

    def __init__(
        self,
        s3: Any,
        mind: Mind,
        *,
        listener: socket.socket,
        faults: Faults | None = None,
        job_seconds: float = 1.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Prepare to serve; ``start`` serves.

        Args:
            s3: a boto3 S3 client, with which jobs read their input and write their output.
            listener: a bound socket.
            job_seconds: how long a job takes from submission to its end, if its records allow.
            clock: Unix time, for statuses and time stamps.
        """
        self.faults = faults or Faults()
        self.calls: deque[Call] = deque(maxlen=_REMEMBERED_CALLS)
        self.call_counts: Counter[str] = Counter()
        self.paid_records: Counter[str] = Counter()
        self.paid_bodies: Counter[str] = Counter()
        self.store = JobStore(self.faults, clock)
        inference = Inference(mind)
        self.engine = Engine(self.store, s3, inference, clock, self._pay)
        self.engine.job_seconds = job_seconds
        self.evaluations = EvaluationJobs(s3, inference.reply_to, clock)
        self._operations = Operations(self.store, self.engine, inference, self.faults, self.evaluations)
        self._quotas = Quotas(self.faults)
        self._clock = clock
        self._lock = threading.Lock()
        host, port = listener.getsockname()[:2]
        self.url = f"http://{host}:{port}"
        self._server = make_server(host, port, self._answer, threaded=True, fd=listener.fileno())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def start(self) -> None:
        """Answer calls, and let jobs move by themselves."""
        self._thread.start()
        self.engine.start()

    def stop(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self.engine.close()

    def reset(self) -> None:
        """As if just started: no jobs, calls, payments or faults."""
        self.faults.reset()
        self.engine.reset()
        self.evaluations.clear()
        with self._lock:
            self.calls.clear()
            self.call_counts.clear()
            self.paid_records.clear()
            self.paid_bodies.clear()

    def advance(self, steps: int = 1) -> list[Status]:
        """Take this many steps of every unfinished job by hand (see ``engine.pause``); their statuses, oldest first."""
        for _ in range(steps):
            for job in self.store:
                self.engine.advance(job)
        return [job.status for job in self.store]

    def finish(self) -> list[Status]:
        """Take steps by hand until no job moves any more; their statuses, oldest first."""
        while True:
            before = [(job.status, job.counts.processed) for job in self.store]
            self.advance()
            if before == [(job.status, job.counts.processed) for job in self.store]:
                return [job.status for job in self.store]

    def calls_of(self, operation: str) -> list[Call]:
        """The remembered calls of one operation, in order."""
        with self._lock:
            return [call for call in self.calls if call.operation == operation]

    def _pay(self, record_id: str) -> None:
        with self._lock:
            self.paid_records[record_id] += 1

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """The WSGI application."""
        try:
            response = self._respond(Request(environ))
        except ConnectionDropped:
            connection: socket.socket = environ["werkzeug.socket"]
            connection.shutdown(socket.SHUT_RDWR)
            raise ConnectionAbortedError("the answer is lost on purpose") from None
        return response(environ, start_response)

    def _respond(self, request: Request) -> Response:
        # The raw path: an ARN in it has encoded slashes, which werkzeug would already have decoded.
        raw_path, _, _ = str(request.environ["RAW_URI"]).partition("?")
        body = request.get_data() if (request.content_length or 0) <= _MAX_BODY_BYTES else None
        operation, parameters, error = "Unknown", {}, None
        result: dict[str, Any] | Payload | None = None
        try:
            region = _region(request.headers.get("Authorization"))
            if body is None:
                raise ServiceError("RequestEntityTooLargeException", "The request body is too large")
            if quota_operation := operation_of(request.headers.get("X-Amz-Target")):
                operation = quota_operation
                self._meet_faults(operation)
                result = self._quotas.call(operation, body, region)
            else:
                found = find_route(request.method, raw_path)
                if found is None:
                    raise ServiceError("UnknownOperationException", f"{request.method} {raw_path} is not served here")
                operation = found[0].operation.name
                parameters = read_request(found[0], found[1], request.args, dict(request.headers), body)
                self._meet_faults(operation)
                result = self._operations.call(operation, parameters, region)
        except ServiceError as failure:
            error = failure
        except ConnectionDropped:
            self._remember(operation, parameters, "ConnectionDropped")
            raise
        except Exception as failure:
            logger.exception("%s failed", operation)
            error = ServiceError("InternalServerException", f"The sandbox failed: {type(failure).__name__}: {failure}")
        self._remember(operation, parameters, error.code if error else None)
        return _error_response(error, request.headers.get("X-Amz-Target")) if error else _response(result)

    def _meet_faults(self, operation: str) -> None:
        if self.faults.strikes("unavailable", operation):
            raise ServiceError("UnknownOperationException", f"The operation {operation} is not available here")
        if self.faults.strikes("throttle", operation):
            raise ServiceError("ThrottlingException", "Too many requests, please wait before trying again.")
        if self.faults.strikes("server_error", operation):
            raise ServiceError("InternalServerException", "The system encountered an unexpected error. Try again.")

    def _remember(self, operation: str, parameters: dict[str, Any], error: str | None) -> None:
        with self._lock:
            self.calls.append(Call(operation, parameters, error, self._clock()))
            self.call_counts[operation] += 1
            if error is None and operation == "InvokeModel":
                self.paid_bodies[hashlib.sha256(parameters.get("body", b"")).hexdigest()] += 1


def _region(authorization: str | None) -> str:
    """The Region of the request's credential scope; who signed it, and whether rightly, is not looked at.

    Raises:
        ServiceError: MissingAuthenticationTokenException for an unsigned request.
    """
    if not authorization:
        raise ServiceError("MissingAuthenticationTokenException", "Missing Authentication Token")
    scope = _SCOPE.search(authorization)
    return scope["region"] if scope else _DEFAULT_REGION


def _response(result: dict[str, Any] | Payload | None) -> Response:
    if isinstance(result, Payload):
        headers = {"Content-Type": "application/json", **_headers(), **result.headers}
        return Response(result.body, headers=headers)
    return Response(json.dumps(_present(result), default=_iso), headers=_headers(), content_type="application/json")


def _error_response(error: ServiceError, target: str | None) -> Response:
    headers = {**_headers(), "x-amzn-ErrorType": error.code}
    body = json.dumps({**code_in_body(error.code, target), "message": error.message})
    return Response(body, status=error.status, headers=headers, content_type="application/json")


def _headers() -> dict[str, str]:
    return {"x-amzn-RequestId": str(uuid.uuid4())}


def _present(value: Any) -> Any:
    """The value without members that are None: AWS leaves out what is not there."""
    if isinstance(value, dict):
        return {key: _present(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_present(item) for item in value]
    return value


def _iso(value: datetime) -> str:
    return value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"
