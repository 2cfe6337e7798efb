"""Lines in the admin's history of what people, or the worker, did."""

from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry

from monitoring.quality.standing import system_author


def note(row: Any, by: Any, message: str, *, flag: int = CHANGE) -> None:
    """Write a line into the history of a row; `by` None: ragsite itself did it."""
    author = by or system_author()
    LogEntry.objects.log_actions(author.pk, [row], flag, change_message=message, single_object=True)
