"""The texts of an event, for webhooks that ask for them: read when it is sent and kept nowhere, so that what was
deleted meanwhile is not sent, and what was sent stands in no log of ours."""

from collections.abc import Mapping
from typing import Any

from chat.models import Conversation, Feedback, Turn
from monitoring.models import CorrectedAnswer, Flag, Review
from monitoring.models.webhooks import Event


def texts_of(event: str, data: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the texts that an event is about; None where it is about none, or they were deleted."""
    match event:
        case Event.FEEDBACK_GIVEN | Event.FEEDBACK_WITHDRAWN:
            comment = Feedback.objects.filter(pk=data["feedback_id"]).values_list("comment", flat=True).first()
            return _asked(data, comment=comment or None)
        case Event.FLAG_RAISED:
            detail = Flag.objects.filter(pk=data["flag_id"]).values_list("detail", flat=True).first()
            return _asked(data, detail=detail or None)
        case Event.REVIEW_DECIDED if data["labels"] is not None:
            return _reviewed(data)
    return None


def _asked(data: Mapping[str, Any], **others: str | None) -> dict[str, Any] | None:
    turn = Turn.objects.filter(pk=data["turn_id"], conversation__deleted_at=None).values("question", "answer").first()
    return {**turn, **others} if turn else None


def _reviewed(data: Mapping[str, Any]) -> dict[str, Any] | None:
    conversation_id = data["conversation_id"]
    if not Conversation.objects.filter(pk=conversation_id, deleted_at=None).exists():
        return None
    turns = Turn.objects.current().filter(conversation=conversation_id).order_by("position")
    reviews = Review.objects.filter(item=data["item_id"], round=data["round"], decided_at__isnull=False)
    corrected = CorrectedAnswer.objects.filter(review__in=reviews).order_by("pk")
    return {
        "turns": list(turns.values("id", "question", "answer")),
        "corrected_answers": list(corrected.values("turn_id", "review_id", "text")),
        "notes": list(reviews.exclude(note="").values("id", "note")),
    }
