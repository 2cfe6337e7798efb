"""A conversation as the admin shows it: each place once, with the answer that stands there and those it replaced."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Prefetch
from django.utils.safestring import SafeString

from chat.admin.base import TURN_BADGES
from chat.models import Conversation, Feedback, Turn
from chat.rendering import answer_html

# Longer conversations are cut: a page of more is not read, it is exported.
TURNS_SHOWN = 200


@dataclass(slots=True)
class TranscriptTurn:
    """A turn with its answer as safe HTML, and the earlier answers that it took the place of."""

    turn: Turn
    html: SafeString
    badge: str
    replaced: list["TranscriptTurn"] = field(default_factory=list)


def transcript(conversation: Conversation) -> list[TranscriptTurn]:
    """Return the conversation, oldest turn first. Four queries, however long it is."""
    turns = (
        Turn.objects.filter(conversation=conversation)
        .select_related("config", "collection")
        .prefetch_related("hits", Prefetch("feedback", Feedback.objects.select_related("user")))
        .order_by("position", "pk")[:TURNS_SHOWN]
    )
    return arranged(turns)


def arranged(turns: Iterable[Turn]) -> list[TranscriptTurn]:
    """Put answers that were replaced below the one that stands now at their place."""
    shown: dict[int, TranscriptTurn] = {}
    waiting: dict[int, list[TranscriptTurn]] = {}
    for turn in turns:
        entry = rendered(turn)
        if turn.is_current:
            shown[turn.position] = entry
        else:
            waiting.setdefault(turn.position, []).append(entry)
    for position, replaced in waiting.items():
        if position in shown:
            shown[position].replaced = replaced
        else:  # its current answer is beyond the cut
            shown[position] = replaced[-1]
    return [shown[position] for position in sorted(shown)]


def rendered(turn: Turn) -> TranscriptTurn:
    """Return a turn with its answer rendered; reads its hits."""
    return TranscriptTurn(
        turn, answer_html(turn.answer, turn.hits.all(), turn.pk), TURN_BADGES[Turn.Status(turn.status)]
    )


def stage_rows(turn: Turn) -> list[dict[str, Any]]:
    """Return the stages of a turn: seconds (None: it did not happen) and part of the total, 0 to 100."""
    total = turn.total_seconds or 0
    stages = {
        "Rewrite": turn.rewrite_seconds,
        "Phrasings": turn.expand_seconds,
        "Embed": turn.embed_seconds,
        "Search": turn.search_seconds,
        "Rerank": turn.rerank_seconds,
        "Context": turn.context_seconds,
        "First token": turn.first_token_seconds,
        "Total": turn.total_seconds,
    }
    return [
        {"name": name, "seconds": value, "percent": min(100 * value / total, 100) if value and total else 0}
        for name, value in stages.items()
    ]
