"""`Idempotency-Key`: a request that is sent again, because its reply was lost, is not done again.

Keys are a user's own, up to 200 characters, and kept for 24 hours. The same key with another request is refused (422),
and while the first is being worked on, the second is too (409). Only what succeeded is kept: what failed may be tried
again under the same key.
"""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api.problems import ConflictError, UnprocessableError
from chat.models import KeptReply

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="Sent again with the same key, within 24 hours, the request is not done again.",
)
KEY_CHARS = 200
# A request that is worked on for so long died with its process, and may be sent again.
ABANDONED_AFTER = timedelta(minutes=5)


def once(request: Request, work: Callable[[], Response]) -> Response:
    """Do `work`, unless this request was done before: then return the reply that it got. Without a key, do it."""
    key = request.headers.get("Idempotency-Key", "")
    if not key:
        return work()
    if len(key) > KEY_CHARS or "\x00" in key:
        raise ValidationError({"Idempotency-Key": f"At most {KEY_CHARS} characters are possible."})
    digest = _digest(request)
    earlier = _claim(request.user, key, digest)
    if earlier is not None:
        return _repeated(earlier, digest)
    try:
        response = work()
    except BaseException:
        KeptReply.objects.of(request.user, key).delete()
        raise
    KeptReply.objects.of(request.user, key).update(status=response.status_code, body=response.data)
    return response


def _claim(user: Any, key: str, digest: str) -> KeptReply | None:
    """Note that this request is worked on; return the earlier one with the key, if there is one."""
    if _is_noted(user, key, digest):
        return None
    left_behind = KeptReply.objects.of(user, key).filter(status=None, created_at__lt=timezone.now() - ABANDONED_AFTER)
    if left_behind.delete()[0] and _is_noted(user, key, digest):
        return None
    return KeptReply.objects.of(user, key).first() or KeptReply(request_sha256=digest)


def _is_noted(user: Any, key: str, digest: str) -> bool:
    """Note it, unless the key is taken; return whether this one did."""
    try:
        with transaction.atomic():
            KeptReply.objects.create(user=user, key=key, request_sha256=digest)
    except IntegrityError:
        return False
    return True


def _repeated(earlier: KeptReply, digest: str) -> Response:
    if earlier.request_sha256 != digest:
        raise UnprocessableError(
            "This Idempotency-Key was used for another request; take a new one.", code="idempotency_key_reused"
        )
    if earlier.status is None:
        raise ConflictError("The first request with this Idempotency-Key is being worked on.", code="in_progress")
    return Response(earlier.body, status=earlier.status, headers={"Idempotent-Replayed": "true"})


def _digest(request: Request) -> str:
    """Return the hash of method, address and body as it was read."""
    body = repr(sorted(request.data.items())) if hasattr(request.data, "items") else repr(request.data)
    return hashlib.sha256(f"{request.method} {request.get_full_path()}\n{body}".encode()).hexdigest()
