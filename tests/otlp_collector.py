"""A local OpenTelemetry collector: keeps what it is sent over OTLP/HTTP, and reads it by the protocol's own schema."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Sent(NamedTuple):
    """A request as it came in."""

    path: str
    headers: dict[str, str]
    body: bytes


class ReadSpan(NamedTuple):
    """A span in plain values; ids in hex, times in nanoseconds."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    begun: int
    ended: int
    is_failed: bool
    status_message: str
    attributes: dict[str, Any]
    events: list[tuple[str, dict[str, Any]]]
    links: list[tuple[str, str]]
    schema_url: str
    scope: str
    service: str


class Collector:
    """Answers with `status`; one whose `silence` is clear answers nothing until it is set."""

    def __init__(self) -> None:
        self.requests: list[Sent] = []
        self.status = 200
        self.silence = threading.Event()
        self.silence.set()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.silence.wait()
                headers = {name.lower(): value for name, value in self.headers.items()}
                collector.requests.append(Sent(self.path, headers, body))
                self.send_response(collector.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True

    @property
    def url(self) -> str:
        """Its base URL, below a path as Langfuse has one."""
        return f"http://127.0.0.1:{self.server.server_port}/api/public/otel"

    def spans(self) -> list[ReadSpan]:
        """Every span that was sent, in order of its begin."""
        found = [span for sent in self.requests if sent.path.endswith("/v1/traces") for span in _spans(sent.body)]
        return sorted(found, key=lambda span: span.begun)

    def metrics(self) -> dict[str, list[tuple[dict[str, Any], float]]]:
        """Every metric that was sent: its points, each with its attributes."""
        found: dict[str, list[tuple[dict[str, Any], float]]] = {}
        for sent in self.requests:
            if sent.path.endswith("/v1/metrics"):
                for resource in ExportMetricsServiceRequest.FromString(sent.body).resource_metrics:
                    for scope in resource.scope_metrics:
                        for metric in scope.metrics:
                            points = metric.gauge.data_points
                            found.setdefault(metric.name, []).extend(
                                (_plain(point.attributes), point.as_double or float(point.as_int)) for point in points
                            )
        return found


def _spans(body: bytes) -> Iterator[ReadSpan]:
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        service = _plain(resource.resource.attributes)["service.name"]
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield ReadSpan(
                    span.name,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    span.start_time_unix_nano,
                    span.end_time_unix_nano,
                    span.status.code == span.status.STATUS_CODE_ERROR,
                    span.status.message,
                    _plain(span.attributes),
                    [(event.name, _plain(event.attributes)) for event in span.events],
                    [(link.trace_id.hex(), link.span_id.hex()) for link in span.links],
                    scope.schema_url,
                    scope.scope.name,
                    service,
                )


def _plain(attributes: Any) -> dict[str, Any]:
    return {item.key: getattr(item.value, item.value.WhichOneof("value")) for item in attributes}
