"""Django behind the gate as the web process runs it: one thread from the first middleware to the view."""

import asyncio
import threading

import pytest
from asgiref.sync import AsyncToSync
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import path

from ragsite.gate import Gate
from ragsite.one_thread import OneThreadHandler
from ragsite.urls import urlpatterns as site_urlpatterns


def where(request):
    """Tell the thread, and whether the event loop stands between it and the middleware."""
    came_back_from_loop = getattr(AsyncToSync.executors, "current", None) is not None
    return HttpResponse(f"{threading.current_thread().name} {came_back_from_loop}")


def stream(request):
    async def parts():
        for part in ("one ", "two ", threading.current_thread().name):
            yield part

    return StreamingHttpResponse(parts())


def fail(request):
    raise RuntimeError("on purpose")


urlpatterns = [path("where/", where), path("stream/", stream), path("fail/", fail), *site_urlpatterns]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def site(settings):
    settings.ROOT_URLCONF = __name__
    settings.ALLOWED_HOSTS = ["testserver"]
    return Gate(OneThreadHandler(), places=1)


async def ask(site, path: str, method: str = "GET") -> tuple[int, str]:
    """Send one request and return status and text."""
    messages = []
    headers = [(b"host", b"testserver"), (b"hx-request", b"true")]
    scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": headers}
    scope |= {"http_version": "1.1", "scheme": "http", "client": ("127.0.0.1", 1), "server": ("testserver", 80)}
    requests = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive():
        return requests.pop() if requests else await asyncio.Event().wait()

    async def send(message):
        messages.append(message)

    await site(scope, receive, send)
    text = b"".join(message.get("body", b"") for message in messages[1:])
    return messages[0]["status"], text.decode()


def test_view_runs_in_the_thread_of_its_place_without_going_back_to_the_loop(site):
    async def run():
        return [await ask(site, "/where/"), await ask(site, "/where/")]

    assert asyncio.run(run()) == [(200, "place-0_0 False"), (200, "place-0_0 False")]


def test_middleware_still_looks_at_what_view_is_called(site):
    status, _ = asyncio.run(ask(site, "/where/", "POST"))

    assert status == 403  # no CSRF token: that is looked for in `process_view`


def test_stream_is_read_in_the_loop(site):
    assert asyncio.run(ask(site, "/stream/")) == (200, "one two MainThread")


def test_view_that_fails_is_answered_as_an_error_and_its_place_is_free_again(site):
    async def run():
        return [await ask(site, "/fail/"), await ask(site, "/where/")]

    failed, next_one = asyncio.run(run())

    assert failed[0] == 500
    assert next_one == (200, "place-0_0 False")
