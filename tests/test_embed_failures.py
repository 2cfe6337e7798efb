"""Embedders whose server answers badly, late or not at all, over real HTTP."""

import socket
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from chat.exceptions import EmbeddingError
from chat.rag.embed_server import Patience
from tests.embedders import body_of, make_embedder
from tests.fake_replies import Reply
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
        (403, {"message": "N\x00o \ud83d."}, "refuses the key: No \ufffd"),
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
