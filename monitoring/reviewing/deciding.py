"""What a reviewer decided becomes rows: the review, scores with source REVIEWER, corrected answers, the flags that are
settled by it, and a line in the admin's history, all in one transaction. The only writer of these."""

from collections.abc import Collection
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib.admin.models import CHANGE, LogEntry
from django.db import transaction
from django.utils import timezone

from chat.models import Conversation, Turn
from monitoring.exceptions import ReviewError
from monitoring.flags.queue import arrange_queue
from monitoring.judges.criteria import CRITERIA
from monitoring.models import CorrectedAnswer, Flag, Review, ReviewItem, Score
from monitoring.quality.standing import refresh_for_criteria
from monitoring.reviewing.verdict import Verdicts, check_verdicts
from monitoring.signals import scores_written
from monitoring.webhooks.telling import tell_review

Status = ReviewItem.Status


def decide(
    *,
    item: ReviewItem,
    reviewer: Any,
    verdicts: Verdicts,
    seen_flags: Collection[int] = (),
    is_dismissed: bool = False,
    seen_round: int | None = None,
) -> Review:
    """Store one reviewer's decision; finish the item when it is the last that was wanted.

    `seen_flags` are those that the reviewer had on the page: a flag that came meanwhile keeps the item open.
    `seen_round` is the round of that page, where the item may have been opened again since; None: the item's.
    Dismissed: it was flagged for no reason; labels that were given are kept all the same. Raises ReviewError for a
    second decision by the same reviewer, for what cannot be stored, and for a decision that says nothing.
    """
    if verdicts.is_empty and not is_dismissed:
        raise ReviewError(
            "Nothing is said yet: choose at least one label, write a corrected answer or a note, or dismiss it."
        )
    turns = list(Turn.objects.filter(conversation=item.conversation_id).order_by("position", "pk"))
    check_verdicts(verdicts, {turn.pk for turn in turns})
    with transaction.atomic():
        locked = ReviewItem.objects.select_for_update().get(pk=item.pk)
        if Conversation.objects.filter(pk=item.conversation_id, deleted_at__isnull=False).exists():
            raise ReviewError("The conversation was deleted by its user meanwhile; there is nothing to review.")
        number = min(seen_round or locked.round, locked.round)
        review = _decided(locked, reviewer, verdicts.note, is_dismissed, number)
        written = _write_scores(turns, reviewer, verdicts)
        transaction.on_commit(partial(scores_written.send_robust, sender=Score, score_ids=written))
        for turn_id, text in verdicts.corrections.items():
            CorrectedAnswer.objects.update_or_create(review=review, turn_id=turn_id, defaults={"text": text})
        LogEntry.objects.log_actions(
            reviewer.pk, [locked], CHANGE, change_message=_in_words(locked, verdicts, is_dismissed), single_object=True
        )
        if review.round == locked.round:
            _finish(locked, seen_flags)
        tell_review(review=review, item=locked, turns=turns)
    if names := {name for labels in (*verdicts.turns.values(), verdicts.conversation) for name in labels}:
        refresh_for_criteria(names)
    return review


def reopen(*, item: ReviewItem, reviewer: Any) -> None:
    """Put a finished item into the queue again, as a new round; earlier reviews stay as they are."""
    with transaction.atomic():
        locked = ReviewItem.objects.select_for_update().get(pk=item.pk)
        if not locked.is_finished:
            raise ReviewError("It waits for a review already.")
        locked.status, locked.round, locked.opened_at = Status.OPEN, locked.round + 1, timezone.now()
        locked.save(update_fields=["status", "round", "opened_at"])
        LogEntry.objects.log_actions(reviewer.pk, [locked], CHANGE, change_message="Opened again.", single_object=True)


def _decided(item: ReviewItem, reviewer: Any, note: str, is_dismissed: bool, number: int) -> Review:
    review, _ = Review.objects.get_or_create(
        item=item, reviewer=reviewer, round=number, defaults={"reserved_until": timezone.now()}
    )
    if review.decided_at:
        raise ReviewError("You have decided this already; the first decision stands.")
    review.reserved_until, review.decided_at = None, timezone.now()
    review.note, review.is_dismissed = note, is_dismissed
    review.save(update_fields=["reserved_until", "decided_at", "note", "is_dismissed"])
    return review


def _write_scores(turns: list[Turn], reviewer: Any, verdicts: Verdicts) -> list[int]:
    """Write one score for each label, and return their ids; who labels the same again changes their mind."""
    said: list[tuple[int, UUID | None, str, str]] = [
        (turn_id, None, name, label) for turn_id, labels in verdicts.turns.items() for name, label in labels.items()
    ]
    current = [turn for turn in turns if turn.is_current] or turns
    last = current[-1]
    said += [(last.pk, last.conversation_id, name, label) for name, label in verdicts.conversation.items()]
    written = []
    for turn_id, conversation_id, name, label in said:
        score, _ = Score.objects.update_or_create(
            turn_id=turn_id,
            reviewer=reviewer,
            name=name,
            source=Score.Source.REVIEWER,
            defaults={"value": CRITERIA[name].labels[label], "label": label, "conversation_id": conversation_id},
        )
        written.append(score.pk)
    return written


def _finish(item: ReviewItem, seen_flags: Collection[int]) -> None:
    """Finish the item where enough reviewers have decided, and settle the flags that were seen."""
    reviews = Review.objects.filter(item=item, round=item.round, decided_at__isnull=False)
    dismissals = [review.is_dismissed for review in reviews]
    if len(dismissals) < item.reviews_wanted:
        item.status = Status.IN_REVIEW
        item.save(update_fields=["status"])
        return
    now = timezone.now()
    item.status = Status.DISMISSED if all(dismissals) else Status.RESOLVED
    item.resolved_at = now
    item.save(update_fields=["status", "resolved_at"])
    flags = Flag.objects.filter(turn__conversation=item.conversation_id, settled_at__isnull=True)
    flags.filter(pk__in=seen_flags).update(settled_at=now)
    arrange_queue([item.conversation_id])


def _in_words(item: ReviewItem, verdicts: Verdicts, is_dismissed: bool) -> str:
    """Say what was done, not which labels: the history is read by the second reviewer too, who is to be blind."""
    if item.reviews_wanted > 1:
        return "Gave one of two reviews."
    labels, corrections = verdicts.label_count, len(verdicts.corrections)
    parts = [f"{labels} label{'s' * (labels != 1)}"]
    parts += [f"{corrections} corrected answer{'s' * (corrections != 1)}"] if corrections else []
    parts += ["a note"] if verdicts.note else []
    return f"{'Dismissed' if is_dismissed else 'Reviewed'}: {', '.join(parts)}."
