"""How much ragsite adds to a model's own time, and what many answers at once cost.

Real parts: PostgreSQL, the web process under uvicorn, the `openai` client over HTTP; the model is the scripted server
of tests/fakes.py in a process of its own. Time to first token is from sending the POST of a question to the first
`token` event of its stream; "added" is that minus the model's own time to first token, measured on the same server in
the same run without ragsite. Prints one JSON object a line.

Many at once: the questions arrive evenly within `--ramp-seconds`, less than one answer takes to speak, so that all of
them overlap. `--same-instant` asks once more, all in the same instant: the line that forms then is as long as can be.
Processor seconds a question are those of all web processes, which other work on the machine changes little.

    python -m bench.chat [--chunks 10000] [--questions 60] [--streams 300] [--ramp-seconds 4.5] [--processes 1]
                         [--same-instant]
"""

import argparse
import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil

ROOT = Path(__file__).resolve().parent.parent
DATA_DIR = ROOT / "var" / "bench"
TOKENS, TOKENS_A_SECOND = 100, 20
STREAM_MODEL = f"fake/slow-{TOKENS}x{TOKENS_A_SECOND}"
QUICK_MODEL = "fake/default"
LONGEST_SECONDS = 120


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=10_000)
    parser.add_argument("--questions", type=int, default=60)
    parser.add_argument("--streams", type=int, default=300)
    parser.add_argument("--ramp-seconds", type=float, default=4.5, help="questions arrive evenly within this time")
    parser.add_argument("--processes", type=int, default=default_processes(), help="web processes")
    parser.add_argument("--same-instant", action="store_true", help="ask once more, all at the same instant")
    options = parser.parse_args()
    model_port, web_port = free_port(), free_port()
    prepare_environment(model_port)
    from bench.chat_data import fill, session_cookies

    fill(options.chunks)
    cookies = session_cookies(options.streams)
    model = subprocess.Popen([sys.executable, "-m", "tests.fakes", "--port", str(model_port)], cwd=ROOT)
    command = ["-m", "uvicorn", "ragsite.asgi:application", "--port", str(web_port), "--no-access-log"]
    web = subprocess.Popen(
        [sys.executable, *command, "--log-level", "warning"],
        cwd=ROOT,
        env=os.environ | {"RAGSITE_LOG_LEVEL": "WARNING", "WEB_CONCURRENCY": str(options.processes)},
    )
    try:
        wait_for(web_port, "/healthz")
        wait_for(model_port, "/v1/models")
        asyncio.run(measure(options, Site(web_port, model_port, web.pid), cookies))
    finally:
        for process in (web, model):
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)


def prepare_environment(model_port: int) -> None:
    """Set what the web process and this one read, before Django does."""
    DATA_DIR.mkdir(parents=True, exist_ok=True)
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "ragsite.settings",
        "RAGSITE_DATA_DIR": str(DATA_DIR),
        "LLM_PROVIDERS": f"fake=http://127.0.0.1:{model_port}/v1",
    }
    from ragsite import embedded

    embedded.provide()
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)


@dataclass(frozen=True)
class Site:
    """Where the processes are."""

    web_port: int
    model_port: int
    web_pid: int


@dataclass(frozen=True)
class Asked:
    """What one question came to, in seconds since its POST; None: it did not happen."""

    first_token_seconds: float | None
    done_seconds: float | None
    error: str = ""


async def measure(options: argparse.Namespace, site: Site, cookies: list[str]) -> None:
    """Ask alone, then many at once, and print the figures."""
    for _ in range(5):  # warm up: connections, caches, plans
        await ask(site, cookies[0], QUICK_MODEL)
    own = [await own_first_token(site, "default") for _ in range(options.questions)]
    alone = [await ask(site, cookies[0], QUICK_MODEL) for _ in range(options.questions)]
    errors = [one.error for one in alone if one.error]
    if errors:
        raise SystemExit(f"asking alone failed: {errors[0]}")
    added = sorted(one.first_token_seconds - median(own) for one in alone)
    against = f"model's own {median(own):.4f} s; {options.chunks} chunks, 1 user, n={options.questions}"
    show("added_first_token_p50_seconds", quantile(added, 0.5), "seconds", f"limit 0.060; {against}")
    show("added_first_token_p95_seconds", quantile(added, 0.95), "seconds", f"limit 0.150; {against}")
    show("web_rss_alone_mb", rss_mb(site.web_pid), "MB", "after the questions asked alone")

    watch = asyncio.create_task(watch_database())
    begun, processor_begun = time.perf_counter(), processor_seconds(site.web_pid)
    asked = await ask_many(site, cookies[: options.streams], options.ramp_seconds)
    seconds, processor = time.perf_counter() - begun, processor_seconds(site.web_pid) - processor_begun
    watch.cancel()
    connections = await watch
    from bench.chat_data import whole_answers

    whole = await asyncio.to_thread(whole_answers, STREAM_MODEL, TOKENS)
    own_many = median([await own_first_token(site, f"slow-{TOKENS}x{TOKENS_A_SECOND}") for _ in range(10)])
    added = sorted(one.first_token_seconds - own_many for one in asked if one.first_token_seconds is not None)
    ideal = TOKENS / TOKENS_A_SECOND + options.ramp_seconds
    against = (
        f"{TOKENS} tokens, {TOKENS_A_SECOND} a second, arriving evenly within {options.ramp_seconds:g} s;"
        f" web processes: {options.processes}, cores for all: {os.cpu_count()}"
    )
    show("streams_at_once", await most_streams(site), "streams", f"asked {options.streams}; {against}")
    show("streams_lost", options.streams - whole, "streams", "turns not stored whole; limit 0")
    show("stream_errors", sum(bool(one.error) for one in asked), "streams", first_error(asked))
    show("streams_added_first_token_p50_seconds", quantile(added, 0.5), "seconds", against)
    show("streams_added_first_token_p95_seconds", quantile(added, 0.95), "seconds", f"limit 1; {against}")
    show("streams_seconds_ratio", seconds / ideal, "ratio", f"{seconds:.1f} s against an ideal {ideal:.1f} s")
    show(
        "database_connections_max", connections, "connections", "limit 20; all of the web process, sampled 10 a second"
    )
    show("processor_seconds_a_question", processor / options.streams, "seconds", f"of all web processes; {against}")
    rss = f"after {options.streams} streams; all {options.processes} web processes, with what they share"
    show("web_rss_mb", rss_mb(site.web_pid), "MB", rss)
    if options.same_instant:
        asked = await ask_many(site, cookies[: options.streams], 0)
        added = sorted(one.first_token_seconds - own_many for one in asked if one.first_token_seconds is not None)
        against = f"{options.streams} questions in the same instant, {sum(bool(one.error) for one in asked)} failed"
        show("streams_same_instant_first_token_p95_seconds", quantile(added, 0.95), "seconds", against)


async def ask_many(site: Site, cookies: list[str], ramp_seconds: float) -> list[Asked]:
    """Ask one question for each cookie, evenly within the time."""
    pause = ramp_seconds / len(cookies)
    return await asyncio.gather(
        *(later(i * pause, ask(site, cookie, STREAM_MODEL)) for i, cookie in enumerate(cookies))
    )


async def later(seconds: float, asking):
    await asyncio.sleep(seconds)
    return await asking


async def ask(site: Site, cookie: str, model: str) -> Asked:
    """Ask in a new conversation as the browser does: POST, then read the stream that the page names."""
    begun = time.perf_counter()
    first: float | None = None
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            page = await post_question(site, cookie, model)
            path = re.search(rb'sse-connect="([^"]+)"', page)
            if path is None:
                return Asked(None, None, f"no stream in the page: {page[:300]!r}")
            reader, writer = await request(site.web_port, "GET", path.group(1).decode(), cookie)
            try:
                while line := await reader.readline():
                    if line.startswith((b"event: token", b"event: block")) and first is None:
                        first = time.perf_counter() - begun
                    elif line.startswith(b"event: done"):
                        return Asked(first, time.perf_counter() - begun)
            finally:
                writer.close()
            return Asked(first, None, "the stream ended without done")
    except (OSError, TimeoutError) as error:
        return Asked(first, None, f"{type(error).__name__}: {error}")


async def post_question(site: Site, cookie: str, model: str) -> bytes:
    body = f"question=How+is+the+pressure+of+pump+{time.monotonic_ns()}+set%3F&model={model}&search_mode=hybrid"
    return await read_all(*await request(site.web_port, "POST", "/c/", cookie, body))


async def read_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    try:
        return await reader.read()
    finally:
        writer.close()


async def request(port: int, method: str, path: str, cookie: str = "", body: str = ""):
    """Send one request as lean as can be, since this process shares the machine with what it measures."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: close", "HX-Request: true"]
    if cookie:
        token = "a" * 32
        lines += [f"Cookie: sessionid={cookie}; csrftoken={token}", f"X-CSRFToken: {token}"]
    if method == "POST":
        lines += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}"]
    writer.write(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
    await writer.drain()
    return reader, writer


async def own_first_token(site: Site, model: str) -> float:
    """Return the scripted server's own time to first token, in seconds."""
    begun = time.perf_counter()
    body = json.dumps({"model": model, "stream": True, "messages": [{"role": "user", "content": "hello"}]})
    reader, writer = await request(site.model_port, "POST", "/v1/chat/completions", "", body)
    try:
        while line := await reader.readline():
            if b'"content":' in line and b'"content":""' not in line.replace(b" ", b""):
                return time.perf_counter() - begun
    finally:
        writer.close()
    raise SystemExit("the scripted server gave no token")


async def most_streams(site: Site) -> int:
    """Return how many answers the scripted server spoke at the same time, at most."""
    reader, writer = await request(site.model_port, "GET", "/stats")
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    body = await reader.readexactly(int(length.group(1)))
    writer.close()
    return json.loads(body)["open_streams_max"]


async def watch_database() -> int:
    """Sample the number of connections of the web process until cancelled; return the most seen."""
    from bench.chat_data import web_connections

    most = 0
    try:
        while True:
            most = max(most, await asyncio.to_thread(web_connections))
            await asyncio.sleep(0.1)
    except asyncio.CancelledError:
        return most


def default_processes() -> int:
    """Return the number of web processes that `make run` starts here."""
    return int(os.environ.get("WEB_CONCURRENCY") or 1)


def processor_seconds(pid: int) -> float:
    """Return the processor time that a process and its children have taken so far."""
    process = psutil.Process(pid)
    times = [one.cpu_times() for one in [process, *process.children(recursive=True)]]
    return sum(each.user + each.system for each in times)


def rss_mb(pid: int) -> float:
    process = psutil.Process(pid)
    return sum(one.memory_info().rss for one in [process, *process.children(recursive=True)]) / 2**20


def first_error(asked: list[Asked]) -> str:
    return next((one.error for one in asked if one.error), "none")


def quantile(values: list[float], q: float) -> float:
    return values[min(len(values) - 1, int(q * len(values)))]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(port: int, path: str) -> None:
    import urllib.error
    import urllib.request

    for _ in range(300):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
        else:
            return
    raise SystemExit(f"nothing answers on port {port}")


def show(figure: str, value: float, unit: str, against: str) -> None:
    print(json.dumps({"figure": figure, "value": round(value, 4), "unit": unit, "against": against}), flush=True)


if __name__ == "__main__":
    main()
