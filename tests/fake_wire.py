"""How the scripted model server writes one answer: HTTP/1.1 by hand, since scripts also break it."""

import asyncio
import json
import threading
import time
from http import HTTPStatus
from typing import Any

from tests.fake_replies import Request


class Wire:
    """One answer on its way to the client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: Request) -> None:
        self._reader, self._writer, self._request = reader, writer, request

    def client_left(self) -> bool:
        """Return whether the client closed the connection, and note it: it means Stop."""
        if self._reader.at_eof() or self._writer.is_closing():
            self._request.cancelled = True
        return self._request.cancelled

    async def wait(self, seconds: float) -> bool:
        """Wait, and return whether the client is still there. Looks at least every 20 ms."""
        deadline = time.monotonic() + seconds
        # No event tells that the client left, so that it is looked at again and again.
        while not self.client_left() and (left := deadline - time.monotonic()) > 0:  # noqa: ASYNC110 # see above
            # A wait of an ordinary token is one sleep, because 300 streams sleep at once.
            await asyncio.sleep(left if left <= 0.06 else 0.02)
        return not self._request.cancelled

    async def wait_for(self, gate: threading.Event) -> bool:
        """Wait until it is set, and return whether the client is still there."""
        while not gate.is_set() and await self.wait(0.01):
            pass
        return not self._request.cancelled

    async def send_json(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        content = json.dumps(body).encode()
        extra = {"Content-Type": "application/json", "Content-Length": str(len(content)), **(headers or {})}
        self._writer.write(self._head(status, extra) + content)
        await self._writer.drain()

    def start_stream(self, headers: dict[str, str]) -> None:
        extra = {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked", **headers}
        self._writer.write(self._head(200, extra))

    def send_event(self, data: str) -> None:
        content = f"data: {data}\n\n".encode()
        self._writer.write(b"%x\r\n%b\r\n" % (len(content), content))

    async def flush(self) -> None:
        try:
            await self._writer.drain()
        except ConnectionError:
            self._request.cancelled = True
            raise

    async def end_stream(self) -> None:
        self._writer.write(b"0\r\n\r\n")
        await self._writer.drain()

    def _head(self, status: int, headers: dict[str, str]) -> bytes:
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"X-Request-Id: {self._request.request_id}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode()
