"""One night as one OpenTelemetry trace, and its figures as metrics: sent beside the night, and never in its way.

What is sent goes through a queue that never blocks, from threads that end with the process. At the night's end the rest
is sent, and whatever has not gone by then after CLOSE_LIMIT_S is given up: a collector that is dead or never answers
costs a night that long and no longer.

A trace's and a span's id are hashes of the deployment and the run's id, so that a run links to what an earlier run has
begun without a place where ids are kept. The provider is the night's own: the global one is Prefect's.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from tasks.adapters.telemetry import conventions as names
from tasks.adapters.telemetry.facts import Ending, SpanFacts
from tasks.adapters.telemetry.switch import Signals, wanted_signals

if TYPE_CHECKING:
    from opentelemetry.trace import Span, SpanContext, Tracer

    from tasks.adapters.telemetry.providers import Meters, Provider

#: Seconds that the end of a night waits for what is still to be sent.
CLOSE_LIMIT_S = 8.0
#: The key of the night's own span.
NIGHT = "night"

_EXTRA = "OpenTelemetry is not installed: the extra `otel` has it"


def trace_id(deployment: str, run_date: date, run_id: str) -> int:
    """The id of a run's trace: 128 bits that anybody can compute who knows the run."""
    return int.from_bytes(_digest(deployment, run_date, run_id)[:16], "big")


def span_id(deployment: str, run_date: date, run_id: str, key: str) -> int:
    """The id of a run's span of this key: 64 bits."""
    return int.from_bytes(_digest(deployment, run_date, run_id, key)[:8], "big")


def _digest(deployment: str, run_date: date, *parts: str) -> bytes:
    return hashlib.sha256("\x1f".join((deployment, run_date.isoformat(), *parts)).encode()).digest()


class NightTrace:
    """What is sent of one run of a day, from its first stage to its end."""

    def __init__(self, provider: Provider | None, meters: Meters | None, identity: tuple[str, date, str]) -> None:
        self._provider, self._meters, self._identity = provider, meters, identity
        self._stages: dict[str, Span] = {}
        self._night: Span | None = None
        if provider is not None:
            _, run_date, run_id = identity
            attributes = {names.RUN_DATE: run_date.isoformat(), names.RUN_ID: run_id}
            with provider.ids.planned(trace_id(*identity), span_id(*identity, NIGHT)):
                self._night = self._tracer.start_span(
                    f"night {run_date} {run_id}", context=provider.root(), attributes=attributes
                )

    @property
    def _tracer(self) -> Tracer:
        assert self._provider is not None  # noqa: S101  asked for where there is one
        return self._provider.tracer

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """A span of a stage around the block; what is raised is named by its class alone."""
        if self._provider is None or self._night is None:
            yield
            return
        span = self._tracer.start_span(name, context=self._provider.below(self._night))
        self._stages.setdefault(name, span)  # of a stage that runs in rounds, the first: it does what is done once
        try:
            yield
        except BaseException as error:
            self._provider.fail(span, type(error).__name__)
            raise
        finally:
            span.end()

    def close(self, gather: Callable[[], Ending], error_name: str | None) -> str:
        """Send the rest and end the trace; what went wrong, in a few words, or nothing. It never raises.

        Args:
            gather: what there is to say of the night; it may take long or fail.
            error_name: what stopped the night, if anything did.
        """
        fault = [f"what was to be sent did not go within {CLOSE_LIMIT_S:.0f} s"]

        def work() -> None:
            try:
                lost_count = self._end(gather, error_name)
            except Exception as error:  # its text may hold the URL with its password
                fault[0] = type(error).__name__
            else:
                fault[0] = f"{lost_count} of its requests were not taken" if lost_count else ""

        closing = threading.Thread(target=work, name="close-telemetry", daemon=True)
        closing.start()
        closing.join(CLOSE_LIMIT_S)
        return fault[0]

    def _end(self, gather: Callable[[], Ending], error_name: str | None) -> int:
        """See `close`; how many requests were not taken."""
        try:
            ending = gather()
        except Exception:  # what could not be looked at is not told; the stages are
            ending = Ending()
        if self._provider is not None and self._night is not None:
            self._tell(self._night, ending)
            if error_name is not None:
                self._provider.fail(self._night, error_name)
            self._night.end()
        lost_count = self._provider.shutdown() if self._provider is not None else 0
        return lost_count + (self._meters.send(ending.figures) if self._meters is not None else 0)

    def _tell(self, night: Span, ending: Ending) -> None:
        night.set_attributes(ending.attributes)
        for run in ending.former_runs:
            night.add_link(self._context_in(run, NIGHT))
        for evaluation in ending.evaluations:
            scores = {names.EVALUATION_NAME: evaluation.name, names.EVALUATION_LABEL: evaluation.label}
            value = {} if evaluation.value is None else {names.EVALUATION_SCORE: evaluation.value}
            night.add_event(names.EVALUATION_EVENT, {**scores, **value})
        parents = {"": night, **self._stages}
        for facts in ending.spans:
            parents[facts.key] = self._add(parents.get(facts.parent, night), facts)

    def _add(self, parent: Span, facts: SpanFacts) -> Span:
        assert self._provider is not None  # noqa: S101  asked for where there is one
        with self._provider.ids.planned(0, span_id(*self._identity, facts.key)):
            span = self._tracer.start_span(
                facts.name,
                context=self._provider.below(parent),
                kind=self._provider.kind(is_call=facts.is_call),
                attributes=facts.attributes,
                start_time=_nanoseconds(facts.begun) or getattr(parent, "start_time", None),
            )
        if facts.former_run:
            span.add_link(self._context_in(facts.former_run, facts.key))
        span.end(_nanoseconds(facts.ended) or getattr(parent, "end_time", None))
        return span

    def _context_in(self, run_id: str, key: str) -> SpanContext:
        """Where a run of the same day has its span of this key."""
        assert self._provider is not None  # noqa: S101  asked for where there is one
        deployment, run_date, _ = self._identity
        return self._provider.elsewhere(
            trace_id(deployment, run_date, run_id), span_id(deployment, run_date, run_id, key)
        )


def open_trace(
    deployment: str,
    run_date: date,
    run_id: str,
    warn: Callable[[str], object],
    signals: Signals | None = None,
) -> NightTrace | None:
    """A trace for a run of a day; None where nothing is to be sent, or can be. It never raises."""
    signals = signals or wanted_signals()
    if signals.warning:
        warn(f"telemetry: {signals.warning}")
    if not (signals.traces or signals.metrics):
        return None
    try:
        from tasks.adapters.telemetry.providers import Meters, Provider  # the SDK is an extra, and not cheap
    except ImportError:
        warn(f"telemetry: nothing is sent: {_EXTRA}")
        return None
    try:
        made = Provider.make(_version()) if signals.traces else None
        meters = Meters.make(_version()) if signals.metrics else None
        return NightTrace(made, meters, (deployment, run_date, run_id))
    except Exception as error:  # a variable that the SDK does not take; its text may hold one
        warn(f"telemetry: nothing is sent: an OTEL_* variable is not as it should be ({type(error).__name__})")
        return None


def _nanoseconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1_000_000) * 1_000


def _version() -> str:
    try:
        return version("nightly-moderation")
    except PackageNotFoundError:  # the image's folder, which is not installed
        return ""
