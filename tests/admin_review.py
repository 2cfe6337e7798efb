"""The review queue's pages: their addresses and their form."""

import re

from django.urls import reverse

from chat.models import Turn
from monitoring.models import Flag, ReviewItem


def url_of(name: str, *args: object) -> str:
    return reverse(f"admin:monitoring_reviewitem_{name}", args=args)


def turn_of(item: ReviewItem) -> Turn:
    return item.conversation.turns.get()


def form_of(item: ReviewItem, **fields: str) -> dict[str, str]:
    """Return what the page's form sends."""
    flags = Flag.objects.filter(turn__conversation=item.conversation)
    return {"flags": ",".join(str(flag.pk) for flag in flags), "round": str(item.round), "action": "save", **fields}


def text_of(response) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))
