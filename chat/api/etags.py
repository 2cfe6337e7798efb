"""ETags: who has an object already, by `If-None-Match`, is not sent it again (304); who wants it only as it was, by
`If-Match`, is told that it is another by now (412)."""

import hashlib
import json
from http import HTTPStatus
from typing import Any

from django.utils.encoding import force_bytes
from django.utils.http import parse_etags
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response


class PreconditionFailedError(APIException):
    """What is asked for on a condition is another than the client takes it for."""

    status_code = HTTPStatus.PRECONDITION_FAILED
    default_code = "precondition_failed"
    default_detail = "It is not as your If-Match says any more; ask for it without, to get it as it is."


def tagged(request: Request, data: Any) -> Response:
    """Reply with data and its ETag, or with 304 where the client has it. Raises PreconditionFailedError where it wants
    another one. There are no times of changes, so that conditions on times count for nothing (RFC 9110, 13.1)."""
    etag = f'"{hashlib.sha256(force_bytes(json.dumps(data, default=str, sort_keys=True))).hexdigest()[:32]}"'
    wanted, had = (parse_etags(request.headers.get(name, "")) for name in ("If-Match", "If-None-Match"))
    if wanted and not {"*", etag} & set(wanted):
        raise PreconditionFailedError
    # What is had is compared weakly: a proxy that packs a reply makes its tag a weak one.
    is_had = bool({"*", etag} & {tag.removeprefix("W/") for tag in had})
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    return Response(status=HTTPStatus.NOT_MODIFIED, headers=headers) if is_had else Response(data, headers=headers)
