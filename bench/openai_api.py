"""What /v1/chat/completions adds to the model server behind it.

The same request goes to the scripted model server of tests/fakes.py and to the site in turn, streamed and whole, one at
a time and many at once, by the same lean client. What the site does besides, search included, is the difference. Prints
one JSON object a line: seconds added, the site's median as a multiple of the model's own, and processor seconds of the
web process, which other work on the machine changes little.

    python -m bench.openai_api [--chunks 10000] [--requests 40] [--at-once 20] [--rounds 5]
"""

import argparse
import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from statistics import median

from bench.chat import ROOT, free_port, prepare_environment, processor_seconds, quantile, show, wait_for

TOKENS, TOKENS_A_SECOND, FIRST_SECONDS = 20, 100, 0.2
MODEL = f"slow-{TOKENS}x{TOKENS_A_SECOND}-{FIRST_SECONDS}"
CONFIG = "bench-openai"
LONGEST_SECONDS = 60


@dataclass(frozen=True)
class Server:
    """Somebody who answers chat completions."""

    port: int
    model: str
    key: str = ""


@dataclass(frozen=True)
class Took:
    """Seconds of one request since it was sent: to its first text (of a stream), and to its end."""

    first_seconds: float
    whole_seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=10_000)
    parser.add_argument("--requests", type=int, default=40, help="one at a time, of each kind and server")
    parser.add_argument("--at-once", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5, help="of so many at once")
    options = parser.parse_args()
    model_port, web_port = free_port(), free_port()
    prepare_environment(model_port)
    key = prepare_site(options.chunks)
    model = subprocess.Popen([sys.executable, "-m", "tests.fakes", "--port", str(model_port)], cwd=ROOT)
    command = ["-m", "uvicorn", "ragsite.asgi:application", "--port", str(web_port), "--no-access-log"]
    limits = {"RAGSITE_API_CHAT_PER_MINUTE": "1000000", "RAGSITE_LOG_LEVEL": "WARNING"}
    web = subprocess.Popen([sys.executable, *command, "--log-level", "warning"], cwd=ROOT, env=os.environ | limits)
    try:
        wait_for(web_port, "/healthz")
        wait_for(model_port, "/v1/models")
        asyncio.run(measure(options, Server(model_port, MODEL), Server(web_port, CONFIG, key), web.pid))
    finally:
        for process in (web, model):
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)


def prepare_site(chunks: int) -> str:
    """Fill the knowledge base, offer a config with the scripted model, and return a user's token."""
    from django.contrib.auth import get_user_model

    from bench.chat_data import fill
    from chat.models import Conversation, PipelineConfig
    from chat.services.configs import ensure_default_config, offer_config, save_variant
    from chat.services.tokens import make_token

    fill(chunks)
    Conversation.objects.all().delete()
    config = PipelineConfig.objects.filter(name=CONFIG, model=f"fake/{MODEL}").first() or save_variant(
        config=ensure_default_config(), name=CONFIG, description="Of a benchmark.", model=f"fake/{MODEL}"
    )
    offer_config(config=config, is_offered=True)
    user, _ = get_user_model().objects.get_or_create(username="bench-openai", defaults={"password": "!"})
    return make_token(user=user, name="bench", scopes=["chat"])[1]


async def measure(options: argparse.Namespace, model: Server, site: Server, web_pid: int) -> None:
    """Ask both in turn, and print the figures."""
    for _ in range(5):  # warm up: connections, caches, plans
        await ask(site, is_streamed=True)
        await ask(model, is_streamed=True)
    load = os.getloadavg()[0]
    alone = f"{options.chunks} chunks, one at a time, n={options.requests}; load {load:.1f}, cores {os.cpu_count()}"
    for kind, is_streamed in (("stream", True), ("whole", False)):
        own, here = [], []
        for _ in range(options.requests):
            own.append(await ask(model, is_streamed=is_streamed))
            here.append(await ask(site, is_streamed=is_streamed))
        tell(f"openai_{kind}", own, here, alone, is_streamed=is_streamed)
        own, here, processor_begun = [], [], processor_seconds(web_pid)
        for _ in range(options.rounds):
            own += await asyncio.gather(*(ask(model, is_streamed=is_streamed) for _ in range(options.at_once)))
            here += await asyncio.gather(*(ask(site, is_streamed=is_streamed) for _ in range(options.at_once)))
        many = f"{options.at_once} in the same instant, {options.rounds} times; load {os.getloadavg()[0]:.1f}"
        tell(f"openai_{kind}_{options.at_once}", own, here, many, is_streamed=is_streamed)
        processor = (processor_seconds(web_pid) - processor_begun) / len(here)
        show(f"openai_{kind}_processor_seconds_a_request", processor, "seconds", f"of the web process; {many}")


def tell(name: str, own: list[Took], here: list[Took], against: str, *, is_streamed: bool) -> None:
    """Print what the site adds to the median of the model's own seconds."""
    parts = ["first", "whole"] if is_streamed else ["whole"]
    for part in parts:
        alone = median(getattr(took, f"{part}_seconds") for took in own)
        seconds = sorted(getattr(took, f"{part}_seconds") for took in here)
        said = f"model's own {alone:.3f} s; {against}"
        label = "first_token" if part == "first" else "end"
        show(f"{name}_added_{label}_p50_seconds", quantile(seconds, 0.5) - alone, "seconds", said)
        show(f"{name}_added_{label}_p95_seconds", quantile(seconds, 0.95) - alone, "seconds", said)
        show(f"{name}_{label}_ratio", median(seconds) / alone, "ratio", said)


async def ask(server: Server, *, is_streamed: bool) -> Took:
    """Ask a question that nobody asked before."""
    question = f"How is the pressure of pump {time.monotonic_ns()} set?"
    body = json.dumps(
        {"model": server.model, "stream": is_streamed, "messages": [{"role": "user", "content": question}]}
    ).encode()
    begun = time.perf_counter()
    async with asyncio.timeout(LONGEST_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        lines = [
            "POST /v1/chat/completions HTTP/1.1",
            f"Host: 127.0.0.1:{server.port}",
            "Connection: close",
            f"Authorization: Bearer {server.key}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
        ]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        try:
            return await read(reader, begun, is_streamed=is_streamed)
        finally:
            writer.close()


async def read(reader: asyncio.StreamReader, begun: float, *, is_streamed: bool) -> Took:
    """Read a reply to its end: [DONE] of a stream, which the last word must have come before."""
    first, said = 0.0, b""
    status = await reader.readline()
    if b" 200 " not in status:
        raise SystemExit(f"refused: {status!r} {(await reader.read())[-300:]!r}")
    head = await reader.readuntil(b"\r\n\r\n")
    if not is_streamed:
        said = await reader.readexactly(int(re.search(rb"content-length: (\d+)", head, re.IGNORECASE).group(1)))
    while is_streamed and (line := await reader.readline()):
        if not first and b'"content":' in line and b'"content":""' not in line.replace(b" ", b""):
            first = time.perf_counter() - begun
        if b"data: [DONE]" in line:
            break
        said += line
    if b"word19" not in said:
        raise SystemExit(f"not the whole answer: {said[-300:]!r}")
    return Took(first, time.perf_counter() - begun)


if __name__ == "__main__":
    main()
