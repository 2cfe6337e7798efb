"""What the vectors of each embedder take on disk."""

from collections.abc import Iterator
from datetime import timedelta

from django.utils import timezone
from prometheus_client.metrics_core import Metric

from monitoring.metrics.families import gauge
from monitoring.reports import Filters, read


def collect() -> Iterator[Metric]:
    now = timezone.now()
    rows = read("storage", Filters(since=now - timedelta(hours=1), until=now))
    yield gauge(
        "ragsite_vectors",
        "Chunks that an embedder has a vector of.",
        [({"embedder": row["embedder"]}, row["vectors"]) for row in rows],
    )
    yield gauge(
        "ragsite_vector_bytes",
        "What they take on disk; table: their part of it, by their number; index: the embedder's own.",
        [
            ({"embedder": row["embedder"], "part": part}, row[f"{part}_bytes"])
            for row in rows
            for part in ("table", "index")
        ],
    )
