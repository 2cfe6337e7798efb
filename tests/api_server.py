"""The site over real HTTP, in a thread of the test's own process: uvicorn, the gate and Django as `ragsite.asgi` joins
them, on the test's database. Tests that use it commit (`transaction=True`)."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import uvicorn
from django.db import connection

from ragsite.gate import Application, Gate
from ragsite.one_thread import OneThreadHandler


@contextmanager
def api_server() -> Iterator[str]:
    """Serve until the block is left; yields the address, without a slash at its end."""
    # Named as TCP, or asyncio leaves small packets to be sent later, and each reply takes 40 ms longer.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    options = {"lifespan": "off", "ws": "none", "log_config": None, "timeout_graceful_shutdown": 1}
    server = uvicorn.Server(uvicorn.Config(Gate(cast(Application, OneThreadHandler())), **options))
    started = threading.Event()
    server_startup = server.startup

    async def startup(sockets: list[socket.socket] | None = None) -> None:
        await server_startup(sockets=sockets)
        started.set()

    server.startup = startup
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])), daemon=True)
    thread.start()
    try:
        assert started.wait(30), "the server did not start within 30 s"
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()
        connection.close()
