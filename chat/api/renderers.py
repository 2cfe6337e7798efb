"""Replies that are no JSON. A view that has them lists these beside JSON, so that a client may ask for either; errors
are problem details in any case."""

from typing import Any

from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request


class EventStreamRenderer(JSONRenderer):
    """Server-sent events."""

    media_type = "text/event-stream"
    format = "event-stream"


class MarkdownRenderer(JSONRenderer):
    """Markdown."""

    media_type = "text/markdown"
    format = "markdown"


def wants(request: Request, renderer: type[JSONRenderer]) -> bool:
    """Whether `Accept` names this kind of reply first."""
    chosen: Any = request.accepted_renderer
    return isinstance(chosen, renderer)
