"""How long answers and their stages take, as histograms over all time and as percentiles of the last hour and day."""

from collections.abc import Iterator, Sequence

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from monitoring.metrics.families import gauge
from monitoring.metrics.totals import rows_of_all_time
from monitoring.metrics.windows import windows

LATENCY_SQL = """
SELECT origin, measure, sum(seconds), sum(histogram)::real[]
  FROM reports.latency_parts(%(since)s, %(until)s, '1 day')
 GROUP BY origin, measure
"""

# Of the 170 buckets of a roll-up, which grow by a tenth each from 0.1 ms, each sixth bound from 10 ms to 15 minutes: a
# bound that lies between theirs could not be counted.
FIRST, LAST, EACH = 49, 169, 6
LEAST_SECONDS, GROWTH = 0.0001, 1.1
BOUNDS = tuple(range(FIRST, LAST + 1, EACH))

PERCENTILES = {"50": "p50_seconds", "95": "p95_seconds", "99": "p99_seconds"}


def collect() -> Iterator[Metric]:
    sums: dict[tuple[str, str], tuple[float, list[float]]] = {}
    for origin, stage, seconds, histogram in rows_of_all_time("latency", LATENCY_SQL):
        old_seconds, old = sums.get((origin, stage), (0.0, [0.0] * len(histogram)))
        sums[origin, stage] = old_seconds + seconds, [a + b for a, b in zip(old, histogram, strict=True)]
    family = HistogramMetricFamily(
        "ragsite_turn_stage_seconds",
        "How long a question took until its end (total), its first word (first_token), and in each stage.",
        labels=["origin", "stage"],
    )
    for (origin, stage), (seconds, histogram) in sums.items():
        family.add_metric([origin, stage], _buckets(histogram), seconds)
    yield family
    yield gauge(
        "ragsite_latency_seconds",
        "Percentiles of how long questions took, with at most 5 % error.",
        (
            ({**window.labels, "stage": row["key"], "percentile": percentile}, row[column])
            for window in windows()
            for row in window.read("latency", by="measure", measure=None)
            for percentile, column in PERCENTILES.items()
        ),
    )


def _buckets(histogram: Sequence[float]) -> list[tuple[str, float]]:
    """Return the counts at or below each bound; `histogram` has one for each bucket of a roll-up."""
    bounded = [(f"{LEAST_SECONDS * GROWTH**bound:.4g}", float(sum(histogram[:bound]))) for bound in BOUNDS]
    return [*bounded, ("+Inf", float(sum(histogram)))]
