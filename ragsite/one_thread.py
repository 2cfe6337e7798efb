"""Let the middleware below ServeStatic, and the view, run in one thread, one after the other."""

from collections.abc import Callable

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
