"""`Idempotency-Key`: a request that is sent again, because its reply was lost, is not done again.

Keys are a user's own, up to 200 characters, and kept for 24 hours. The same key with another request is refused (422),
and while the first is being worked on, the second is too (409). Only what succeeded is kept: what failed may be tried
again under the same key. So may a question whose answer failed after it was kept: it is answered again.

What is kept is the ids of what a request made. The reply to its repetition is made of what they name, as it is by then
and as its user may see it: texts are in no kept reply, so that those that are deleted are not sent again.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, QueryDict
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api.problems import ConflictError, UnprocessableError
from chat.models import KeptReply
from chat.services.kept_replies import claim_key, give_back_key, held_reply, keep_reply

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="Sent again with the same key, within 24 hours, the request is not done again.",
)
KEY_CHARS = 200
REPLAYED = {"Idempotent-Replayed": "true"}

# Of what a request made: its id, or the ids of several things.
Ids = int | list[int]


@dataclass(frozen=True, slots=True)
class Done:
    """What a request did: all that is kept of it."""

    made: Any  # Ids; as it comes out of the database, its caller knows which
    status: int = HTTPStatus.CREATED
    is_replayed: bool = False


class GoneError(APIException):
    """A request was done, and what it made is not there any more, or is not its user's to see."""

    status_code = HTTPStatus.GONE
    default_code = "gone"
    default_detail = (
        "The first request with this Idempotency-Key was done, and is not done again; what it made was deleted"
        " meanwhile, or you may not see it any more. Take a new key to make it anew."
    )
    headers = REPLAYED


def once(request: Request, work: Callable[[], Done], show: Callable[[Any], Any]) -> Response:
    """Do `work`, unless this request was done before, and reply with what `show` makes of the ids that it made."""
    done = done_once(request, work)
    try:
        data = show(done.made)
    except Http404 as error:
        if done.is_replayed:
            raise GoneError from error
        raise
    return Response(data, status=done.status, headers=REPLAYED if done.is_replayed else None)


def done_once(request: Request, work: Callable[[], Done]) -> Done:
    """Do `work`, unless this request was done before: then return what it did. Without a key, do it."""
    key = key_of(request)
    if not key:
        return work()
    digest = _digest(request)
    earlier = claim_key(user=request.user, key=key, request_sha256=digest)
    if earlier is not None:
        return _repeated(earlier, digest)
    try:
        done = work()
    except BaseException:
        give_back_key(user=request.user, key=key)
        raise
    keep_reply(user=request.user, key=key, status=int(done.status), body=done.made)
    return done


def renewed(request: Request, done: Done, renew: Callable[[Any], Done]) -> Done:
    """Return what `renew` makes of what a request made earlier, and keep that in its place. Meanwhile its repetitions
    wait, and find what it made."""
    key = key_of(request)
    with held_reply(user=request.user, key=key) as kept:
        if kept is not None:
            done = renew(kept.body)
            keep_reply(user=request.user, key=key, status=int(done.status), body=done.made)
    return done


def key_of(request: Request) -> str:
    """Return the key of a request; empty: it has none. ValidationError for one that cannot be kept."""
    key = request.headers.get("Idempotency-Key", "")
    if len(key) > KEY_CHARS or "\x00" in key:
        raise ValidationError({"Idempotency-Key": f"At most {KEY_CHARS} characters are possible."})
    return key


def _repeated(earlier: KeptReply, digest: str) -> Done:
    if earlier.request_sha256 != digest:
        raise UnprocessableError(
            "This Idempotency-Key was used for another request, or before this site was updated; take a new one.",
            code="idempotency_key_reused",
        )
    if earlier.status is None:
        raise ConflictError("The first request with this Idempotency-Key is being worked on.", code="in_progress")
    return Done(earlier.body, earlier.status, is_replayed=True)


def _digest(request: Request) -> str:
    """Return the hash of method, address and body as it was read: members of objects may change places. A list is
    hashed, so that none of the whole replies of earlier versions, kept by the hash of "POST /api…", is ever sent."""
    body = dict(request.data.lists()) if isinstance(request.data, QueryDict) else request.data
    text = json.dumps([request.method, request.get_full_path(), body], sort_keys=True, default=_of_file)
    return hashlib.sha256(text.encode()).hexdigest()


def _of_file(file: "UploadedFile[bytes]") -> list[Any]:
    """Return what stands for a file in a hash: its name, and the hash of its content. It is read from the beginning
    afterwards."""
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    return [file.name, digest.hexdigest()]
