"""`Idempotency-Key`: a request that is sent again, because its reply was lost, is not done again.

Keys are a user's own, up to 200 characters, and kept for 24 hours. The same key with another request is refused (422),
and while the first is being worked on, the second is too (409). Only what succeeded is kept: what failed may be tried
again under the same key.
"""

import hashlib
from collections.abc import Callable

from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api.problems import ConflictError, UnprocessableError
from chat.models import KeptReply
from chat.services.kept_replies import claim_key, give_back_key, keep_reply

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="Sent again with the same key, within 24 hours, the request is not done again.",
)
KEY_CHARS = 200


def once(request: Request, work: Callable[[], Response]) -> Response:
    """Do `work`, unless this request was done before: then return the reply that it got. Without a key, do it."""
    key = request.headers.get("Idempotency-Key", "")
    if not key:
        return work()
    if len(key) > KEY_CHARS or "\x00" in key:
        raise ValidationError({"Idempotency-Key": f"At most {KEY_CHARS} characters are possible."})
    digest = _digest(request)
    earlier = claim_key(user=request.user, key=key, request_sha256=digest)
    if earlier is not None:
        return _repeated(earlier, digest)
    try:
        response = work()
    except BaseException:
        give_back_key(user=request.user, key=key)
        raise
    keep_reply(user=request.user, key=key, status=response.status_code, body=response.data)
    return response


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
