"""When the worker was last seen, and what waits for it."""

from dataclasses import dataclass
from datetime import datetime

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


# From when on a site without any sign of a worker has been without one: its newest migration says when it was installed
# or upgraded, and its database when it was started.
SINCE_SQL = "SELECT greatest(max(applied), pg_postmaster_start_time()) FROM django_migrations"


@dataclass(frozen=True, slots=True)
class Silence:
    """How long no worker was seen. `was_seen` False: none ever was, since the site was installed or started."""

    seconds: float
    was_seen: bool


@dataclass(frozen=True, slots=True)
class TaskQueue:
    """Tasks that nobody works at yet. `oldest_seconds` None: none waits, or the broker does not say."""

    waiting: int
    oldest_seconds: float | None


def worker_silence() -> Silence:
    """Return how long the worker was not seen; three queries at most.

    It beats each minute, and while it is long at one task the process that guards it says twice a second that it lives.
    """
    beat_at = Heartbeat.objects.filter(name="worker").values_list("beat_at", flat=True).first()
    silent = (timezone.now() - (beat_at or _without_worker_since())).total_seconds()
    is_busy = silent > 60 and bool(Stat.get_all())
    return Silence(0.0 if is_busy else max(silent, 0.0), is_busy or beat_at is not None)


def _without_worker_since() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute(SINCE_SQL)
        since: datetime = cursor.fetchone()[0]
    return since


def task_queue() -> TaskQueue:
    """Return what waits for the worker; one query."""
    if not settings.Q_CLUSTER.get("orm"):
        return TaskQueue(get_broker().queue_size(), None)
    with connection.cursor() as cursor:
        cursor.execute(QUEUE_SQL)
        return TaskQueue(*cursor.fetchone())
