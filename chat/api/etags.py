"""ETags: who has an object already, by `If-None-Match`, is not sent it again (304)."""

import hashlib
import json
from typing import Any

from django.http import HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.encoding import force_bytes
from rest_framework.request import Request
from rest_framework.response import Response


def tagged(request: Request, data: Any) -> HttpResponseBase:
    """Reply with data and its ETag, or with 304 where the client has it."""
    etag = f'"{hashlib.sha256(force_bytes(json.dumps(data, default=str, sort_keys=True))).hexdigest()[:32]}"'
    response = Response(data, headers={"ETag": etag, "Cache-Control": "private, no-cache"})
    return get_conditional_response(request, etag=etag, response=response) or response
