"""Items of the review queue and what reviewers say of them."""

from chat.models import Turn
from monitoring.models import ReviewItem
from monitoring.reviewing.verdict import Verdicts


def said(turn: Turn, **labels: str) -> Verdicts:
    return Verdicts(turns={turn.pk: labels or {"relevance": "RELEVANT"}})


def turn_of(item: ReviewItem) -> Turn:
    return item.conversation.turns.get()
