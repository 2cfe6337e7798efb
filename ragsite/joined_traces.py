"""Questions of a request with a `traceparent` header belong to its trace, by the pages and by each API."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import sync_only_middleware

from chat.trace_context import HEADER, joining

Respond = Callable[[HttpRequest], HttpResponseBase]


@sync_only_middleware
def join_trace(get_response: Respond) -> Respond:
    """Middleware: remember the header while the view runs."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        header = request.headers.get(HEADER, "")
        if not header:
            return get_response(request)
        with joining(header):
            return get_response(request)

    return answer
