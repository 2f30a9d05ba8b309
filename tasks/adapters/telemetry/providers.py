"""OpenTelemetry's SDK, set up for one night. The only module that imports it, and only when something is sent."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import (
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from tasks.adapters.telemetry import conventions as names
from tasks.adapters.telemetry.facts import Figure

#: Their lines repeat the collector's URL, which may hold a password, once a try; a night says once what was lost.
for _talkative in ("opentelemetry.exporter", "opentelemetry.sdk"):
    logging.getLogger(_talkative).setLevel(logging.CRITICAL + 1)


class PlannedIds(RandomIdGenerator):
    """Random ids, but for the span that is begun within `planned`."""

    def __init__(self) -> None:
        self._trace_id = self._span_id = 0

    @contextmanager
    def planned(self, trace_id: int, span_id: int) -> Iterator[None]:
        """The ids of the span that the block begins; 0: a random one."""
        self._trace_id, self._span_id = trace_id, span_id
        try:
            yield
        finally:
            self._trace_id = self._span_id = 0

    def generate_trace_id(self) -> int:
        """See IdGenerator."""
        return self._trace_id or super().generate_trace_id()

    def generate_span_id(self) -> int:
        """See IdGenerator."""
        return self._span_id or super().generate_span_id()


class CountedSpans(OTLPSpanExporter):
    """Spans by OTLP/HTTP, and how many requests were not taken; it lets nothing out that it raises."""

    lost_count = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """See SpanExporter."""
        try:
            result = super().export(spans)
        except Exception:
            result = SpanExportResult.FAILURE
        self.lost_count += result is not SpanExportResult.SUCCESS
        return result


class CountedMetrics(OTLPMetricExporter):
    """The same of metrics."""

    lost_count = 0

    def export(
        self, metrics_data: MetricsData, timeout_millis: float | None = 10_000, **kwargs: Any
    ) -> MetricExportResult:
        """See MetricExporter."""
        try:
            result = super().export(metrics_data, timeout_millis, **kwargs)
        except Exception:
            result = MetricExportResult.FAILURE
        self.lost_count += result is not MetricExportResult.SUCCESS
        return result


class Provider:
    """A tracer provider of its own: spans are made below what they are given, never below the process's own."""

    def __init__(self, provider: TracerProvider, ids: PlannedIds, exporter: CountedSpans, version: str) -> None:
        self.ids, self._exporter, self._provider = ids, exporter, provider
        self.tracer = provider.get_tracer(names.SCOPE, version, schema_url=names.SCHEMA_URL)

    @classmethod
    def make(cls, version: str) -> Provider:
        """One that sends where the standard variables say.

        Raises:
            Exception: whatever the SDK makes of a variable that it does not take.
        """
        ids, exporter = PlannedIds(), CountedSpans()
        provider = TracerProvider(resource=_resource(version), id_generator=ids, shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(exporter))
        return cls(provider, ids, exporter, version)

    def root(self) -> Context:
        """Where a trace begins."""
        return Context()

    def below(self, span: Span) -> Context:
        """Where the parts of a span begin."""
        return set_span_in_context(span, Context())

    def kind(self, *, is_call: bool) -> SpanKind:
        """Whether a span is a call to somebody else."""
        return SpanKind.CLIENT if is_call else SpanKind.INTERNAL

    def elsewhere(self, trace_id: int, span_id: int) -> SpanContext:
        """A span that another run has sent."""
        return SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))

    def fail(self, span: Span, error_name: str) -> None:
        """Mark a span as failed by an error of this class; its message stays here."""
        span.set_attribute(names.ERROR_TYPE, error_name)
        span.set_status(StatusCode.ERROR)

    def shutdown(self) -> int:
        """Send what is left; how many requests were not taken."""
        self._provider.shutdown()
        return self._exporter.lost_count


class Meters:
    """A meter provider of its own that sends the night's figures once."""

    def __init__(self, exporter: CountedMetrics, provider: MeterProvider, version: str) -> None:
        self._exporter, self._provider, self._version = exporter, provider, version

    @classmethod
    def make(cls, version: str) -> Meters:
        """One that sends where the standard variables say.

        Raises:
            Exception: whatever the SDK makes of a variable that it does not take.
        """
        exporter = CountedMetrics()
        reader = PeriodicExportingMetricReader(exporter, export_interval_millis=math.inf)
        provider = MeterProvider(metric_readers=[reader], resource=_resource(version), shutdown_on_exit=False)
        return cls(exporter, provider, version)

    def send(self, figures: Sequence[Figure]) -> int:
        """Send the figures; how many requests were not taken."""
        meter = self._provider.get_meter(names.SCOPE, self._version, schema_url=names.SCHEMA_URL)
        gauges: dict[str, Any] = {}
        for figure in figures:
            if figure.name not in gauges:
                gauges[figure.name] = meter.create_gauge(figure.name, unit=figure.unit)
            gauges[figure.name].set(figure.value, dict(figure.attributes))
        self._provider.force_flush()  # a reader without an interval sends nothing at its end
        self._provider.shutdown()
        return self._exporter.lost_count


def _resource(version: str) -> Resource:
    """Who sends: the standard variables have the last word."""
    given = Resource.create()
    is_named = not str(given.attributes.get(SERVICE_NAME, "unknown_service")).startswith("unknown_service")
    ours = {SERVICE_NAME: names.SCOPE} | ({SERVICE_VERSION: version} if version else {})
    said = {SERVICE_NAME} if is_named else set[str]()
    said |= {SERVICE_VERSION} & set(given.attributes)
    return given.merge(Resource({name: value for name, value in ours.items() if name not in said}))
