"""How many requests Django works on at the same time in one process.

Django gives each request a thread, and Python runs one thread at a time: three hundred at once would each get a three
hundredth, and the streams that are running, whose loop is one thread among them, as little. Behind the gate a burst
waits in line, and each request that is let in is answered quickly. A stream leaves the gate when its first bytes are
sent. A plain form post passes by, since it may wait for a whole answer (pages without JavaScript).

Each place has a thread that its requests use one after the other, and that keeps what Django builds for a thread, such
as the database's wrapper; a thread of its own for each request cost 1 ms of processor time.
"""

import asyncio
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


class Gate:
    """An ASGI application that lets `places` requests at a time into another one, first come, first served."""

    def __init__(self, application: Application, places: int = PLACES) -> None:
        self.application = application
        self.places = asyncio.Semaphore(places)
        self.threads = [ThreadPoolExecutor(1, f"place-{number}") for number in range(places)]
        self.in_line = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if _may_wait_inside(scope):
            # In a context of its own: the server may begin a request from within the one before, and its place is gone.
            await asyncio.create_task(self._pass_by(scope, receive, send), context=Context())
            return
        self.in_line += 1
        try:
            await self.places.acquire()
        finally:
            self.in_line -= 1
        thread = self.threads.pop()
        is_inside = True

        def leave() -> None:
            nonlocal is_inside
            if is_inside:
                is_inside = False
                self.threads.append(thread)
                self.places.release()

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
    headers = dict(scope.get("headers", ()))
    return scope.get("method") == "POST" and b"hx-request" not in headers
