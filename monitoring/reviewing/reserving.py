"""Who is at work on which item of the queue. Opening an item reserves it for a time, so that two reviewers do not do
the same work; the item's row is locked meanwhile, so of two at once one wins. A reservation that ran out holds nobody
up, and takes nothing from its owner: what they decide later still counts, as a further opinion."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.timezone import localtime

from monitoring.exceptions import ReservedError
from monitoring.models import Review, ReviewItem

Status = ReviewItem.Status
TRIES = 5


def reserve(*, item: ReviewItem, reviewer: Any) -> Review:
    """Reserve an item, or hold on to it for another while. Raises ReservedError that says who has it."""
    with transaction.atomic():
        locked = ReviewItem.objects.select_for_update().get(pk=item.pk)
        return _reserved(locked, reviewer)


def reserve_next(*, reviewer: Any, without: Collection[int] = ()) -> ReviewItem | None:
    """Reserve what this reviewer is at work on already, else the first item of the queue that is free; None: there is
    none. `without`: items that they passed over. Two at once get different items."""
    for _ in range(TRIES):
        try:
            with transaction.atomic():
                return _next(reviewer, without)
        except ReservedError:  # somebody was quicker, between looking and locking
            continue
    return None


def release(*, item: ReviewItem, reviewer: Any) -> None:
    """Give an item back, undecided."""
    with transaction.atomic():
        locked = ReviewItem.objects.select_for_update().get(pk=item.pk)
        Review.objects.filter(item=locked, round=locked.round, reviewer=reviewer, decided_at__isnull=True).delete()
        settle_status(locked)


def release_expired() -> int:
    """Let items whose reservation ran out be open again, for lists to tell the truth; return how many."""
    lost = Review.objects.filter(reserved_until__lte=timezone.now(), decided_at__isnull=True)
    ids = list(lost.filter(item__status=Status.IN_REVIEW).values_list("item_id", flat=True).distinct())
    for pk in ids:
        with transaction.atomic():
            settle_status(ReviewItem.objects.select_for_update().get(pk=pk))
    return len(ids)


def settle_status(item: ReviewItem) -> None:
    """Make an item open or in review, as its reviews say; `item` is locked. A finished one stays so."""
    if item.is_finished:
        return
    reviews = list(item.reviews.filter(round=item.round))
    is_taken = any(review.decided_at or review.is_held for review in reviews)
    status = Status.IN_REVIEW if is_taken else Status.OPEN
    if item.status != status:
        item.status = status
        item.save(update_fields=["status"])


def _next(reviewer: Any, without: Collection[int]) -> ReviewItem | None:
    free = ReviewItem.objects.free_for(reviewer).exclude(pk__in=without)
    held = Review.objects.filter(reviewer=reviewer, reserved_until__gt=timezone.now()).values("item")
    item = free.filter(pk__in=held).first() or free.select_for_update(of=("self",), skip_locked=True).first()
    if item is not None:
        item = ReviewItem.objects.select_for_update().get(pk=item.pk)
        _reserved(item, reviewer)
    return item


def _reserved(item: ReviewItem, reviewer: Any) -> Review:
    if item.is_finished:
        raise ReservedError("This conversation has been reviewed; nothing of it waits.")
    reviews = list(item.reviews.filter(round=item.round).select_related("reviewer"))
    own = next((review for review in reviews if review.reviewer_id == reviewer.pk), None)
    if own is not None and own.decided_at:
        raise ReservedError("You have reviewed this; it waits for a second reviewer.")
    taken = [review for review in reviews if review is not own and (review.decided_at or review.is_held)]
    if len(taken) >= item.reviews_wanted:
        raise ReservedError(_whose(taken[-1]))
    until = timezone.now() + timedelta(minutes=settings.REVIEW_RESERVATION_MINUTES)
    if own is None:
        own = Review(item=item, reviewer=reviewer, round=item.round)
    own.reserved_until = until
    own.save()
    settle_status(item)
    return own


def _whose(review: Review) -> str:
    name = review.reviewer.get_username()
    if review.reserved_until is None:
        return f"{name} has reviewed this."
    return f"{name} is reviewing this; it is reserved until {localtime(review.reserved_until):%H:%M}."
