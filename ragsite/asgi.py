"""The web process: Django with what Django leaves out, the lifespan of the server.

At startup the embedder is loaded in a thread of its own, so that neither the first page nor the first question waits
for it; at shutdown running answers get the chance to be saved.
"""

import asyncio
import gc
import logging
import os
import sys
import threading
from typing import cast

import django
from django.conf import settings

from chat.exceptions import ChatError
from ragsite import embedded
from ragsite.gate import Application, Gate, Message, Receive, Send
from ragsite.one_thread import OneThreadHandler
from ragsite.process_metrics import FOLDER_VARIABLE, share_counts

logger = logging.getLogger(__name__)

# A thread that comes back from the database waits this long for Python's lock while the event loop computes, which it
# always does when hundreds of answers stream. With Python's 5 ms the first words of 300 answers took twice as long.
sys.setswitchinterval(0.001)

# Python looks for garbage in cycles after each 700 new objects, and hundreds of answers make so many that it took a
# twelfth of the processor time. There is little to find, and what the start made stays: see `_start`.
gc.set_threshold(20_000, 20, 20)

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ragsite.settings")
share_counts()  # before django-prometheus is loaded
embedded.provide()  # before Django reads its settings: it sets DATABASE_URL
django.setup(set_prefix=False)
django_application = Gate(cast(Application, OneThreadHandler()))

from chat import streaming  # noqa: E402 # imports models, so Django must be set up
from chat.rag.embed import LOCAL_NAME  # noqa: E402 # after django.setup()
from chat.rag.embedders import get_embedder  # noqa: E402 # after django.setup()
from chat.rag.llm_servers import load_client  # noqa: E402 # after django.setup()
from monitoring.telemetry import sending as telemetry  # noqa: E402 # after django.setup()
from ragsite.metrics import note_process  # noqa: E402 # after django.setup()

# How old the gauges of a process may be that is not the one that is asked for metrics.
NOTE_SECONDS = 5.0
_notes: set[asyncio.Task[None]] = set()  # the loop keeps no hold of its tasks


async def application(scope: Message, receive: Receive, send: Send) -> None:
    """Answer one connection, or live through the server's lifespan."""
    if scope["type"] == "lifespan":
        await _live(receive, send)
    else:
        await django_application(scope, receive, send)


async def _live(receive: Receive, send: Send) -> None:
    """Follow the server's lifespan: startup once, shutdown once."""
    while True:
        event = await receive()
        if event["type"] == "lifespan.startup":
            await _start()
            await send({"type": "lifespan.startup.complete"})
        elif event["type"] == "lifespan.shutdown":
            await _stop()
            await send({"type": "lifespan.shutdown.complete"})
            return


async def _start() -> None:
    streaming.requests_in_line = lambda: django_application.in_line
    await streaming.startup()
    load_client()
    gc.collect()
    gc.freeze()  # what there is by here is not looked at again
    if os.environ.get(FOLDER_VARIABLE):
        _notes.add(asyncio.create_task(_note_process()))
    threading.Thread(target=_warm_embedder, name="warm-embedder", daemon=True).start()
    if settings.TELEMETRY_SIGNALS:
        telemetry.start()


async def _stop() -> None:
    for task in _notes:
        task.cancel()
    await streaming.shutdown()
    await asyncio.to_thread(telemetry.stop)  # here, as uvicorn ends by a signal that leaves out atexit


async def _note_process() -> None:
    while True:
        note_process()
        await asyncio.sleep(NOTE_SECONDS)


def _warm_embedder() -> None:
    """Load the local model: on a fresh machine its graph is built first, which takes seconds."""
    try:
        embedder = get_embedder(LOCAL_NAME, cache_dir=settings.MODEL_CACHE_DIR, providers=settings.PROVIDERS)
        embedder.embed_query("warm")  # it loads with the first text
    except ChatError as error:
        logger.warning("the local embedder cannot be loaded: %s", error)
