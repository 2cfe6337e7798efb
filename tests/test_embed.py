"""Embedders by name: the local one, and servers that answer well, badly, late or not at all, over real HTTP."""

import asyncio
import shutil
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import numpy as np
import pytest

from chat.exceptions import ConfigurationError, EmbeddingError
from chat.rag.config import Provider
from chat.rag.embed import LocalEmbedder, OpenAIEmbedder, Patience, get_embedder
from tests.fake_replies import Reply, embed_text
from tests.fakes import FakeLLM

PATIENCE = Patience(attempts=3, request_seconds=5, total_seconds=10)


@pytest.fixture(scope="module")
def server():
    with FakeLLM() as fake_llm:
        yield fake_llm


@pytest.fixture
def fake_llm(server):
    server.reset()
    return server


@pytest.fixture
def embedder(fake_llm):
    return make_embedder(fake_llm.base_url)


def make_embedder(base_url, model="embed-8", *, api_key="sk-secret-1", dimensions=None, patience=PATIENCE):
    return OpenAIEmbedder(
        Provider("fake", base_url, api_key),
        model,
        dimensions=dimensions,
        document_patience=patience,
        query_patience=patience,
    )


def body_of(vectors, *, indexes=None, usage=None):
    """A server's answer with these vectors."""
    indexes = range(len(vectors)) if indexes is None else indexes
    data = [
        {"object": "embedding", "index": index, "embedding": vector}
        for index, vector in zip(indexes, vectors, strict=True)
    ]
    body = {"object": "list", "model": "embed-8", "data": data}
    return body if usage is None else {**body, "usage": usage}


# A server that works


def test_documents_are_embedded_in_order_with_tokens(embedder, fake_llm):
    texts = ["the first text", "a second one", "third"]

    embedded = embedder.embed_documents(texts)

    expected = np.array([embed_text(text, 8) for text in texts])
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(embedded.vectors, expected, atol=1e-6)
    assert embedded.vectors.dtype == np.float32
    assert embedded.input_tokens == 7
    (request,) = fake_llm.embedding_requests
    assert request.body == {"input": texts, "model": "embed-8", "encoding_format": "float"}
    assert request.headers["authorization"] == "Bearer sk-secret-1"


def test_vectors_are_normalised(embedder, fake_llm):
    fake_llm.enqueue_embeddings(Reply(body=body_of([[3.0, 4.0]])))

    embedded = embedder.embed_query("a question")

    np.testing.assert_allclose(embedded.vector, [0.6, 0.8], atol=1e-7)
    assert embedded.input_tokens is None  # the answer had no usage


def test_shuffled_answer_is_put_in_order_by_index(embedder, fake_llm):
    body = body_of([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], indexes=[2, 0, 1])
    fake_llm.enqueue_embeddings(Reply(body=body))

    embedded = embedder.embed_documents(["a", "b", "c"])

    assert embedded.vectors.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]


def test_index_zero_may_be_left_out(embedder, fake_llm):
    body = body_of([[0.0, 1.0], [1.0, 0.0]], indexes=[1, 0])
    del body["data"][1]["index"]
    fake_llm.enqueue_embeddings(Reply(body=body))

    assert embedder.embed_documents(["a", "b"]).vectors.tolist() == [[1, 0], [0, 1]]


def test_many_texts_go_in_batches_of_128(embedder, fake_llm):
    texts = [f"text {number}" for number in range(300)]

    embedded = embedder.embed_documents(texts)

    assert [len(request.body["input"]) for request in fake_llm.embedding_requests] == [128, 128, 44]
    assert [text for request in fake_llm.embedding_requests for text in request.body["input"]] == texts
    assert embedded.vectors.shape == (300, 8)
    assert embedded.input_tokens == 600


def test_long_texts_go_in_batches_by_tokens(embedder, fake_llm):
    # 60,000 bytes are taken for 20,001 tokens: two texts fit into 50,000; the last is over it and goes alone
    texts = ["x" * 60_000] * 5 + ["y" * 200_000]

    embedder.embed_documents(texts)

    assert [len(request.body["input"]) for request in fake_llm.embedding_requests] == [2, 2, 1, 1]


def test_no_texts_ask_nothing(embedder, fake_llm):
    embedded = embedder.embed_documents([])

    assert embedded.vectors.shape == (0, 0)
    assert fake_llm.requests == []


def test_empty_text_is_sent_as_a_blank(embedder, fake_llm):
    embedder.embed_documents(["", "text"])

    assert fake_llm.embedding_requests[0].body["input"] == [" ", "text"]


def test_dimensions_are_asked_once(embedder, fake_llm):
    assert (embedder.dimensions, embedder.dimensions) == (8, 8)
    assert len(fake_llm.embedding_requests) == 1


def test_server_without_keys_is_asked_with_a_placeholder(fake_llm):
    make_embedder(fake_llm.base_url, api_key="").embed_query("a question")

    assert fake_llm.embedding_requests[0].headers["authorization"] == "Bearer none"


def test_queries_from_the_event_loop_run_side_by_side(embedder, fake_llm):
    fake_llm.enqueue_embeddings(*[Reply(first_token_delay_seconds=0.3)] * 5)

    async def ask() -> tuple[list[int], int]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        ticking = asyncio.create_task(tick())
        answers = await asyncio.gather(*(embedder.aembed_query(f"question {n}") for n in range(5)))
        ticking.cancel()
        return [answer.input_tokens for answer in answers], ticks

    start = time.monotonic()
    tokens, ticks = asyncio.run(ask())

    assert time.monotonic() - start < 1.2  # one after the other takes 1.5 s
    assert len(tokens) == 5
    assert ticks > 5  # the loop went on meanwhile


def test_one_embedder_serves_several_event_loops(embedder):
    first = asyncio.run(embedder.aembed_query("a question"))
    second = asyncio.run(embedder.aembed_query("a question"))

    np.testing.assert_array_equal(first.vector, second.vector)


# A server in trouble


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
def test_request_is_repeated_when_that_may_help(embedder, fake_llm, status):
    fake_llm.enqueue_embeddings(Reply(status=status, headers={"Retry-After": "0"}))

    assert embedder.embed_query("a question").vectors.shape == (1, 8)
    assert len(fake_llm.embedding_requests) == 2


@pytest.mark.parametrize("as_date", [False, True])
def test_retry_after_is_honoured(embedder, fake_llm, as_date):
    # A date has whole seconds: two ahead is between one and two.
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    fake_llm.enqueue_embeddings(Reply(status=429, headers={"Retry-After": date if as_date else "1"}))

    embedder.embed_query("a question")

    first, second = (request.received_at for request in fake_llm.embedding_requests)
    assert 0.9 < second - first < 2.5


def test_pauses_grow_without_retry_after(embedder, fake_llm):
    fake_llm.enqueue_embeddings(Reply(status=500), Reply(status=500))

    embedder.embed_query("a question")

    first, second, third = (request.received_at for request in fake_llm.embedding_requests)
    assert 0.37 <= second - first < 0.9
    assert 0.75 <= third - second < 1.5


def test_longer_wait_than_the_limit_fails_at_once(fake_llm):
    embedder = make_embedder(fake_llm.base_url, patience=Patience(attempts=3, request_seconds=5, total_seconds=10))
    fake_llm.enqueue_embeddings(Reply(status=429, headers={"Retry-After": "60"}))
    start = time.monotonic()

    with pytest.raises(EmbeddingError, match=r"limits the rate of requests.* Try again in 60 s\."):
        embedder.embed_query("a question")

    assert time.monotonic() - start < 2
    assert len(fake_llm.embedding_requests) == 1


def test_attempts_end(embedder, fake_llm):
    fake_llm.enqueue_embeddings(*[Reply(status=503, headers={"Retry-After": "0"})] * 3)

    with pytest.raises(EmbeddingError) as caught:
        embedder.embed_query("a question")

    assert str(caught.value) == (
        f'Embedder "fake/embed-8" at {fake_llm.base_url} failed with status 503 (3 attempts): '
        "The script says 503 Service Unavailable (request req-3). Try again later."
    )
    assert len(fake_llm.embedding_requests) == 3


def test_server_that_hangs_is_left(fake_llm):
    embedder = make_embedder(fake_llm.base_url, patience=Patience(attempts=2, request_seconds=0.3, total_seconds=5))
    fake_llm.enqueue_embeddings(*[Reply(hang_after_tokens=0)] * 2)
    start = time.monotonic()

    with pytest.raises(EmbeddingError, match=r"did not answer in time \(2 attempts\)"):
        embedder.embed_query("a question")

    assert time.monotonic() - start < 3


def test_absent_server_is_named(unused_port):
    embedder = make_embedder(
        f"http://127.0.0.1:{unused_port}/v1", patience=Patience(attempts=2, request_seconds=1, total_seconds=5)
    )

    with pytest.raises(EmbeddingError) as caught:
        embedder.embed_query("a question")

    assert f"http://127.0.0.1:{unused_port}/v1 cannot be reached (2 attempts)" in str(caught.value)
    assert "Check that it runs" in str(caught.value)


@pytest.fixture
def unused_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (400, {"message": "Input is too long."}, "refuses the request with status 400: Input is too long"),
        (401, {"message": "Bad key sk-secret-1."}, 'refuses the key: Bad key ***. Check the key of provider "fake"'),
        (403, {"message": "No."}, "refuses the key: No"),
        (404, {"message": "No such model."}, 'does not know the model "embed-8": No such model'),
        (429, {"message": "Spent.", "code": "insufficient_quota"}, "has no quota left: Spent"),
    ],
)
def test_refusal_is_not_repeated_and_says_what_to_do(embedder, fake_llm, status, error, words):
    fake_llm.enqueue_embeddings(Reply(status=status, error=error))

    with pytest.raises(EmbeddingError) as caught:
        embedder.embed_query("a question")

    assert words.rstrip(".") in str(caught.value).replace(" (request req-1)", "")
    assert "sk-secret-1" not in str(caught.value)
    assert "(request req-1)" in str(caught.value)
    assert len(fake_llm.embedding_requests) == 1


# A server that answers wrongly


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (body_of([[1.0, 0.0]]), "answers with 1 vectors for 2 texts"),
        (body_of([[1.0, 0.0]] * 3), "answers with 3 vectors for 2 texts"),
        (body_of([[1.0, 0.0]] * 2, indexes=[1, 1]), "indexes that are not 0 to 1, each once"),
        (body_of([[1.0, 0.0], [1.0]]), "of different lengths"),
        (body_of(["AACAPw==", "AACAPw=="]), "not numbers"),
        (body_of([[], []]), "not lists of numbers"),
        (body_of([1.0, 2.0]), "not lists of numbers"),
        (body_of([[1.0, 0.0], None]), "not numbers"),
        (body_of([[1.0, 0.0], [0.0, 0.0]]), "a vector of zeros"),
        (body_of([[1.0, 0.0], [float("nan"), 1.0]]), "numbers that are not finite"),
        (body_of([[1.0, 0.0], [float("inf"), 1.0]]), "numbers that are not finite"),
        ({"object": "list", "data": []}, "answers with 0 vectors for 2 texts"),
        ({"hello": "world"}, "is not an embedding"),
        ("just text", "is not an embedding"),
        ([1, 2], "is not an embedding"),
    ],
)
def test_wrong_answer_is_refused(embedder, fake_llm, body, words):
    fake_llm.enqueue_embeddings(Reply(body=body))

    with pytest.raises(EmbeddingError) as caught:
        embedder.embed_documents(["a", "b"])

    assert words in str(caught.value)
    assert 'Embedder "fake/embed-8"' in str(caught.value)
    assert len(fake_llm.embedding_requests) == 1


def test_other_dimensions_than_registered_are_refused(fake_llm):
    embedder = make_embedder(fake_llm.base_url, dimensions=16)

    with pytest.raises(EmbeddingError, match="vectors of 8 dimensions, expected 16"):
        embedder.embed_query("a question")


def test_dimensions_may_not_change_between_batches(embedder, fake_llm):
    embedder.embed_query("a question")
    fake_llm.enqueue_embeddings(Reply(body=body_of([[1.0, 0.0]])))

    with pytest.raises(EmbeddingError, match="vectors of 2 dimensions, expected 8"):
        embedder.embed_documents(["a"])


# The local embedder


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    yield folder
    shutil.rmtree(folder)  # 90 MB


def test_local_embedder_answers_from_several_threads_and_the_loop(cache_dir):
    local = LocalEmbedder(cache_dir)
    with ThreadPoolExecutor(4) as executor:
        answers = list(executor.map(local.embed_query, ["How do I reset my password?"] * 8))

    answers.append(asyncio.run(local.aembed_query("How do I reset my password?")))

    assert {round(float(answer.vector[0]), 5) for answer in answers} == {0.0069}
    assert local.load() is local.load()
    assert answers[0].input_tokens is None
    assert local.embed_documents([]).vectors.shape == (0, 384)


# By name


def test_one_embedder_of_a_name_in_a_process(cache_dir, fake_llm):
    providers = {"fake": Provider("fake", fake_llm.base_url)}

    local = get_embedder("local/all-MiniLM-L6-v2", cache_dir=cache_dir, providers=providers)
    remote = get_embedder("fake/org/embed", cache_dir=cache_dir, providers=providers, dimensions=384)

    assert (local.name, local.dimensions) == ("local/all-MiniLM-L6-v2", 384)
    assert (remote.name, remote.dimensions) == ("fake/org/embed", 384)
    assert get_embedder(local.name, cache_dir=cache_dir, providers=providers, dimensions=384) is local
    assert get_embedder(remote.name, cache_dir=cache_dir, providers=providers, dimensions=384) is remote
    assert fake_llm.requests == []


def test_changed_provider_gives_another_embedder(cache_dir):
    first = get_embedder("fake/a", cache_dir=cache_dir, providers={"fake": Provider("fake", "http://a/v1")})
    second = get_embedder("fake/a", cache_dir=cache_dir, providers={"fake": Provider("fake", "http://b/v1")})

    assert first is not second


@pytest.mark.parametrize("name", ["nowhere/embed", "local/other", "fake", "fake/", ""])
def test_unknown_name_is_refused_with_the_known_ones(cache_dir, name):
    providers = {"openai": Provider("openai", "http://a/v1"), "fake": Provider("fake", "http://b/v1")}

    with pytest.raises(ConfigurationError) as caught:
        get_embedder(name, cache_dir=cache_dir, providers=providers)

    assert str(caught.value) == (
        f'Embedder "{name}" is not known here. Known: local/all-MiniLM-L6-v2; fake/MODEL, openai/MODEL.'
    )


def test_local_row_with_other_dimensions_is_refused(cache_dir):
    with pytest.raises(ConfigurationError, match="has 384 dimensions, its row says 512"):
        get_embedder("local/all-MiniLM-L6-v2", cache_dir=cache_dir, providers={}, dimensions=512)


# In an interpreter of its own: the threads of a whole test run may hold locks that a fork would copy.
FORK = """
import multiprocessing, sys
from pathlib import Path
from chat.rag.embed import get_embedder

def first_number(question):
    local = get_embedder("local/all-MiniLM-L6-v2", cache_dir=Path(sys.argv[1]), providers={})
    return round(float(local.embed_query(question).vector[0]), 5)

def in_child(queue):
    queue.put(first_number("How do I reset my password?"))

first_number("a text that starts the threads of the session")
context = multiprocessing.get_context("fork")
queue = context.Queue()
child = context.Process(target=in_child, args=(queue,), daemon=True)
child.start()
print(queue.get(timeout=30))
child.join(10)
sys.exit(child.exitcode)
"""


def test_forked_process_loads_its_own(cache_dir):
    result = subprocess.run([sys.executable, "-c", FORK, str(cache_dir)], capture_output=True, text=True, timeout=60)

    assert result.stdout.strip() == "0.0069", result.stderr
    assert result.returncode == 0
