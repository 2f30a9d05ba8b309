"""Whether OpenTelemetry is wanted, by the standard variables; all others of them are read by the SDK itself.

Source: OpenTelemetry specification, "OpenTelemetry Environment Variable Specification" and "OTLP Exporter".
"""

from __future__ import annotations

from typing import NamedTuple

from pydantic_settings import BaseSettings, SettingsConfigDict

#: The one protocol that is spoken; it is the specification's default.
PROTOCOL = "http/protobuf"


class Signals(NamedTuple):
    """What is sent, and what stands in the way of the rest.

    Attributes:
        traces: the night's trace.
        metrics: the night's figures.
        warning: why something that is configured is not sent; empty if nothing is.
    """

    traces: bool
    metrics: bool
    warning: str = ""


class OtelEnvironment(BaseSettings):
    """The variables that turn a signal on or off; that of the signal goes before that of all signals."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)
    otel_sdk_disabled: str = ""
    otel_exporter_otlp_endpoint: str = ""
    otel_exporter_otlp_traces_endpoint: str = ""
    otel_exporter_otlp_metrics_endpoint: str = ""
    otel_exporter_otlp_protocol: str = ""
    otel_exporter_otlp_traces_protocol: str = ""
    otel_exporter_otlp_metrics_protocol: str = ""
    otel_traces_exporter: str = "otlp"
    otel_metrics_exporter: str = "otlp"


def wanted_signals(env: OtelEnvironment | None = None) -> Signals:
    """The signals that the variables ask for; without an endpoint, none."""
    env = env or OtelEnvironment()
    if env.otel_sdk_disabled.strip().lower() == "true":
        return Signals(False, False)
    every = env.otel_exporter_otlp_endpoint
    has_traces = bool(env.otel_exporter_otlp_traces_endpoint or every) and _is_otlp(env.otel_traces_exporter)
    has_metrics = bool(env.otel_exporter_otlp_metrics_endpoint or every) and _is_otlp(env.otel_metrics_exporter)
    common = env.otel_exporter_otlp_protocol or PROTOCOL
    speaks_traces = (env.otel_exporter_otlp_traces_protocol or common) == PROTOCOL
    speaks_metrics = (env.otel_exporter_otlp_metrics_protocol or common) == PROTOCOL
    is_lost = (has_traces and not speaks_traces) or (has_metrics and not speaks_metrics)
    warning = f"OTEL_EXPORTER_OTLP_PROTOCOL must be {PROTOCOL}: no other is spoken" if is_lost else ""
    return Signals(has_traces and speaks_traces, has_metrics and speaks_metrics, warning)


def _is_otlp(exporters: str) -> bool:
    return "otlp" in {name.strip().lower() for name in exporters.split(",")}
