"""All collectors in one: each in a transaction of its own with a limit of time, so that one that fails, or is slow,
costs its own metrics and no others, and the answer says which one it was."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from django.db import connection, transaction
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from monitoring.metrics import alerts, calls, latency, quality, reviewing, saturation, storage, turns
from monitoring.metrics.families import gauge

logger = logging.getLogger(__name__)

Collect = Callable[[], Iterable[Metric]]

COLLECTORS: Mapping[str, Collect] = {
    "turns": turns.collect,
    "latency": latency.collect,
    "calls": calls.collect,
    "quality": quality.collect,
    "reviewing": reviewing.collect,
    "saturation": saturation.collect,
    "storage": storage.collect,
    "alerts": alerts.collect,
}

# Prometheus gives up after 10 s unless told otherwise.
LIMIT_MILLISECONDS = 3000


class SiteCollector(Collector):
    """What prometheus_client calls when it is asked for metrics."""

    def __init__(
        self, collectors: Mapping[str, Collect] = COLLECTORS, *, limit_milliseconds: int = LIMIT_MILLISECONDS
    ) -> None:
        self.collectors, self.limit_milliseconds = collectors, limit_milliseconds

    def describe(self) -> Iterable[Metric]:
        """Return nothing: else registering would read the database."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of every collector that works, and then which ones did."""
        works: dict[str, bool] = {}
        took: dict[str, float] = {}
        for name, collect in self.collectors.items():
            started_at = time.perf_counter()
            found = self._collected(name, collect)
            took[name] = time.perf_counter() - started_at
            works[name] = found is not None
            yield from found or ()
        yield gauge(
            "ragsite_collector_up",
            "1: this part of the metrics could be read; 0: it failed, its metrics are missing and the log says why.",
            (({"collector": name}, int(is_up)) for name, is_up in works.items()),
        )
        yield gauge(
            "ragsite_collector_duration_seconds",
            "How long reading this part of the metrics took.",
            (({"collector": name}, seconds) for name, seconds in took.items()),
        )

    def _collected(self, name: str, collect: Collect) -> list[Metric] | None:
        try:
            with transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(self.limit_milliseconds)])
                return list(collect())
        except Exception:  # an edge: whoever watches the site must see the rest of it, whatever is wrong here
            logger.exception("metrics of %s could not be read", name)
            return None
