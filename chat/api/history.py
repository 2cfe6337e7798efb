"""The admin's history of objects, which also tells what programs changed."""

from typing import Any

from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.db.models import Model
from rest_framework.request import Request

from chat.models import ApiToken


def note_addition(request: Request, thing: Model, message: str = "") -> None:
    """Note that something was made."""
    _note(request, thing, ADDITION, message)


def note_change(request: Request, thing: Model, message: str = "") -> None:
    """Note what was changed."""
    _note(request, thing, CHANGE, message)


def note_deletion(request: Request, thing: Model) -> None:
    """Note that something is being deleted; before it is gone."""
    _note(request, thing, DELETION, "")


def _note(request: Request, thing: Model, action: int, message: str) -> None:
    user: Any = request.user
    token = f' with the token "{request.auth.name}"' if isinstance(request.auth, ApiToken) else ""
    told = f"By the API{token}. {message}".strip()
    LogEntry.objects.log_actions(user.pk, [thing], action, change_message=told, single_object=True)
