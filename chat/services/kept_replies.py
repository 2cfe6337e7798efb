"""What requests with an `Idempotency-Key` made, kept so that one that is sent again is not done again. Keys are a
user's own."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from chat.models import KeptReply

# A request that is worked on for so long died with its process, and may be sent again.
ABANDONED_AFTER = timedelta(minutes=5)


def claim_key(*, user: Any, key: str, request_sha256: str) -> KeptReply | None:
    """Note that a request is worked on; return the earlier one with the key instead, if there is one."""
    if _is_noted(user, key, request_sha256):
        return None
    left_behind = KeptReply.objects.of(user, key).filter(status=None, created_at__lt=timezone.now() - ABANDONED_AFTER)
    if left_behind.delete()[0] and _is_noted(user, key, request_sha256):
        return None
    # Where it was given back just now, the request is as good as being worked on.
    return KeptReply.objects.of(user, key).first() or KeptReply(request_sha256=request_sha256)


def keep_reply(*, user: Any, key: str, status: int, body: Any) -> None:
    """Keep what a request did: its reply is made again of the ids in `body`, which never holds texts."""
    KeptReply.objects.of(user, key).update(status=status, body=body)


@contextmanager
def held_reply(*, user: Any, key: str) -> Iterator[KeptReply | None]:
    """A transaction in which nobody else changes what is kept. None: it became too old just now."""
    with transaction.atomic():
        yield KeptReply.objects.of(user, key).select_for_update().first()


def give_back_key(*, user: Any, key: str) -> None:
    """Let the key be used again, as after a request that failed."""
    KeptReply.objects.of(user, key).delete()


def _is_noted(user: Any, key: str, request_sha256: str) -> bool:
    """Note it, unless the key is taken; return whether this one did."""
    try:
        with transaction.atomic():
            KeptReply.objects.create(user=user, key=key, request_sha256=request_sha256)
    except IntegrityError:
        return False
    return True
