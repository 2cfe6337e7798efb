"""Errors in OpenAI's shape, by which its clients raise their own exceptions.

{"error": {"message": "...", "type": "invalid_request_error", "param": "messages[0].content", "code": "..."}}

Clients send a request that failed again by themselves. Where that would only cost, `x-should-retry` says so: a model
that failed was tried again here already, and a budget stays used up.
"""

import logging
import uuid
from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from chat.exceptions import (
    BudgetUsedUpError,
    ChatError,
    ConfigurationError,
    GenerationError,
    QuestionRefusedError,
    RetrievalError,
)
from chat.models import Turn
from chat.services.client_conversations import ConversationBusyError

logger = logging.getLogger(__name__)

INVALID, SERVER, QUOTA = "invalid_request_error", "server_error", "insufficient_quota"
# The same question may be answered later: a server is busy, slow or away. Other failures stay until somebody acts.
PASSING = {"rate_limited", "timeout", "connection", "server_error", "stream_broken", "empty", "interrupted"}


class RefusedError(exceptions.APIException):
    """A request that cannot be answered as it is; `param` names the part of it."""

    status_code = 400

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.status_code, self.param, self.openai_code = status, param, code


class AnswerFailedError(Exception):
    """A turn that ended without an answer."""

    def __init__(self, turn: Turn) -> None:
        super().__init__(turn.error_message)
        self.turn = turn


def openai_error(error: Exception, context: dict[str, Any]) -> Response:
    """Return the reply to an error."""
    set_rollback()
    status, body = told(error, request_id=getattr(context.get("view"), "request_id", ""))
    headers: dict[str, str] = {}
    if header := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = header
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(max(1, round(wait)))
    if isinstance(error, AnswerFailedError | BudgetUsedUpError | RetrievalError):
        headers["x-should-retry"] = "false"
    return Response(body, status=status, headers=headers)


def told(error: Exception, *, request_id: str = "") -> tuple[int, dict[str, Any]]:
    """Return the status and the body of an error; one that nobody foresaw is logged."""
    status, kind, code, param = _classified(error)
    message = str(getattr(error, "detail", "") or error)
    if status == 500 and code == "internal":
        logger.error("request of OpenAI's protocol failed", exc_info=error, extra={"request_id": request_id})
        message = "Something went wrong on the server; the error is in its log."
    elif status == 413:
        message = "The request is larger than this server takes."
    elif isinstance(error, RecursionError | SuspiciousOperation):
        message = "The request is malformed."
    elif isinstance(error, exceptions.NotAuthenticated):
        message = "You did not send an API key. Make a token under API tokens, and send it as Authorization: Bearer."
    return status, error_body(message, kind=kind, code=code, param=param)


def error_body(message: str, *, kind: str, code: str | None = None, param: str | None = None) -> dict[str, Any]:
    """Return an error as it is sent."""
    return {"error": {"message": printable(message), "type": kind, "param": param, "code": code}}


def printable(text: str) -> str:
    """Return a text that a client sent without what cannot be sent back."""
    return text.encode(errors="replace").decode()


@csrf_exempt
def no_such_address(request: HttpRequest, **kwargs: Any) -> JsonResponse:
    """Answer an address below /v1/ that does not exist."""
    hint = " No address here ends in a slash." if request.path.endswith("/") else ""
    message = (
        f"Unknown request URL: {request.method} {request.path}. There are GET /v1/models, GET /v1/models/MODEL,"
        f" POST /v1/chat/completions and POST /v1/embeddings.{hint}"
    )
    body = error_body(message, kind=INVALID, code="unknown_url")
    return JsonResponse(body, status=404, headers={"x-request-id": new_request_id()})


def new_request_id() -> str:
    """Return an id for a reply, by which people speak of it; it is in the log, where something failed."""
    return f"req_{uuid.uuid4().hex}"


def _classified(error: Exception) -> tuple[int, str, str | None, str | None]:
    """Return status, type, code and parameter."""
    if isinstance(error, AnswerFailedError):
        return *_of_turn(error.turn), None
    if isinstance(error, ChatError):
        return _of_service(error)
    if isinstance(error, RefusedError):
        return error.status_code, INVALID, error.openai_code, error.param
    if isinstance(error, exceptions.AuthenticationFailed | exceptions.NotAuthenticated):
        return 401, INVALID, "invalid_api_key", None
    if isinstance(error, exceptions.Throttled):
        return 429, "requests", "rate_limit_exceeded", None
    if isinstance(error, exceptions.APIException):
        code = error.get_codes()
        return error.status_code, INVALID, code if isinstance(code, str) else None, None
    if isinstance(error, RequestDataTooBig):
        return 413, INVALID, "request_too_large", None
    if isinstance(error, SuspiciousOperation | RecursionError):  # deeper than JSON can be read
        return 400, INVALID, "malformed", None
    return 500, SERVER, "internal", None


def _of_service(error: ChatError) -> tuple[int, str, str | None, str | None]:
    if isinstance(error, BudgetUsedUpError):
        return 429, QUOTA, QUOTA, None
    if isinstance(error, ConversationBusyError):
        return 409, INVALID, error.code, None
    if isinstance(error, QuestionRefusedError):
        return 400, INVALID, error.code, "messages"
    if isinstance(error, RetrievalError | GenerationError):
        return 503, SERVER, error.code, None
    if isinstance(error, ConfigurationError):
        return 500, SERVER, error.code, None
    return 400, INVALID, error.code, None


def _of_turn(turn: Turn) -> tuple[int, str, str]:
    code = turn.error_code or "internal"
    if code == "content_filter":
        return 400, INVALID, code
    return (503 if code in PASSING else 500), SERVER, code
