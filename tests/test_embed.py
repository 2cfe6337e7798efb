"""Embedders by name: the local one, and servers that answer well, over real HTTP."""

import asyncio
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from chat.exceptions import ConfigurationError
from chat.rag.config import Provider
from chat.rag.embed import LocalEmbedder
from chat.rag.embedders import get_embedder
from tests.embedders import body_of, make_embedder
from tests.fake_replies import Reply, embed_text
from tests.fakes import FakeLLM


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
from chat.rag.embedders import get_embedder

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
