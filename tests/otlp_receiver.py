"""A receiver of OTLP over HTTP, as a collector is one: it reads what was really sent. Real HTTP on a real port.

with OTLPReceiver() as receiver:
    ...                                   # send to receiver.url
    receiver.spans                        # all spans so far, as Span; receiver.events, receiver.points likewise
"""

import gzip
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

KINDS = {1: "INTERNAL", 2: "SERVER", 3: "CLIENT"}


@dataclass
class Span:
    """A span as it came."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    start: int  # nanoseconds since 1970
    end: int
    attributes: dict[str, Any]
    is_error: bool
    resource: dict[str, Any]

    @property
    def seconds(self) -> float:
        return round((self.end - self.start) / 1e9, 6)


@dataclass
class Event:
    """An event as it came: a log record with a name."""

    name: str
    trace_id: str
    span_id: str
    attributes: dict[str, Any]


@dataclass
class Point:
    """The histogram of one metric with these attributes."""

    metric: str
    unit: str
    attributes: dict[str, Any]
    count: int
    sum: float
    bounds: list[float] = field(repr=False)


class OTLPReceiver:
    """The server, in a thread. `status`: what it answers; `hang`: it reads and answers when this is set."""

    def __init__(self, *, status: int = 200) -> None:
        self.status = status
        self.released: threading.Event | None = None  # set: answers wait for it
        self.requests: list[tuple[str, dict[str, str]]] = []  # path and headers
        self.spans: list[Span] = []
        self.events: list[Event] = []
        self.points: list[Point] = []
        self.got_one = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        if self.released:
            self.released.set()
        self._server.shutdown()
        self._server.server_close()

    def span(self, name: str) -> Span:
        """Return the only span of a name."""
        [found] = [span for span in self.spans if span.name == name]
        return found

    def _handler(receiver) -> type[BaseHTTPRequestHandler]:  # noqa: N805 # `self` is the handler's below
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                receiver.requests.append((self.path, dict(self.headers)))
                receiver.got_one.set()
                if receiver.released:
                    receiver.released.wait(30)
                if receiver.status == 200:
                    receiver._read(self.path, body)
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        return Handler

    def _read(self, path: str, body: bytes) -> None:
        if path == "/v1/traces":
            for part in ExportTraceServiceRequest.FromString(body).resource_spans:
                resource = _attributes(part.resource.attributes)
                self.spans += [_span(span, resource) for scope in part.scope_spans for span in scope.spans]
        elif path == "/v1/logs":
            for part in ExportLogsServiceRequest.FromString(body).resource_logs:
                self.events += [
                    Event(one.event_name, one.trace_id.hex(), one.span_id.hex(), _attributes(one.attributes))
                    for scope in part.scope_logs
                    for one in scope.log_records
                ]
        elif path == "/v1/metrics":
            for part in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                for metric in [metric for scope in part.scope_metrics for metric in scope.metrics]:
                    self.points += [
                        Point(
                            metric.name,
                            metric.unit,
                            _attributes(point.attributes),
                            point.count,
                            point.sum,
                            list(point.explicit_bounds),
                        )
                        for point in metric.histogram.data_points
                    ]
        else:
            raise ValueError(path)


def _span(span: Any, resource: dict[str, Any]) -> Span:
    return Span(
        name=span.name,
        kind=KINDS[span.kind],
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        start=span.start_time_unix_nano,
        end=span.end_time_unix_nano,
        attributes=_attributes(span.attributes),
        is_error=span.status.code == 2,
        resource=resource,
    )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(one) for one in value.array_value.values]
    return getattr(value, kind)
