"""How many requests Django works on at the same time in one process.

Django gives each request a thread, and Python runs one thread at a time: three hundred at once would each get a three
hundredth, and the streams that are running, whose loop is one thread among them, as little. Behind the gate a burst
waits in line, and each request that is let in is answered quickly. A stream leaves the gate when its first bytes are
sent. What may take long passes by: a plain form post and a question by the API, which wait for a whole answer, and what
brings a large body. Searches by the API have places of their own, since each may wait for an embedder's server.

Each place has a thread that its requests use one after the other, and that keeps what Django builds for a thread, such
as the database's wrapper; a thread of its own for each request cost 1 ms of processor time.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from typing import Any

from asgiref.sync import ThreadSensitiveContext

Message = MutableMapping[str, Any]  # as the ASGI specification calls both events and scopes
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

# Enough to keep the database busy while others compute.
PLACES = 4
# Operations of the API that wait for an answer of a model, or of somebody else's server.
WAITING = re.compile(r"/api/v1/turns/(\d+/(retry|edit)/)?|/api/v1/webhooks/\d+/test/|/v1/chat/completions")
SEARCHING = re.compile(r"/api/v1/search/|/v1/embeddings")
FOR_PROGRAMS = ("/api/", "/v1/")
# What is larger may be long in coming: a place is taken before the body is read.
LARGE_BODY_BYTES = 64 * 1024


class _Places:
    """So many requests at a time, each in the thread of its place."""

    def __init__(self, number: int) -> None:
        self.free = asyncio.Semaphore(number)
        self.threads = [ThreadPoolExecutor(1, f"place-{place}") for place in range(number)]


class Gate:
    """An ASGI application that lets `places` requests at a time into another one, first come, first served."""

    def __init__(self, application: Application, places: int = PLACES) -> None:
        self.application = application
        self.places, self.searching = _Places(places), _Places(places)
        self.in_line = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if _may_wait_inside(scope):
            # In a context of its own: the server may begin a request from within the one before, and its place is gone.
            await asyncio.create_task(self._pass_by(scope, receive, send), context=Context())
            return
        places = self.searching if SEARCHING.fullmatch(scope.get("path", "")) else self.places
        self.in_line += 1
        try:
            await places.free.acquire()
        finally:
            self.in_line -= 1
        thread = places.threads.pop()
        is_inside = True

        def leave() -> None:
            nonlocal is_inside
            if is_inside:
                is_inside = False
                places.threads.append(thread)
                places.free.release()

        async def send_and_leave(message: Message) -> None:
            if message["type"] == "http.response.start":
                leave()
            await send(message)

        try:
            async with ThreadSensitiveContext(executor=thread):
                await self.application(scope, receive, send_and_leave)
        finally:
            leave()

    async def _pass_by(self, scope: Message, receive: Receive, send: Send) -> None:
        await self.application(scope, receive, send)


def _may_wait_inside(scope: Message) -> bool:
    path, headers = scope.get("path", ""), dict(scope.get("headers", ()))
    if not path.startswith(FOR_PROGRAMS):
        return scope.get("method") == "POST" and b"hx-request" not in headers
    if scope.get("method") == "POST" and WAITING.fullmatch(path):
        return True
    length = headers.get(b"content-length", b"0")
    return b"transfer-encoding" in headers or not length.isdigit() or int(length) > LARGE_BODY_BYTES
