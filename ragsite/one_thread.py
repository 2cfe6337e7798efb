"""Let the middleware below ServeStatic, and the view, run in one thread, one after the other."""

from collections.abc import Callable
from typing import Any

from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import sync_only_middleware


@sync_only_middleware
def in_one_thread(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware, the innermost, that does nothing but be synchronous.

    Django calls a chain of middleware as its members ask for it, and adapts where they differ. Most of Django's own are
    synchronous at heart: in a chain that is called asynchronously each changes threads twice for every request, which
    came to 3 ms of processor time. One that is synchronous only, here, turns all those around it to synchronous too.
    """
    return get_response


class OneThreadHandler(ASGIHandler):
    """Django's handler, but that the view stays in the thread of the middleware around it.

    Django's own goes back to the event loop below the innermost middleware, from there to the thread again for each
    `process_view` and for the view, and back twice.
    """

    def adapt_method_mode(self, is_async: bool, method: Any, *args: Any, **kwargs: Any) -> Any:
        """Take the synchronous way to the view, and leave what happens on it synchronous."""
        # the stubs leave out Django's private names
        if not is_async and getattr(method, "__wrapped__", None) == self._get_response_async:  # type: ignore[attr-defined]
            return convert_exception_to_response(self._get_response)  # type: ignore[attr-defined]
        if getattr(method, "__name__", "") in ("process_view", "process_template_response"):
            return super().adapt_method_mode(False, method, *args, **kwargs)
        return super().adapt_method_mode(is_async, method, *args, **kwargs)
