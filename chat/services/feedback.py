"""What users say of answers: thumbs, reasons, comments, and signals without words."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.db import transaction

from chat.exceptions import ChatError
from chat.models import Feedback, ImplicitSignal, Turn
from chat.models.feedback import Reason
from chat.signals import feedback_given, feedback_stored

COMMENT_CHARS = 2000


def give_feedback(
    *, turn: Turn, user: Any, value: int, reasons: Sequence[str] | None = None, comment: str | None = None
) -> Feedback:
    """Record or change the user's one vote on a turn. `reasons` and `comment` of None keep what is there, unless the
    thumb turns the other way: then old reasons no longer apply and are dropped."""
    if value not in (Feedback.Value.UP, Feedback.Value.DOWN):
        raise ChatError(f"A vote is 1 (thumbs up) or -1 (thumbs down), not {value!r}.")
    unknown = sorted(set(reasons or ()) - set(Reason.values))
    if unknown:
        raise ChatError(f"Unknown reason {', '.join(unknown)}; known: {', '.join(Reason.values)}.")
    if comment is not None and len(comment) > COMMENT_CHARS:
        raise ChatError(f"The comment has {len(comment):,} characters; at most {COMMENT_CHARS:,} are possible.")
    if not turn.is_finished:
        raise ChatError("The answer is still being written; vote when it is complete.")
    with transaction.atomic():
        feedback, made = Feedback.objects.select_for_update().get_or_create(
            turn=turn, user=user, defaults={"value": value}
        )
        if not made and feedback.value != value:
            feedback.value, feedback.reasons = value, []
        if reasons is not None:
            feedback.reasons = [reason for reason in Reason.values if reason in reasons]
        if comment is not None:
            feedback.comment = comment.replace("\x00", "").strip()
        feedback.save(update_fields=["value", "reasons", "comment", "updated_at"])
        _tell_within(feedback, is_withdrawn=False)
        transaction.on_commit(partial(_announce, turn_id=turn.pk, value=value, user_id=user.pk))
    return feedback


def withdraw_feedback(*, turn: Turn, user: Any) -> bool:
    """Take the user's vote back; return whether there was one."""
    with transaction.atomic():
        feedback = Feedback.objects.select_for_update().filter(turn=turn, user=user).first()
        if feedback is None:
            return False
        _tell_within(feedback, is_withdrawn=True)
        feedback.delete()
        transaction.on_commit(partial(_announce, turn_id=turn.pk, value=None, user_id=user.pk))
    return True


def record_signal(*, turn: Turn, user: Any, kind: str) -> ImplicitSignal:
    """Record that the user copied, regenerated, edited, or opened a source."""
    if kind not in ImplicitSignal.Kind.values:
        raise ChatError(f'"{kind}" is no signal; known: {", ".join(ImplicitSignal.Kind.values)}.')
    return ImplicitSignal.objects.create(turn=turn, user=user, kind=kind)


def _tell_within(feedback: Feedback, *, is_withdrawn: bool) -> None:
    feedback_stored.send_robust(
        sender=Feedback,
        feedback_id=feedback.pk,
        turn_id=feedback.turn_id,
        user_id=feedback.user_id,
        is_withdrawn=is_withdrawn,
    )


def _announce(**payload: Any) -> None:
    feedback_given.send_robust(sender=Feedback, **payload)
