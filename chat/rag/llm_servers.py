"""The servers that models run on: one client of the vendor's for each, and the list of its models."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

import httpx2

from chat.rag.config import Provider
from chat.rag.late import LateModule
from chat.storable import storable

if TYPE_CHECKING:
    import openai
else:
    openai = LateModule("openai")  # it takes most of a second to load

logger = logging.getLogger(__name__)

# One client for each event loop and server, because connections belong to a loop and are worth keeping.
_clients: dict[asyncio.AbstractEventLoop, tuple[dict[Provider, openai.AsyncOpenAI], AsyncGenerator[None]]] = {}


def load_client() -> None:
    """Load the vendor's client, so that the first question need not wait for it."""
    openai.AsyncOpenAI  # noqa: B018 # asking for it loads it


async def client_for(provider: Provider) -> openai.AsyncOpenAI:
    """Return the running loop's client of a server. It is closed with the loop, or by `close_clients`."""
    loop = asyncio.get_running_loop()
    if loop not in _clients:
        clients: dict[Provider, openai.AsyncOpenAI] = {}
        closing = _closed_with_loop(loop, clients)
        _clients[loop] = clients, closing
        await anext(closing)
    clients, _ = _clients[loop]
    if provider not in clients:
        # Without a key the vendor's client would send the environment's OPENAI_API_KEY, to whatever server this is.
        client = openai.AsyncOpenAI(base_url=provider.base_url, api_key=provider.api_key or "none", max_retries=0)
        clients[provider] = client
    return clients[provider]


async def close_clients() -> None:
    """Close the running loop's clients. Loops that end as asyncio.run ends them do this by themselves."""
    _, closing = _clients.get(asyncio.get_running_loop(), (None, None))
    if closing is not None:
        await closing.aclose()


async def _closed_with_loop(
    loop: asyncio.AbstractEventLoop, clients: dict[Provider, openai.AsyncOpenAI]
) -> AsyncGenerator[None]:
    """Wait, as an asynchronous generator that a loop closes when it ends, and then close the clients."""
    try:
        yield
    finally:
        _clients.pop(loop, None)
        for client in clients.values():
            await client.close()


async def list_models(provider: Provider, *, timeout_seconds: float = 3.0) -> list[str]:
    """Return the names ("provider/model", sorted) that a server offers; none, with a warning logged, when it fails.

    It is for a picker: a page is shown without the models of a server that is away.
    """
    client = await client_for(provider)
    try:
        async with asyncio.timeout(timeout_seconds):
            listed = await client.get("/models", cast_to=object)
    except (openai.OpenAIError, httpx2.HTTPError, TimeoutError, ValueError) as exc:
        logger.warning("models of provider=%s cannot be listed: %s", provider.name, type(exc).__name__)
        return []
    data = listed.get("data") if isinstance(listed, dict) else None
    names = [item.get("id") for item in data or () if isinstance(item, dict)]
    return sorted(f"{provider.name}/{name}" for name in names if isinstance(name, str) and name == storable(name))
