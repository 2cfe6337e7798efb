"""Who may score what, and see which scores."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db.models import Q

from chat.models import Conversation, Turn
from monitoring.models import Score
from monitoring.models.scores import ScoreQuerySet
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


def turns_to_score(user: Any, turn_ids: Collection[int]) -> dict[int, Turn]:
    """Return those of these turns that a user may score, by id: their own, or any with the permission. One query."""
    turns = Turn.objects.filter(conversation__deleted_at__isnull=True)
    return (turns if user.has_perm(SCORE_ANY) else turns.visible_to(user)).in_bulk(turn_ids)


def last_turns_to_score(user: Any, conversation_ids: Collection[UUID]) -> dict[UUID, Turn]:
    """Return the last turn of each of these conversations that a user may score as a whole. One query."""
    conversations = Conversation.objects.filter(deleted_at__isnull=True)
    found = conversations if user.has_perm(SCORE_ANY) else conversations.visible_to(user)
    turns = Turn.objects.current().filter(conversation__in=found.filter(pk__in=conversation_ids))
    last = turns.order_by("conversation", "-position").distinct("conversation")
    return {turn.conversation_id: turn for turn in last}
