"""One log line for each request: what was asked for, how it ended, how long it took, who asked; never what was said.

Query strings are left out, because they hold questions and searches. For a streamed answer the seconds last until its
first bytes; its whole time stands in the line of its turn.
"""

import logging
import time
from collections.abc import Awaitable, Callable
from typing import cast

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

logger = logging.getLogger(__name__)

UNLOGGED_PATHS = ("/healthz", "/readyz", "/metrics")  # asked every few seconds by those who watch

Respond = Callable[[HttpRequest], HttpResponseBase]
RespondAsync = Callable[[HttpRequest], Awaitable[HttpResponseBase]]


class WithoutRequest(logging.Filter):
    """Takes the request from Django's own records: its text shows the query string."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.__dict__.pop("request", None)
        return True


@sync_and_async_middleware
def log_requests(get_response: Respond | RespondAsync) -> Respond | RespondAsync:
    """Middleware, the outermost, so that nothing is missing in the seconds."""
    if iscoroutinefunction(get_response):
        respond_async = cast(RespondAsync, get_response)

        async def answer_async(request: HttpRequest) -> HttpResponseBase:
            started_at = time.perf_counter()
            response = await respond_async(request)
            _log(request, response, time.perf_counter() - started_at)
            return response

        return answer_async

    respond = cast(Respond, get_response)

    def answer(request: HttpRequest) -> HttpResponseBase:
        started_at = time.perf_counter()
        response = respond(request)
        _log(request, response, time.perf_counter() - started_at)
        return response

    return answer


def _log(request: HttpRequest, response: HttpResponseBase, duration_seconds: float) -> None:
    if request.path in UNLOGGED_PATHS or request.path.startswith(settings.STATIC_URL):
        return
    logger.info(
        "request",
        extra={
            "method": request.method,
            "path": request.path,
            "status": response.status_code,
            "duration_seconds": round(duration_seconds, 4),
            "user_id": _user_id(request),
        },
    )


def _user_id(request: HttpRequest) -> int | None:
    """Return who asked, None for nobody or where the page did not ask who it is; no query."""
    if by_token := getattr(request, "asked_by", None):
        return int(by_token)
    session = getattr(request, "session", None)  # absent where an outer middleware answered
    if session is None or not session.accessed or session.is_empty():
        return None
    found = session.get(SESSION_KEY)
    return int(found) if found else None
