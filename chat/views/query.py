"""What addresses say. None is an error: what is no number, or no page of ours, is as good as absent."""

from uuid import UUID

from django.http import HttpRequest
from django.urls import Resolver404, resolve


def number(request: HttpRequest, name: str) -> int:
    """Return the id that a query parameter names; 0, which no row has, where it names none."""
    value = request.GET.get(name, "")
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 19 else 0


def conversation_in(path: str) -> UUID | None:
    """Return the id of the conversation whose page has this path, None for other pages."""
    try:
        match = resolve(path.partition("?")[0])
    except Resolver404:
        return None
    shown = match.kwargs.get("conversation_id")
    return shown if isinstance(shown, UUID) else None
