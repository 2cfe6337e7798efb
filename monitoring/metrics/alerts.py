"""The alert rules as they stand, for users' traffic: Prometheus's and Grafana's rules compare these values."""

from collections.abc import Iterator

from prometheus_client.metrics_core import Metric

from monitoring.alerts import evaluate
from monitoring.metrics.families import gauge


def collect() -> Iterator[Metric]:
    readings = evaluate()
    labels = [{"alert": reading.rule.name, "severity": str(reading.rule.severity)} for reading in readings]
    yield gauge(
        "ragsite_alert_firing",
        "1: the rule fires; 0: it does not, or its value is not known.",
        ((label, int(reading.is_firing)) for label, reading in zip(labels, readings, strict=True)),
    )
    yield gauge(
        "ragsite_alert_value",
        "What the rule measures, in its unit; absent where it is not known.",
        ((label, reading.value) for label, reading in zip(labels, readings, strict=True)),
    )
    yield gauge(
        "ragsite_alert_threshold",
        "The rule fires above this value.",
        ((label, reading.threshold) for label, reading in zip(labels, readings, strict=True)),
    )
