"""A receiver of webhooks on this machine: it keeps what it gets, and answers as its path says."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook as Verifier

from monitoring.models import Webhook
from monitoring.models.webhooks import Event
from monitoring.webhooks.managing import make_webhook

STATUSES = {"/ok": 200, "/error": 500, "/gone": 410, "/moved": 302, "/busy": 503}


@dataclass(frozen=True)
class Got:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def verified(self, secret: str) -> Any:
        """What the specification's own library makes of it; it raises where the signature is wrong."""
        return Verifier(secret).verify(self.body, self.headers)


class Receiver(ThreadingHTTPServer):
    """`/ok` takes all, `/error`, `/gone`, `/busy` and `/moved` refuse, `/slow` answers when `release` is set."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.got: list[Got] = []
        self.release = threading.Event()
        self.arrived = threading.Semaphore(0)  # once for each request

    def url(self, path: str = "/ok") -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"

    @property
    def types(self) -> list[str]:
        return [one.json["type"] for one in self.got]


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append(Got(self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        self.server.arrived.release()
        if self.path == "/slow":
            self.server.release.wait(20)
        text = b"" if self.path == "/ok" else b"<p>said the receiver\x00</p>" * 200
        self.send_response(STATUSES.get(self.path, 200))
        if self.path == "/moved":
            self.send_header("Location", "/ok")
        if self.path == "/busy":
            self.send_header("Retry-After", "7200")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 # the library's name
        """Say nothing."""


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a receiver."""
    receiver = Receiver()
    thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.release.set()
        receiver.shutdown()
        receiver.server_close()
        thread.join()


def make_hook(url: str, **overrides: Any) -> tuple[Webhook, str]:
    """Return a webhook that is told of everything, and its secret."""
    fields = {"name": f"Hook {Webhook.objects.count() + 1}", "url": url, "events": list(Event.values), **overrides}
    return make_webhook(**fields)
