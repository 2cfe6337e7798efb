"""What waits for reviewers."""

from collections.abc import Iterator
from datetime import timedelta

from django.utils import timezone
from prometheus_client.metrics_core import Metric

from monitoring.metrics.families import gauge
from monitoring.reports import Filters, read


def collect() -> Iterator[Metric]:
    now = timezone.now()
    [row] = read("review_queue", Filters(since=now - timedelta(hours=1), until=now))
    states = {"waiting": row["waiting"] - row["in_review"], "in_review": row["in_review"]}
    yield gauge(
        "ragsite_review_queue_items",
        "Conversations that want a review; in_review: someone is at it.",
        (({"state": state}, number) for state, number in states.items()),
    )
    yield gauge(
        "ragsite_review_queue_oldest_seconds",
        "How long the oldest of them waits; absent where none does.",
        [({}, row["oldest_seconds"])],
    )
