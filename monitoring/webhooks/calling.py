"""One request to a receiver: to the address that was checked, within ten seconds in all, following no redirect."""

import asyncio
import functools
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass

import httpx2

from monitoring.exceptions import WebhookError
from monitoring.webhooks.addresses import Address, Target, read_url, resolve

TIME_LIMIT_SECONDS = 10.0
KEPT_CHARS = 1000  # of a response, for the log
READ_BYTES = 4 * KEPT_CHARS
AGENT = "ragsite-webhooks/1"
GONE = 410  # by the specification: send nothing more


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a request. `error` is empty when it was taken (a status of 200 to 299)."""

    seconds: float
    status: int | None = None  # None: there was no response
    text: str = ""  # how the response begins
    error: str = ""
    retry_after: int | None = None  # seconds that the receiver asks to wait

    @property
    def is_delivered(self) -> bool:
        return not self.error

    @property
    def is_gone(self) -> bool:
        return self.status == GONE


async def call(url: str, *, headers: Mapping[str, str], body: bytes) -> Outcome:
    """Send a request and say what became of it; raises nothing."""
    began = time.monotonic()
    try:
        async with asyncio.timeout(TIME_LIMIT_SECONDS):
            status, text, retry_after = await _post(read_url(url), headers, body)
    except TimeoutError:
        error = f"No response within {TIME_LIMIT_SECONDS:g} s."
    except WebhookError as refused:
        error = str(refused)
    except (httpx2.HTTPError, httpx2.InvalidURL, ssl.SSLError, OSError) as failed:
        error = f"The connection failed: {failed or type(failed).__name__}."
    else:
        return Outcome(time.monotonic() - began, status, text, _complaint(status), retry_after)
    return Outcome(time.monotonic() - began, error=error)


async def _post(target: Target, headers: Mapping[str, str], body: bytes) -> tuple[int, str, int | None]:
    """Try the addresses of a host in their order until one can be connected to."""
    addresses = await resolve(target)
    for address in addresses[:-1]:
        try:
            return await _post_to(address, target, headers, body)
        except httpx2.ConnectError:
            continue
    return await _post_to(addresses[-1], target, headers, body)


async def _post_to(
    address: Address, target: Target, headers: Mapping[str, str], body: bytes
) -> tuple[int, str, int | None]:
    host = f"[{address}]" if address.version == 6 else str(address)
    # No proxies of the environment: they would be told a name, and resolve it themselves.
    async with (
        httpx2.AsyncClient(verify=_trusted(), trust_env=False, timeout=TIME_LIMIT_SECONDS) as client,
        client.stream(
            "POST",
            f"{target.scheme}://{host}:{target.port}{target.path}",
            headers={
                "Host": target.authority,
                "Content-Type": "application/json",
                "User-Agent": AGENT,
                "Accept-Encoding": "identity",
                **headers,
            },
            content=body,
            extensions={"sni_hostname": target.host},  # the certificate is that of the name
        ) as response,
    ):
        text = await _beginning(response)
        return response.status_code, text, _retry_after(response.headers.get("Retry-After", ""))


async def _beginning(response: httpx2.Response) -> str:
    read = b""
    async for piece in response.aiter_raw():
        read += piece
        if len(read) >= READ_BYTES:
            break
    return read[:READ_BYTES].decode("utf-8", "replace").replace("\x00", " ")[:KEPT_CHARS]


def _complaint(status: int) -> str:
    if 200 <= status < 300:
        return ""
    if 300 <= status < 400:
        return f"It answered {status}, a redirect, which is not followed: enter the address that it leads to."
    if status == GONE:
        return "It answered 410: it wants nothing more."
    return f"It answered {status}; 200 to 299 says that it was taken."


def _retry_after(header: str) -> int | None:
    return int(header) if header.isdecimal() and len(header) < 9 else None


@functools.cache
def _trusted() -> ssl.SSLContext:
    """The certificate authorities that are trusted; reading them takes longer than a request."""
    return httpx2.create_ssl_context()
