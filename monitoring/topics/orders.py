"""Orders to group questions: made by a person or once a day, cancelled, taken up again when a process died."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django_q.tasks import async_task

from chat.models import Turn
from chat.models.conversation import Origin
from monitoring.exceptions import TopicError
from monitoring.models import TopicRun

TASK = "monitoring.tasks.group_questions"
DAYS = 30
EVERY = timedelta(days=1)
# A process says more often that it lives; one that waits so long was lost by the queue.
SILENT_AFTER = timedelta(minutes=5)
# Older runs go with their topics.
KEPT = 10

Status = TopicRun.Status


def start_run(
    *, days: int = DAYS, origin: str = Origin.USER, until: datetime | None = None, user: Any = None
) -> TopicRun:
    """Order the questions of the last days to be grouped. Raises TopicError where that is under way already."""
    until = until or timezone.now()
    try:
        with transaction.atomic():
            run = TopicRun.objects.create(
                origin=origin, since=until - timedelta(days=days), until=until, created_by=user
            )
            transaction.on_commit(partial(async_task, TASK, run.pk))
    except IntegrityError as error:
        raise TopicError("Questions are being grouped already; wait until that is done, or cancel it.") from error
    return run


def cancel_run(*, run: TopicRun) -> None:
    """Ask for a stop. One that waits is cancelled at once, and so is one whose process died."""
    now = timezone.now()
    idle = Q(status=Status.QUEUED) | Q(status=Status.RUNNING, heartbeat_at__lt=now - SILENT_AFTER)
    rows = TopicRun.objects.filter(pk=run.pk)
    if not rows.filter(idle).update(status=Status.CANCELLED, finished_at=now):
        rows.filter(status=Status.RUNNING).update(cancel_requested_at=now)


def sweep_runs() -> int:
    """Queue again the runs that a dead process or the queue lost, and order what is due by the day; return how many."""
    before = timezone.now() - SILENT_AFTER
    silent = Q(heartbeat_at__lt=before) | Q(heartbeat_at=None, created_at__lt=before)
    lost = list(TopicRun.objects.open().filter(silent).values_list("pk", flat=True))
    for run_id in lost:
        TopicRun.objects.filter(pk=run_id).update(heartbeat_at=timezone.now())
        async_task(TASK, run_id)
    return len(lost) + order_daily()


def order_daily() -> int:
    """Order the users' questions to be grouped where the last order is a day old and somebody asked since."""
    now = timezone.now()
    last = TopicRun.objects.filter(origin=Origin.USER).first()
    if last and (last.is_open or last.created_at > now - EVERY):
        return 0
    since = last.until if last else now - timedelta(days=DAYS)
    if not Turn.objects.filter(origin=Origin.USER, created_at__gte=since, created_at__lt=now).exists():
        return 0
    try:
        start_run()
    except TopicError:  # another process was quicker
        return 0
    return 1


def drop_old_runs(origin: str) -> None:
    """Delete the runs of an origin beyond the newest."""
    kept = TopicRun.objects.filter(origin=origin).order_by("-pk").values_list("pk", flat=True)[:KEPT]
    TopicRun.objects.filter(origin=origin).exclude(pk__in=list(kept)).delete()
