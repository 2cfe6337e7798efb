"""Telemetry in tests: on, to a real receiver, by the same code as the telemetry thread, without the thread."""

from typing import Any

from monitoring.telemetry.jobs import Job
from monitoring.telemetry.outlet import make_outlet
from monitoring.telemetry.work import work_on
from tests.otlp_receiver import OTLPReceiver

EVERYTHING = frozenset({"traces", "metrics", "logs"})


def turn_on(settings: Any, monkeypatch: Any, receiver: OTLPReceiver, signals: frozenset[str] = EVERYTHING) -> None:
    """Let this process send to a receiver."""
    monkeypatch.delenv("OTEL_SDK_DISABLED", raising=False)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
    settings.TELEMETRY_SIGNALS = signals


def send(*jobs: Job) -> None:
    """Work on jobs and return when all that they became was sent."""
    outlet = make_outlet()
    for job in jobs:
        work_on(job, outlet)
    outlet.close()
