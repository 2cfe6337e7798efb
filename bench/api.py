"""The REST API over HTTP with many turns: requests a second and how long they take, beside plain requests.

The web process is as the Procfile starts it, with a database of its own that is made and dropped here: the handbook,
and synthetic traffic over 90 days (monitoring.synthetic.traffic). The client is another process with connections that
stay open. All kinds of requests take turns in several rounds, so that what else the machine does meets all of
them. Prints one JSON object a line.

    python -m bench.api [--turns 100000] [--connections 4] [--seconds 3] [--rounds 3]
"""

# ruff: noqa: E402  the database must run and Django be set up before its models can be imported
import argparse
import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ["DJANGO_SETTINGS_MODULE"] = "ragsite.settings"

from ragsite import embedded

embedded.provide()

import django

django.setup()

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import setup_databases, teardown_databases
from django.utils import timezone
from tqdm import tqdm

from bench.chat import free_port, quantile, show, wait_for
from chat.models import Conversation, Turn
from chat.models.api import Scope
from chat.services.configs import ensure_default_config
from chat.services.tokens import make_token
from monitoring.reports import refresh
from monitoring.synthetic.traffic.copying import copy_world
from monitoring.synthetic.traffic.texts import read_library
from monitoring.synthetic.traffic.world import WorldArguments, plan_world
from tests.databases import address_of

OWN_CONVERSATIONS = 200  # of the user who asks
QUESTIONS = ["How do I make a backup?", "Which groups are there?", "What does a judge cost?", "How is text searched?"]
Make = Callable[[int], tuple[str, str, object]]  # from a number to method, path and body


@dataclass
class Kind:
    """A kind of request, and how long each took."""

    name: str
    make: Make
    headers: dict[str, str]
    seconds: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=100_000)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=3, help="of each kind and round")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    logging.disable(logging.INFO)
    old = setup_databases(verbosity=0, interactive=False)
    try:
        fill(options.turns)
        kinds = list(kinds_of_requests())
        connection.close()
        with web_process() as port:
            asyncio.run(measure(options, port, kinds))
        tell(options, kinds)
    finally:
        teardown_databases(old, verbosity=0)


def fill(turns: int) -> None:
    call_command("createcachetable", verbosity=0)
    call_command("ingest", str(ROOT / "docs"), collection="handbook", verbosity=0)
    ensure_default_config()
    world = plan_world(WorldArguments(days=90, turns=turns, seed=7, until=timezone.now()), read_library(seed=7))
    with tqdm(total=turns, unit=" turns", disable=None) as bar:
        copy_world(world, on_turns=bar.update)
    refresh()
    user = get_user_model().objects.create_superuser("bench", "", "!")
    mine = Conversation.objects.order_by("pk").values_list("pk", flat=True)[:OWN_CONVERSATIONS]
    Conversation.objects.filter(pk__in=list(mine)).update(user=user)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def kinds_of_requests() -> Iterator[Kind]:
    """Yield the plain ones first, then those of the API."""
    user = get_user_model().objects.get(username="bench")
    client = Client()
    client.force_login(user)
    page = {"Cookie": f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"}
    token = {"Authorization": f"Bearer {make_token(user=user, name='bench', scopes=Scope.values)[1]}"}
    own = list(Turn.objects.filter(conversation__user=user, status="DONE").values_list("pk", flat=True)[:5000])

    def get(path: str) -> Make:
        return lambda _: ("GET", path, None)

    def score(number: int) -> tuple[str, str, object]:
        body = {"turn": own[number % len(own)], "name": "tone", "value": number % 11 / 10, "identifier": str(number)}
        return "POST", "/api/v1/scores/", body

    def vote(number: int) -> tuple[str, str, object]:
        return "PUT", f"/api/v1/turns/{own[number % len(own)]}/feedback/", {"value": 1 if number % 3 else -1}

    def search(number: int) -> tuple[str, str, object]:
        # Words of its own, so that no answer is kept from before.
        return "POST", "/api/v1/search/", {"q": f"{QUESTIONS[number % len(QUESTIONS)]} {number}"}

    yield Kind("plain_healthz", get("/healthz"), {})
    yield Kind("page_own_conversations", get("/conversations/"), page)
    yield Kind("page_admin_turns", get("/admin/chat/turn/"), page)
    yield Kind("api_me", get("/api/v1/me/"), token)
    yield Kind("api_search", search, token)
    yield Kind("api_feedback", vote, token)
    yield Kind("api_score", score, token)
    yield Kind("api_score_once", score, token | {"Idempotency-Key": "{number}"})
    yield Kind("api_own_turns", get("/api/v1/turns/"), token)
    yield Kind("api_watched_turns", get("/api/v1/monitoring/turns/"), token)
    yield Kind("api_watched_turns_down", get("/api/v1/monitoring/turns/?vote=down"), token)
    yield Kind("api_watched_turns_fields", get("/api/v1/monitoring/turns/?fields=id,question,status"), token)


@contextmanager
def web_process() -> Iterator[int]:
    """Run the site on the database that was filled; yields its port."""
    port = free_port()
    limits = {f"RAGSITE_API_{scope.name}_PER_MINUTE": "100000000" for scope in Scope}
    environment = (
        os.environ
        | limits
        | {
            "DATABASE_URL": address_of(connection.settings_dict["NAME"]),
            "RAGSITE_LOG_LEVEL": "WARNING",
        }
    )
    command = ["-m", "uvicorn", "ragsite.asgi:application", "--port", str(port), "--no-access-log", "--ws", "none"]
    process = subprocess.Popen([sys.executable, *command, "--log-level", "warning"], cwd=ROOT, env=environment)
    try:
        wait_for(port, "/healthz")
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


async def measure(options: argparse.Namespace, port: int, kinds: list[Kind]) -> None:
    numbers = count(1)
    for kind in kinds:  # warm up: connections, caches, plans
        await asyncio.gather(*(ask_on(port, kind, numbers, 0.3) for _ in range(options.connections)))
        kind.seconds.clear()

    for _ in tqdm(range(options.rounds), unit=" rounds", disable=None):
        for kind in kinds:
            before, begun = len(kind.seconds), time.perf_counter()
            await asyncio.gather(*(ask_on(port, kind, numbers, options.seconds) for _ in range(options.connections)))
            kind.rates.append((len(kind.seconds) - before) / (time.perf_counter() - begun))


async def ask_on(port: int, kind: Kind, numbers: Iterator[int], seconds: float) -> None:
    """Send one request after the other on a connection, for so long."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
    until = time.perf_counter() + seconds
    while (begun := time.perf_counter()) < until:
        number = next(numbers)
        method, path, body = kind.make(number)
        content = b"" if body is None else json.dumps(body).encode()
        headers = {**kind.headers, "Host": "127.0.0.1", "Content-Type": "application/json"}
        lines = [f"{name}: {value.replace('{number}', str(number))}" for name, value in headers.items()]
        head = "\r\n".join([f"{method} {path} HTTP/1.1", *lines, f"Content-Length: {len(content)}", "", ""])
        writer.write(head.encode() + content)
        status = int((await reader.readline()).split()[1])
        length = 0
        while (line := await reader.readline()) != b"\r\n":
            name, _, value = line.decode("latin-1").partition(":")
            if name.lower() == "content-length":
                length = int(value)
        reply = await reader.readexactly(length)
        assert status < 300, (method, path, status, reply[:500])
        kind.seconds.append(time.perf_counter() - begun)
    writer.close()


def tell(options: argparse.Namespace, kinds: list[Kind]) -> None:
    """Print rates and times, and how many plain requests take as long."""
    load, rates = os.getloadavg()[0], {kind.name: median(kind.rates) for kind in kinds}
    for kind in kinds:
        seconds = sorted(kind.seconds)
        show(
            f"{kind.name}_per_second",
            rates[kind.name],
            "1/s",
            f"{options.turns} turns, {options.connections} connections, n={len(seconds)};"
            f" load {load:.1f}, cores {os.cpu_count()}",
        )
        show(f"{kind.name}_p50_seconds", quantile(seconds, 0.5), "seconds", "")
        show(f"{kind.name}_p95_seconds", quantile(seconds, 0.95), "seconds", "")
    for name, plain in (("api_own_turns", "page_own_conversations"), ("api_watched_turns", "page_admin_turns")):
        show(f"{name}_of_page_ratio", rates[name] / rates[plain], "ratio", f"{plain} = 1")
    for kind in kinds[1:]:
        show(f"{kind.name}_of_plain_ratio", rates[kind.name] / rates["plain_healthz"], "ratio", "plain_healthz = 1")


if __name__ == "__main__":
    main()
