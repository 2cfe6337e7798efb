"""Small makers of Prometheus's families, that leave out what is unknown: absent is not 0."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

Number = int | float | Decimal | None
Labels = Mapping[str, str]


def gauge(name: str, text: str, samples: Iterable[tuple[Labels, Number]]) -> Metric:
    """Return a gauge with a sample for each known number; all samples have the same labels."""
    return _fill(GaugeMetricFamily, name, text, samples)


def counter(name: str, text: str, samples: Iterable[tuple[Labels, Number]]) -> Metric:
    """Return a counter, whose name ends in _total: what it counts only grows."""
    return _fill(CounterMetricFamily, name, text, samples)


def _fill(
    family: type[GaugeMetricFamily] | type[CounterMetricFamily],
    name: str,
    text: str,
    samples: Iterable[tuple[Labels, Number]],
) -> Metric:
    known = [(labels, float(number)) for labels, number in samples if number is not None]
    names = list(known[0][0]) if known else []
    made = family(name, text, labels=names)
    for labels, number in known:
        made.add_metric([labels[label] for label in names], number)
    return made
