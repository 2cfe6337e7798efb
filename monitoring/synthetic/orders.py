"""Orders that the worker works off: started, stopped and resumed by people, and taken up again when a process died."""

from datetime import timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django_q.tasks import async_task

from chat.models import Collection
from monitoring.exceptions import DatasetError
from monitoring.models import Generation
from monitoring.synthetic.planning import Wish, plan_generation

TASK = "monitoring.tasks.generate_questions"
# A process says more often that it lives; one that waits so long was lost by the queue.
SILENT_AFTER = timedelta(minutes=3)

Status = Generation.Status


def start_generation(*, dataset_name: str, collection: Collection, wish: Wish, author: Any = None) -> Generation:
    """Make an order and have the worker take it up. Raises DatasetError for what cannot be."""
    with transaction.atomic():
        generation = plan_generation(
            dataset_name=dataset_name, collection=collection, wish=wish, author=author, in_worker=True
        )
        transaction.on_commit(partial(async_task, TASK, generation.pk))
    return generation


def is_due(generation_id: int) -> bool:
    """Whether the worker is to work on an order: it may have been stopped while it waited."""
    return Generation.objects.filter(pk=generation_id, status__in=[Status.QUEUED, Status.RUNNING]).exists()


def stop_generation(*, generation: Generation) -> None:
    """Ask for a stop; requests that are under way are waited for. One that waits is stopped at once."""
    rows = Generation.objects.filter(pk=generation.pk)
    if not rows.filter(status=Status.QUEUED).update(status=Status.STOPPED):
        rows.filter(status=Status.RUNNING).update(stop_requested_at=timezone.now())


def resume_generation(*, generation: Generation) -> None:
    """Let the worker go on with an order that was stopped or failed. Raises DatasetError for another."""
    resumable = Generation.objects.filter(pk=generation.pk, status__in=[Status.STOPPED, Status.FAILED])
    with transaction.atomic():
        if not resumable.update(status=Status.QUEUED, in_worker=True, error="", stop_requested_at=None):
            raise DatasetError(f"{generation} is not stopped: there is nothing to resume.")
        transaction.on_commit(partial(async_task, TASK, generation.pk))


def sweep_generations() -> int:
    """Queue orders of the worker whose process died; return how many. One query."""
    before = timezone.now() - SILENT_AFTER
    silent = Q(heartbeat_at__lt=before) | Q(heartbeat_at=None, created_at__lt=before)
    lost = Generation.objects.filter(silent, in_worker=True, status__in=[Status.QUEUED, Status.RUNNING])
    ids = list(lost.values_list("pk", flat=True))
    for pk in ids:
        # said to live until the queue comes to it
        Generation.objects.filter(pk=pk).update(heartbeat_at=timezone.now())
        async_task(TASK, pk)
    return len(ids)
