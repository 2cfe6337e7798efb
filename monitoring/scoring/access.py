"""Who may score what, and see which scores."""

from typing import Any
from uuid import UUID

from django.db.models import Q

from chat.models import Conversation, Turn
from monitoring.exceptions import ScoreError
from monitoring.models import Score
from monitoring.models.judging import ScoreQuerySet
from monitoring.reviewing.opinions import hidden_from

SCORE_ANY = "monitoring.add_score"
SEE_ALL = "monitoring.view_score"


def readable_by(user: Any) -> ScoreQuerySet:
    """Return the scores that a user may see: who may see scores, all but those of a first reviewer to whom they may be
    the second; everybody else, those that they sent themselves."""
    if not user.has_perm(SEE_ALL):
        return sent_by(user)
    hidden = hidden_from(user).values("conversation")
    said_first = Q(source=Score.Source.REVIEWER, turn__conversation__in=hidden) & ~Q(reviewer=user.pk)
    return Score.objects.exclude(said_first)


def sent_by(user: Any) -> ScoreQuerySet:
    """Return the scores that a user sent by the API, of conversations that are not deleted."""
    return Score.objects.by_programs().filter(author=user.pk, turn__conversation__deleted_at__isnull=True)


def turn_to_score(user: Any, turn_id: int) -> Turn:
    """Return a turn that a user may score: one of their own, or any with the permission. Raises ScoreError."""
    turns = Turn.objects.filter(conversation__deleted_at__isnull=True)
    turn = (turns if user.has_perm(SCORE_ANY) else turns.visible_to(user)).filter(pk=turn_id).first()
    if turn is None:
        raise ScoreError(f"There is no turn {turn_id}, or you may not score it.")
    return turn


def last_turn_to_score(user: Any, conversation_id: UUID) -> Turn:
    """Return the last turn of a conversation that a user may score as a whole. Raises ScoreError."""
    conversations = Conversation.objects.filter(deleted_at__isnull=True)
    found = conversations if user.has_perm(SCORE_ANY) else conversations.visible_to(user)
    turns = Turn.objects.current().filter(conversation__in=found.filter(pk=conversation_id))
    turn = turns.order_by("-position").first()
    if turn is None:
        raise ScoreError(f"There is no conversation {conversation_id} with a turn, or you may not score it.")
    return turn
