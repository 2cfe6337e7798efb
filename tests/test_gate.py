"""The gate before Django: order, places, and who passes by. The application behind it is scripted."""

import asyncio

import pytest
from asgiref.sync import ThreadSensitiveContext, sync_to_async

from ragsite.gate import Gate

HTMX = [(b"hx-request", b"true")]


class Scripted:
    """An application whose requests begin, send their first bytes and end when the test says so."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.may_send: dict[str, asyncio.Event] = {}
        self.may_end: dict[str, asyncio.Event] = {}
        self.fails: set[str] = set()

    async def __call__(self, scope, receive, send) -> None:
        path = scope["path"]
        self.begun.append(path)
        self.may_send[path], self.may_end[path] = asyncio.Event(), asyncio.Event()
        await self.may_send[path].wait()
        if path in self.fails:
            raise RuntimeError(path)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await self.may_end[path].wait()
        await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def application() -> Scripted:
    return Scripted()


async def ask(gate: Gate, path: str, method: str = "GET", headers=()) -> asyncio.Task:
    """Begin a request and let it come as far as it can."""

    async def send(message) -> None:
        pass

    async def receive():
        return {"type": "http.request", "body": b""}

    scope = {"type": "http", "method": method, "path": path, "headers": list(headers)}
    task = asyncio.create_task(gate(scope, receive, send))
    await asyncio.sleep(0.01)
    return task


def test_requests_are_let_in_in_their_order_as_places_become_free(application):
    async def run():
        gate = Gate(application, places=2)
        tasks = [await ask(gate, name) for name in "abcd"]

        assert application.begun == ["a", "b"]
        assert gate.in_line == 2

        application.may_send["b"].set()
        await asyncio.sleep(0.01)

        assert application.begun == ["a", "b", "c"]
        assert gate.in_line == 1
        for task in tasks:
            task.cancel()

    asyncio.run(run())


def test_a_stream_leaves_its_place_with_its_first_bytes_and_only_once(application):
    async def run():
        gate = Gate(application, places=1)
        await ask(gate, "stream")
        application.may_send["stream"].set()
        await asyncio.sleep(0.01)
        await ask(gate, "next")
        await ask(gate, "third")

        assert application.begun == ["stream", "next"]

        application.may_end["stream"].set()
        await asyncio.sleep(0.01)

        assert application.begun == ["stream", "next"]

    asyncio.run(run())


def test_a_plain_form_post_passes_by_because_it_may_wait_for_an_answer(application):
    async def run():
        gate = Gate(application, places=1)
        await ask(gate, "page")
        await ask(gate, "plain", method="POST")
        await ask(gate, "htmx", method="POST", headers=HTMX)

        assert application.begun == ["page", "plain"]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/api/v1/turns/", []),
        ("/api/v1/turns/17/retry/", HTMX),
        ("/api/v1/turns/17/edit/", []),
        ("/v1/chat/completions", []),
        ("/api/v1/documents/", [(b"content-length", b"2000000")]),
        ("/api/v1/documents/", [(b"transfer-encoding", b"chunked")]),
    ],
)
def test_what_waits_for_an_answer_or_brings_much_passes_by(application, path, headers):
    async def run():
        gate = Gate(application, places=1)
        await ask(gate, "page")
        await ask(gate, path, method="POST", headers=headers)

        assert application.begun == ["page", path]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/turns/"),
        ("PUT", "/api/v1/turns/17/feedback/"),
        ("POST", "/api/v1/turns/17/signals/"),
        ("POST", "/api/v1/scores/"),
    ],
)
def test_what_the_api_does_quickly_waits_in_line(application, method, path):
    async def run():
        gate = Gate(application, places=1)
        await ask(gate, "page")
        await ask(gate, path, method, headers=[(b"content-length", b"200")])

        assert application.begun == ["page"]

    asyncio.run(run())


def test_searches_that_wait_for_an_embedder_keep_only_searches_waiting(application):
    async def run():
        gate = Gate(application, places=1)
        await ask(gate, "/api/v1/search/")
        await ask(gate, "/v1/embeddings", method="POST")
        await ask(gate, "page")

        assert application.begun == ["/api/v1/search/", "page"]

    asyncio.run(run())


def test_a_request_that_fails_or_is_given_up_leaves_its_place(application):
    async def run():
        gate = Gate(application, places=1)
        application.fails = {"fails"}
        failing = await ask(gate, "fails")
        given_up_inside = await ask(gate, "inside")
        given_up_in_line = await ask(gate, "in line")
        application.may_send["fails"].set()
        with pytest.raises(RuntimeError):
            await failing

        given_up_in_line.cancel()
        given_up_inside.cancel()
        await asyncio.gather(given_up_inside, given_up_in_line, return_exceptions=True)
        await ask(gate, "last")

        assert application.begun == ["fails", "inside", "last"]
        assert gate.in_line == 0

    asyncio.run(run())


def test_a_request_that_is_begun_from_within_the_one_before_has_threads_of_its_own():
    """As uvicorn begins one that came before the other was done, or whose context leaked: it inherits the place."""
    answered = []

    async def application(scope, receive, send) -> None:
        await sync_to_async(answered.append)(scope["path"])

    async def run():
        gate = Gate(application)
        is_over = asyncio.Event()

        async def later():
            await is_over.wait()
            await (await ask(gate, "form", "POST"))
            await (await ask(gate, "page"))

        async with ThreadSensitiveContext(executor=gate.places.threads[0]):
            task = asyncio.create_task(later())
        is_over.set()
        await task

    asyncio.run(run())

    assert answered == ["form", "page"]
