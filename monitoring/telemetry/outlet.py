"""What a process sends by: OpenTelemetry's providers with OTLP over HTTP, one for each signal that is on.

They are our own and not the library's global ones, so that nothing else in the process begins to send by them. All
other OTEL_ variables (endpoints, headers, sampler, batches, intervals, resource) are read by the library itself.
"""

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from opentelemetry._logs import Logger
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import Sampler
from opentelemetry.trace import Tracer

from monitoring.telemetry.instruments import Instruments
from monitoring.telemetry.places import Ids

SCOPE = "ragsite"


@dataclass(frozen=True, slots=True)
class Tracing:
    """Makes spans: with ids of our own, and the sampler's word for what is not made here."""

    tracer: Tracer
    ids: Ids
    sampler: Sampler


@dataclass(frozen=True, slots=True)
class Outlet:
    """None for a signal that is off."""

    tracing: Tracing | None
    instruments: Instruments | None
    events: Logger | None
    flushes: tuple[Callable[[], object], ...]
    ends: tuple[Callable[[], object], ...]

    @property
    def sampler(self) -> Sampler | None:
        return self.tracing.sampler if self.tracing else None

    def flush(self) -> None:
        """Send what waits, and return when it is sent or given up."""
        for flush in self.flushes:
            flush()

    def close(self) -> None:
        """Send what waits and end; all signals at the same time, as whoever waits has a limit."""
        threads = [threading.Thread(target=end, daemon=True) for end in self.ends]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def make_outlet() -> Outlet:
    """Return providers of the signals that are on; they start threads of their own, so call it after a fork."""
    resource = _resource()
    tracing = instruments = events = None
    flushes: list[Callable[[], object]] = []
    ends: list[Callable[[], object]] = []
    if "traces" in settings.TELEMETRY_SIGNALS:
        ids = Ids()
        tracers = TracerProvider(resource=resource, id_generator=ids, shutdown_on_exit=False)
        tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        tracing = Tracing(tracers.get_tracer(SCOPE), ids, tracers.sampler)
        flushes.append(tracers.force_flush)
        ends.append(tracers.shutdown)
    if "metrics" in settings.TELEMETRY_SIGNALS:
        reader = PeriodicExportingMetricReader(OTLPMetricExporter())
        meters = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
        instruments = Instruments(meters.get_meter(SCOPE))
        flushes.append(meters.force_flush)
        ends.append(meters.shutdown)
    if "logs" in settings.TELEMETRY_SIGNALS:
        loggers = LoggerProvider(resource=resource, shutdown_on_exit=False)
        loggers.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
        events = loggers.get_logger(SCOPE)
        flushes.append(loggers.force_flush)
        ends.append(loggers.shutdown)
    return Outlet(tracing, instruments, events, tuple(flushes), tuple(ends))


def _resource() -> Resource:
    """Return who sends. The process is named too, as each counts for itself; the environment may say otherwise."""
    said = OTELResourceDetector().detect().attributes
    own = {"service.name": settings.TELEMETRY_SERVICE_NAME, "service.instance.id": str(uuid.uuid4())}
    return Resource.create({name: value for name, value in own.items() if name not in said})
