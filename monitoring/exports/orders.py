"""Orders for exports: made, cancelled and deleted by people, taken up again when a process died, removed after a
week."""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django_q.tasks import async_task

from monitoring.exceptions import ExportError
from monitoring.exports.choice import read_choice
from monitoring.exports.formats import FORMATS
from monitoring.models import Export
from monitoring.models.exports import KEPT

TASK = "monitoring.tasks.export_turns"
# A process says with each part that it lives; one that waits so long was lost by the queue.
SILENT_AFTER = timedelta(minutes=3)
# At the same time, of all people: each may fill the disk.
MOST_OPEN = 10

Status = Export.Status


def start_export(
    *,
    typed: Mapping[str, str],
    file_format: str = "jsonl",
    users: str = "ids",
    with_texts: bool = True,
    author: Any = None,
) -> Export:
    """Order an export of turns asked until now. Raises ExportError for what cannot be."""
    check_options(file_format=file_format, users=users)
    now = timezone.now()
    # What is asked from now on is in the next export: this one stays what was ordered, however long it takes.
    choice = read_choice({**typed, "until": typed.get("until", "").strip() or now.isoformat()})
    if Export.objects.open().count() >= MOST_OPEN:
        raise ExportError(f"{MOST_OPEN} exports are being made already; wait for one, or cancel one.")
    with transaction.atomic():
        export = Export.objects.create(
            choice=dict(choice.typed),
            words=choice.words[:500],
            file_format=file_format,
            users=users,
            with_texts=with_texts,
            created_by=author,
        )
        transaction.on_commit(partial(async_task, TASK, export.pk))
    return export


def check_options(*, file_format: str, users: str) -> None:
    """Raise ExportError for a format that there is none of, or another way to show users."""
    if file_format not in FORMATS:
        raise ExportError(f"There is no format “{file_format}”. There are: {', '.join(FORMATS)}.")
    if users not in Export.Users.values:
        raise ExportError(f"Users are shown as {', '.join(Export.Users.values)}, not “{users}”.")


def cancel_export(*, export: Export) -> None:
    """Ask for a stop; what was made goes. One that waits is cancelled at once, and so is one whose process died."""
    now = timezone.now()
    idle = Q(status=Status.QUEUED) | Q(status=Status.RUNNING, heartbeat_at__lt=now - SILENT_AFTER)
    rows = Export.objects.filter(pk=export.pk)
    with transaction.atomic():
        if rows.filter(idle).update(status=Status.CANCELLED, finished_at=now, claim=None):
            export.parts.all().delete()
        else:
            rows.filter(status=Status.RUNNING).update(cancel_requested_at=now)


def delete_export(*, export: Export) -> None:
    """Remove an export with its file; one that is being made is cancelled by that."""
    Export.objects.filter(pk=export.pk).delete()


def sweep_exports() -> int:
    """Queue again what a dead process or the queue lost, and remove what is a week old; return how many are queued."""
    now = timezone.now()
    Export.objects.filter(finished_at__lt=now - KEPT).delete()
    before = now - SILENT_AFTER
    silent = Q(heartbeat_at__lt=before) | Q(heartbeat_at=None, created_at__lt=before)
    lost = list(Export.objects.open().filter(silent).values_list("pk", flat=True))
    for export_id in lost:
        # said to live until the queue comes to it; what a dead process claims is free by its status
        Export.objects.filter(pk=export_id).update(heartbeat_at=now, status=Status.QUEUED, claim=None)
        async_task(TASK, export_id)
    return len(lost)
