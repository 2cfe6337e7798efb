"""Every error as problem details (RFC 9457): what is wrong, in words, and a `code` that does not change.

{"type": "about:blank", "title": "Not Found", "status": 404, "code": "not_found", "detail": "...",
 "errors": [{"field": "question", "code": "required", "detail": "..."}]}    # errors: of fields, where there are any
"""

import logging
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from chat.exceptions import (
    BudgetUsedUpError,
    ChatError,
    ConfigurationError,
    GenerationError,
    IngestError,
    QuestionRefusedError,
    RetrievalError,
)

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
# What the services refuse, with a code of its own; so is any other ChatError, 422.
REFUSALS = {BudgetUsedUpError: 402, QuestionRefusedError: 422, ConfigurationError: 422, IngestError: 422}
# A server that ours asks, such as an embedder's, failed.
FAILURES = {RetrievalError: 502, GenerationError: 502}


class ConflictError(exceptions.APIException):
    """What was asked for does not go with how things are."""

    status_code = HTTPStatus.CONFLICT
    default_code = "conflict"


class UnprocessableError(exceptions.APIException):
    """A service refused what was sent, with a message for people."""

    status_code = HTTPStatus.UNPROCESSABLE_ENTITY
    default_code = "refused"


def problem(error: Exception, context: dict[str, Any]) -> Response:
    """Return the reply to an error; one that nobody foresaw is logged."""
    set_rollback()
    status, code, detail, fields = _told(error)
    if isinstance(error, exceptions.UnsupportedMediaType):
        taken = " or ".join(parser.media_type for parser in context["view"].get_parsers())
        detail += f" This address takes {taken}."
    headers = dict(getattr(error, "headers", {}))
    if isinstance(error, exceptions.APIException):
        if header := getattr(error, "auth_header", None):
            headers["WWW-Authenticate"] = header
        if wait := getattr(error, "wait", None):
            headers["Retry-After"] = str(max(1, round(wait)))
    body = body_of(status, code, detail, fields) | getattr(error, "members", {})
    return Response(body, status=status, headers=headers, content_type=CONTENT_TYPE)


def body_of(status: int, code: str, detail: str, fields: list[dict[str, str]] | None = None) -> dict[str, Any]:
    """Return problem details as they are sent."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "code": code,
        "detail": _sendable(detail),
    }
    return body | ({"errors": fields} if fields else {})


def no_such_address(request: HttpRequest, **kwargs: Any) -> JsonResponse:
    """Answer an address below the API that does not exist."""
    hint = "" if request.path.endswith("/") else " Addresses of the API end in a slash."
    body = body_of(404, "not_found", f"There is nothing at this address; /api/docs/ lists what there is.{hint}")
    return JsonResponse(body, status=404, content_type=CONTENT_TYPE)


def _told(error: Exception) -> tuple[int, str, str, list[dict[str, str]] | None]:
    """Return status, code, detail and the errors of fields."""
    if isinstance(error, exceptions.ValidationError):
        fields = list(_fields(error.detail))
        return 400, "invalid", "; ".join(_sentence(field) for field in fields), fields
    if isinstance(error, exceptions.APIException):
        code = error.get_codes()
        return error.status_code, code if isinstance(code, str) else "error", str(error.detail), None
    if isinstance(error, ChatError):
        status = next((status for kind, status in (REFUSALS | FAILURES).items() if isinstance(error, kind)), 422)
        return status, "refused" if error.code == ChatError.code else error.code, str(error), None
    if isinstance(error, Http404):
        return 404, "not_found", "There is no such object, or you may not see it.", None
    if isinstance(error, PermissionDenied):
        return 403, "permission_missing", str(error) or "You may not do this.", None
    if isinstance(error, RequestDataTooBig):
        return 413, "too_large", "The request is larger than this server takes.", None
    if isinstance(error, SuspiciousOperation):
        return 400, "malformed", "The request is malformed.", None
    logger.error("request of the API failed", exc_info=error)
    return 500, "internal", "Something went wrong on the server; the error is in its log.", None


def _fields(detail: Any, path: str = "") -> Iterator[dict[str, str]]:
    """Yield each field's errors, flat; a list's places and an object's names are joined by dots."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            here = "" if name == "non_field_errors" else str(name)
            yield from _fields(inner, ".".join(filter(None, [path, here])))
    elif isinstance(detail, list):
        for place, inner in enumerate(detail):
            nested = isinstance(inner, dict | list)
            yield from _fields(inner, f"{path}.{place}" if nested and path else str(place) if nested else path)
    else:
        yield {"field": _sendable(path), "code": getattr(detail, "code", "invalid"), "detail": _sendable(str(detail))}


def _sendable(text: str) -> str:
    """Return a text that quotes what was sent without half characters, which no reply can have."""
    return text.encode("utf-8", "replace").decode()


def _sentence(field: dict[str, str]) -> str:
    return f"{field['field']}: {field['detail']}" if field["field"] else field["detail"]
