"""A receiver of webhooks on this machine: it keeps what it gets, and answers as its path says. And webhooks for it."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.utils import timezone
from standardwebhooks import Webhook as Verifier

from monitoring.models import Webhook, WebhookDelivery
from monitoring.models.webhooks import Event
from monitoring.webhooks.managing import make_webhook
from monitoring.webhooks.outbox import Happening, note

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
def receiving(certificate: Path | None = None) -> Iterator[Receiver]:
    """Run a receiver; with a certificate, by https."""
    receiver = Receiver()
    if certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
        receiver.socket = tls.wrap_socket(receiver.socket, server_side=True)
    thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.release.set()
        receiver.shutdown()
        receiver.server_close()
        thread.join()


def make_certificate(path: Path, name: str) -> Path:
    """Write a certificate of a host that signed itself, with its key, and return where."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + built.public_bytes(serialization.Encoding.PEM))
    return path


def make_hook(url: str, **overrides: Any) -> tuple[Webhook, str]:
    """Return a webhook that is told of everything, and its secret."""
    fields = {"name": f"Hook {Webhook.objects.count() + 1}", "url": url, "events": list(Event.values), **overrides}
    return make_webhook(**fields)


def tell(*keys: str, webhook: Webhook | None = None) -> None:
    """Let a flag be raised for each key, and be written down for one webhook or for all."""
    hooks = [webhook] if webhook else list(Webhook.objects.all())
    note("flag.raised", hooks, [Happening(key, {}) for key in keys])


def make_due() -> None:
    """Let the time of each next attempt come."""
    WebhookDelivery.objects.filter(status=WebhookDelivery.Status.PENDING).update(next_at=timezone.now())
    Webhook.objects.update(held_until=None)
