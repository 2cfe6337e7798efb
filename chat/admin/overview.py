"""Cards of the admin's first page: what happened in the last days and what waits for somebody. Each number links to its
list. Those who may see turns have the dashboard in place of the first (monitoring.admin.dashboard)."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from chat.admin.documents import WORKING
from chat.models import Collection, Conversation, Document, Feedback
from chat.models.conversation import Origin

DAYS = 7


@dataclass(frozen=True, slots=True)
class Card:
    """A number with a name and the list that it counts; `alarming` when it asks for somebody."""

    name: str
    number: int
    url: str
    alarming: bool = False


def overview(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the cards that the user may see; questions of people only. At most seven queries."""
    since = timezone.localtime() - timedelta(days=DAYS)
    day = f"{since:%Y-%m-%d}"
    begin = since.replace(hour=0, minute=0, second=0, microsecond=0)
    may = request.user.has_perm
    recent: list[Card] = []
    if may("chat.view_conversation"):
        number = Conversation.objects.filter(created_at__gte=begin, origin=Origin.USER).count()
        recent.append(_card("Conversations", number, "conversation", f"created_at_from={day}&origin__exact=USER"))
    if may("chat.view_feedback"):
        votes = Feedback.objects.filter(updated_at__gte=begin)
        up, down = votes.filter(value=1).count(), votes.filter(value=-1).count()
        recent.append(_card("Thumbs up", up, "feedback", f"updated_at_from={day}&value__exact=1"))
        recent.append(_card("Thumbs down", down, "feedback", f"updated_at_from={day}&value__exact=-1"))
    return {**context, "recent_cards": recent, "knowledge_cards": knowledge_cards(request), "days": DAYS}


def knowledge_cards(request: HttpRequest) -> list[Card]:
    """Return what the knowledge base has and what waits for somebody, for those who may see it; four queries."""
    if not request.user.has_perm("chat.view_document"):
        return []
    documents = Document.objects.all()
    failed = documents.filter(status=Document.Status.FAILED).count()
    return [
        _card("Collections", Collection.objects.count(), "collection"),
        _card("Documents", documents.ready().count(), "document", "status__exact=READY"),
        _card("Waiting or in work", documents.filter(status__in=WORKING).count(), "document"),
        _card("Failed", failed, "document", "status__exact=FAILED", alarming=failed > 0),
    ]


def _card(name: str, number: int, model: str, query: str = "", *, alarming: bool = False) -> Card:
    url = reverse(f"admin:chat_{model}_changelist")
    return Card(name, number, f"{url}?{query}" if query else url, alarming)
