"""When the worker was last seen, and what waits for it."""

from dataclasses import dataclass

from django.conf import settings
from django.db import connection
from django.utils import timezone
from django_q.brokers import get_broker
from django_q.status import Stat

from chat.models import Heartbeat

# A task that is taken is locked until it would be tried again; what waits has a lock in the past.
QUEUE_SQL = """
SELECT count(*), EXTRACT(EPOCH FROM now() - min(lock))::float
  FROM django_q_ormq
 WHERE lock <= now()
"""


@dataclass(frozen=True, slots=True)
class TaskQueue:
    """Tasks that nobody works at yet. `oldest_seconds` None: none waits, or the broker does not say."""

    waiting: int
    oldest_seconds: float | None


def worker_silent_seconds() -> float | None:
    """Return how long the worker was not seen; None where it never was. Two queries at most.

    It beats each minute, and while it is long at one task the process that guards it says twice a second that it lives.
    """
    beat_at = Heartbeat.objects.filter(name="worker").values_list("beat_at", flat=True).first()
    if beat_at is None:
        return None
    silent = (timezone.now() - beat_at).total_seconds()
    return 0.0 if silent > 60 and Stat.get_all() else max(silent, 0.0)


def task_queue() -> TaskQueue:
    """Return what waits for the worker; one query."""
    if not settings.Q_CLUSTER.get("orm"):
        return TaskQueue(get_broker().queue_size(), None)
    with connection.cursor() as cursor:
        cursor.execute(QUEUE_SQL)
        return TaskQueue(*cursor.fetchone())
