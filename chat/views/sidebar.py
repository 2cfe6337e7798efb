"""The list of conversations beside every page of the chat."""

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from chat.models import Conversation

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class Group:
    """Conversations last used on about the same day."""

    label: str
    conversations: list[Conversation]


def sidebar(request: HttpRequest, current: Conversation | None = None) -> dict[str, Any]:
    """Return what `chat/_sidebar.html` shows: one page of conversations in groups, the search words, and the number of
    the next page (None on the last). One query."""
    words = request.GET.get("q", "").strip()[:200]
    number = request.GET.get("page", "")
    page = min(max(int(number), 1), 1000) if number.isascii() and number.isdecimal() else 1
    conversations = Conversation.objects.visible_to(request.user).matching(words).recent_first()
    rows = list(conversations[(page - 1) * PAGE_SIZE : page * PAGE_SIZE + 1])
    return {
        "groups": group_by_day(rows[:PAGE_SIZE], today=timezone.localdate()),
        "words": words,
        "page": page,
        "next_page": page + 1 if len(rows) > PAGE_SIZE else None,
        "current": current,
    }


def group_by_day(conversations: list[Conversation], *, today: date) -> list[Group]:
    """Group conversations, last used first, as one speaks of days."""

    def label(conversation: Conversation) -> str:
        day = timezone.localtime(conversation.updated_at).date()
        if day >= today:
            return "Today"
        if day == today - timedelta(days=1):
            return "Yesterday"
        if day > today - timedelta(days=7):
            return "Previous 7 days"
        if day > today - timedelta(days=30):
            return "Previous 30 days"
        return "Earlier"

    return [Group(name, list(rows)) for name, rows in groupby(conversations, key=label)]
