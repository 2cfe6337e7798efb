"""A scripted OpenAI-compatible server: what tests, browser tests and benchmarks talk to instead of a model.

It speaks real HTTP/1.1 on a real port: `POST /v1/chat/completions` (streamed and not), `POST /v1/embeddings`,
`GET /v1/models`, and `GET /stats`, its own figures. Plain asyncio: a benchmark reads 300 streams at once.

In a test, in a thread of the same process::

    with FakeLLM() as fake_llm:
        fake_llm.enqueue("Paris [1].", Reply(status=500), Reply("Slow.", token_delay_seconds=0.1))
        ...                                    # talk to fake_llm.base_url ("http://127.0.0.1:40123/v1")
        assert fake_llm.requests[0].body["temperature"] == 0.2
        assert fake_llm.wait_until(lambda: fake_llm.cancelled)   # the client went away in the middle

Queued replies are used up first, in order. A request that finds the queue empty is answered by its model's
name (`reply_for_model`), so that a process of its own (`python -m tests.fakes --port 9000`) is scripted too:

    echo             the last user message            no-usage        no token counts
    slow-100x20      100 tokens, 20 a second          broken          connection lost after three tokens
    slow-100x20-0.5  the same, first after 0.5 s      malformed       after three tokens what is not JSON
    http-500         that status, always              stream-error    after three tokens an error object
    http-429x2       twice, then the usual answer     hang            no byte, ever
    refuses-NAME     400 when NAME is sent            hang-3          silence after three tokens
    think            <think> before the answer        empty           no text
    reasoning        reasoning_content before it      content-filter  stopped by a filter
    embed-64         vectors of 64 dimensions         anything else   `DEFAULT_TEXT`, word by word
"""

import argparse
import asyncio
import base64
import contextlib
import json
import math
import re
import struct
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Self

import uvloop

from tests.fake_replies import MODELS, Reply, Request, embed_text, refusal, reply_for_model
from tests.fake_wire import Wire

EMBEDDING_DIMENSIONS = 384  # when neither the model's name nor the request says


class FakeLLM:
    """The server. As a context manager it runs in a thread; `serve` runs it in the current loop."""

    def __init__(self, *, refuses: tuple[str, ...] = (), require_key: str = "") -> None:
        self.refuses = refuses  # parameters that every chat request is refused for, e.g. ("stream_options",)
        self.require_key = require_key  # other keys than this are answered with 401; empty: any
        self.requests: list[Request] = []
        self.models: tuple[str, ...] = MODELS
        self.script: Callable[[Request], Reply] | None = None  # answers instead of queue and names
        self.port = 0
        self.connections_accepted = 0
        self.open_streams = 0
        self.open_streams_max = 0
        self._replies: deque[Reply] = deque()
        self._embedding_replies: deque[Reply] = deque()
        self._calls: Counter[str] = Counter()
        self._connections: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    # What a test uses

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def chat_requests(self) -> list[Request]:
        return [request for request in self.requests if request.path == "/v1/chat/completions"]

    @property
    def embedding_requests(self) -> list[Request]:
        return [request for request in self.requests if request.path == "/v1/embeddings"]

    @property
    def cancelled(self) -> list[Request]:
        return [request for request in self.requests if request.cancelled]

    def enqueue(self, *replies: Reply | str) -> None:
        """Add replies to the next chat requests, in order; a string is an ordinary answer of that text."""
        self._replies.extend(Reply(reply) if isinstance(reply, str) else reply for reply in replies)

    def enqueue_embeddings(self, *replies: Reply) -> None:
        """Add replies to the next embedding requests: failures, or a raw `body`."""
        self._embedding_replies.extend(replies)

    def reset(self) -> None:
        """Forget requests, counts and queued replies, for a server that several tests share."""
        self.requests.clear()
        self._replies.clear()
        self._embedding_replies.clear()
        self._calls.clear()
        self.refuses, self.models, self.open_streams_max = (), MODELS, self.open_streams

    def wait_until(self, condition: Callable[[], object], timeout_seconds: float = 20.0) -> bool:
        """Return whether the condition became true in time; it is looked at every 10 ms."""
        deadline = time.monotonic() + timeout_seconds
        while not condition():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    def __enter__(self) -> Self:
        started = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self.serve(0, "127.0.0.1", started.set)), daemon=True
        )
        self._thread.start()
        if not started.wait(30):
            raise RuntimeError("the fake LLM server did not start within 30 s")
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._loop is not None and self._thread is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(5)

    # The server

    async def serve(self, port: int, host: str, started: Callable[[], None]) -> None:
        """Serve until stopped, then drop the open connections."""
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connected, host, port, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        started()
        try:
            await self._stop.wait()
        finally:
            server.close()
            tasks = tuple(self._connections)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        self.connections_accepted += 1
        try:
            while (request := await self._read_request(reader)) is not None:
                await self._answer(request, Wire(reader, writer, request))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client went away between requests, or a script dropped it
        finally:
            self._connections.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _read_request(self, reader: asyncio.StreamReader) -> Request | None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return None
        start, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        content = await reader.readexactly(int(headers.get("content-length", 0)))
        path = start.split(" ")[1].partition("?")[0]
        return Request(path, headers, json.loads(content) if content else {}, time.monotonic())

    async def _answer(self, request: Request, wire: Wire) -> None:
        if request.path == "/stats":
            await wire.send_json(200, self._stats())
            return
        self.requests.append(request)
        request.request_id = f"req-{len(self.requests)}"
        if self.require_key and request.headers.get("authorization") != f"Bearer {self.require_key}":
            await self._fail(Reply(status=401), wire)
            return
        if request.path == "/v1/models":
            data = [{"id": name, "object": "model", "created": 0, "owned_by": "fake"} for name in self.models]
            await wire.send_json(200, {"object": "list", "data": data})
            return
        self._calls[request.model] += 1
        if request.path == "/v1/embeddings":
            await self._answer_embeddings(request, wire)
            return
        if request.path != "/v1/chat/completions":
            await self._fail(Reply(status=404), wire)
            return
        refused = next((name for name in self.refuses if name in request.body), None)
        if refused is not None:
            await self._fail(refusal(refused), wire)
            return
        if self.script is not None:
            reply = self.script(request)
        else:
            reply = self._replies.popleft() if self._replies else reply_for_model(request, self._calls[request.model])
        if reply.status != 200:
            await asyncio.sleep(reply.first_token_delay_seconds)
            await self._fail(reply, wire)
            return
        if reply.unstreamed or not request.body.get("stream"):
            await self._answer_whole(request, reply, wire)
            return
        self.open_streams += 1
        self.open_streams_max = max(self.open_streams_max, self.open_streams)
        try:
            await self._answer_stream(request, reply, wire)
        finally:
            self.open_streams -= 1

    async def _fail(self, reply: Reply, wire: Wire) -> None:
        codes = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}
        message = f"The script says {reply.status} {HTTPStatus(reply.status).phrase}."
        error = reply.error or {"message": message, "type": "error", "code": codes.get(reply.status)}
        await wire.send_json(reply.status, {"error": error}, reply.headers)

    async def _answer_whole(self, request: Request, reply: Reply, wire: Wire) -> None:
        seconds = reply.first_token_delay_seconds + reply.token_delay_seconds * len(reply.pieces())
        if not await wire.wait(math.inf if reply.hang_after_tokens is not None else seconds):
            return
        if reply.break_after_tokens is not None:
            raise ConnectionResetError("the script drops the connection")
        message = {"role": "assistant", "content": reply.text}
        if reply.reasoning:
            message["reasoning_content"] = reply.reasoning
        choice = {"index": 0, "message": message, "finish_reason": reply.finish_reason}
        body = {**self._envelope(request, "chat.completion"), "choices": [choice]}
        if usage := self._usage(request, reply):
            body["usage"] = usage
        await wire.send_json(200, body if reply.body is None else reply.body, reply.headers)
        request.finished = True

    async def _answer_stream(self, request: Request, reply: Reply, wire: Wire) -> None:
        if reply.hang_after_tokens == 0:
            await wire.wait(math.inf)
            return
        wire.start_stream(reply.headers)
        envelope = json.dumps(self._envelope(request, "chat.completion.chunk"))[:-1]

        def chunk(delta: dict[str, str], finish_reason: str | None = None) -> str:
            choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
            return f'{envelope}, "choices": [{json.dumps(choice)}]}}'

        events = [chunk({"content": piece}) for piece in reply.pieces()]
        end = [chunk({}, reply.finish_reason)]
        usage = self._usage(request, reply)
        if usage and (request.body.get("stream_options") or {}).get("include_usage"):
            end.append(f'{envelope}, "choices": [], "usage": {json.dumps(usage)}}}')
        if reply.chunks is not None:
            events, end = [json.dumps(raw) for raw in reply.chunks], []
        cuts = {
            reply.malformed_after_tokens: '{"choices": [{"delta": {"content": "half a',
            reply.error_after_tokens: '{"error": {"message": "Out of memory.", "code": "overloaded"}}',
        }
        begin = time.monotonic()
        wire.send_event(chunk({"role": "assistant", "content": ""}))
        if reply.reasoning:
            wire.send_event(chunk({"reasoning_content": reply.reasoning}))
        for number, event in enumerate([*events, None]):
            if number == reply.break_after_tokens:
                await wire.flush()
                raise ConnectionResetError("the script drops the connection")
            if number == reply.hang_after_tokens:
                await wire.wait(math.inf)
                return
            if number in cuts:
                wire.send_event(cuts[number])
            if event is None:
                break
            due = begin + reply.first_token_delay_seconds + number * reply.token_delay_seconds
            if (seconds := due - time.monotonic()) > 0 and not await wire.wait(seconds):
                return
            if number == 0:
                request.first_token_at = time.monotonic()
            elif reply.gate is not None and not await wire.wait_for(reply.gate):
                return
            wire.send_event(event)
            await wire.flush()
            request.tokens_sent += 1
        if wire.client_left():
            return
        for event in (*end, "[DONE]"):
            wire.send_event(event)
        await wire.end_stream()
        request.finished = True

    async def _answer_embeddings(self, request: Request, wire: Wire) -> None:
        if self._embedding_replies:
            reply = self._embedding_replies.popleft()
        else:
            reply = reply_for_model(request, self._calls[request.model])
        if not await wire.wait(math.inf if reply.hang_after_tokens is not None else reply.first_token_delay_seconds):
            return
        if reply.status != 200:
            await self._fail(reply, wire)
            return
        match = re.fullmatch(r"embed-(\d+)", request.model)
        dimensions = request.body.get("dimensions") or (int(match[1]) if match else EMBEDDING_DIMENSIONS)
        given = request.body["input"]
        data = []
        for index, text in enumerate([given] if isinstance(given, str) else given):
            vector: list[float] | str = embed_text(str(text), dimensions)
            if request.body.get("encoding_format") == "base64":
                vector = base64.b64encode(struct.pack(f"<{dimensions}f", *vector)).decode()
            data.append({"object": "embedding", "index": index, "embedding": vector})
        words = len(str(given).split())
        usage = {"prompt_tokens": words, "total_tokens": words}
        body = {"object": "list", "model": request.model, "data": data, "usage": usage}
        await wire.send_json(200, body if reply.body is None else reply.body, reply.headers)
        request.finished = True

    def _envelope(self, request: Request, kind: str) -> dict[str, Any]:
        return {"id": f"chatcmpl-{len(self.requests)}", "object": kind, "created": 1, "model": request.model}

    def _usage(self, request: Request, reply: Reply) -> dict[str, Any]:
        if reply.usage is not None:
            return reply.usage
        given = sum(len(str(message.get("content", "")).split()) for message in request.body.get("messages", []))
        made = len(reply.pieces())
        return {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made}

    def _stats(self) -> dict[str, Any]:
        """Return what a benchmark subtracts and checks: `first_token_seconds` has one value a stream."""
        firsts = [r.first_token_at - r.received_at for r in self.requests if r.first_token_at is not None]
        return {
            "chat_calls": len(self.chat_requests),
            "embedding_calls": len(self.embedding_requests),
            "cancelled": len(self.cancelled),
            "open_streams": self.open_streams,
            "open_streams_max": self.open_streams_max,
            "first_token_seconds": firsts,
        }


def main() -> None:
    """Serve in this process until it is ended; prints the base URL once it listens."""
    parser = argparse.ArgumentParser(description="A scripted OpenAI-compatible server.")
    parser.add_argument("--port", type=int, default=9000)
    parser.add_argument("--host", default="127.0.0.1")
    options = parser.parse_args()
    fake_llm = FakeLLM()

    def announce() -> None:
        sys.stdout.write(f"{fake_llm.base_url}\n")
        sys.stdout.flush()

    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(fake_llm.serve(options.port, options.host, announce))


if __name__ == "__main__":
    main()
