"""Links to this site's pages, for whoever reads them elsewhere."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.urls import reverse


def page(name: str, *args: Any) -> str:
    """Return the whole address of a page of the admin: `page("monitoring_experiment_change", 7)`."""
    return f"{settings.PUBLIC_URL.rstrip('/')}{reverse(f'admin:{name}', args=args)}"


def turn_page(conversation_id: UUID, turn_id: int) -> str:
    """Return where a turn stands in its conversation."""
    return f"{page('chat_conversation_change', conversation_id)}#turn-{turn_id}"


def runbook(name: str) -> str:
    """Return the page that says what to do about an alert."""
    return f"{settings.PUBLIC_URL.rstrip('/')}{reverse('runbooks:runbooks', args=[name])}"
