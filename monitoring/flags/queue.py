"""The review queue as a function of the flags: a conversation is in it while one of its flags that is more than advice
waits for a review. So a lost nudge or a killed process loses nothing, and doing it again changes nothing."""

import hashlib
from collections import defaultdict
from collections.abc import Collection
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from monitoring.flags.rules import priority_of
from monitoring.models import Flag, Review, ReviewItem

DOUBLE_SALT = "review-double"
Status = ReviewItem.Status


def lock_items(conversation_ids: Collection[UUID]) -> dict[UUID, ReviewItem]:
    """Lock the items of conversations until the transaction ends, in one order for all, so that nobody waits for each
    other. Flags are written and settled under this lock."""
    items = ReviewItem.objects.select_for_update(of=("self",)).filter(conversation__in=conversation_ids).order_by("pk")
    return {item.conversation_id: item for item in items}


def arrange_queue(conversation_ids: Collection[UUID]) -> None:
    """Open, reopen and sort the items of conversations by their waiting flags, inside the caller's transaction; those
    that nobody has taken up and that nothing is left of are removed, or finished again."""
    waiting = _waiting_flags(conversation_ids)
    wanted = {pk for pk, flags in waiting.items() if any(not is_advisory for _, is_advisory in flags)}
    now = timezone.now()
    missing = sorted(wanted - set(lock_items(conversation_ids)))
    ReviewItem.objects.bulk_create(
        [ReviewItem(conversation_id=pk, reviews_wanted=_reviews_wanted(pk), opened_at=now) for pk in missing],
        ignore_conflicts=True,
    )
    items = lock_items(conversation_ids)
    taken_up = set(Review.objects.filter(item__in=items.values()).values_list("item_id", "round"))
    for pk, item in items.items():
        if pk in wanted and item.is_finished:
            item.status, item.round, item.opened_at = Status.OPEN, item.round + 1, now
        elif pk not in wanted and not item.is_finished and (item.pk, item.round) not in taken_up:
            if item.round == 1:
                item.delete()
                continue
            item.status, item.round = Status.RESOLVED, item.round - 1
        item.priority = priority_of(waiting.get(pk, ()))
        item.save(update_fields=["status", "round", "opened_at", "priority"])


def _waiting_flags(conversation_ids: Collection[UUID]) -> dict[UUID, list[tuple[str, bool]]]:
    flags = Flag.objects.filter(turn__conversation__in=conversation_ids, settled_at__isnull=True).order_by("pk")
    waiting: dict[UUID, list[tuple[str, bool]]] = defaultdict(list)
    for pk, reason, is_advisory in flags.values_list("turn__conversation_id", "reason", "is_advisory"):
        waiting[pk].append((reason, is_advisory))
    return waiting


def _reviews_wanted(conversation_id: UUID) -> int:
    """Two for a share of the conversations, drawn by a hash, so that who sees what is not anybody's choice."""
    digest = hashlib.sha256(f"{DOUBLE_SALT}:{conversation_id}".encode()).digest()
    return 2 if int.from_bytes(digest[:8]) / 2**64 < settings.REVIEW_DOUBLE_RATE else 1
