"""The scripted server behaves as the protocol says: other tests stand on it. Read with the vendor's own client."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator

import httpx2
import openai
import pytest

from tests.fake_replies import DEFAULT_TEXT, embed_text
from tests.fakes import FakeLLM, Reply

HELLO = [{"role": "user", "content": "Where is the setting?"}]


@pytest.fixture
def fake_llm() -> Iterator[FakeLLM]:
    with FakeLLM() as server:
        yield server


@pytest.fixture
def client(fake_llm: FakeLLM) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=fake_llm.base_url, api_key="test", max_retries=0, timeout=2) as client:
        yield client


def read_stream(client: openai.OpenAI, model: str) -> str:
    with client.chat.completions.create(model=model, messages=HELLO, stream=True) as stream:
        return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


def test_default_answer_cites_and_is_streamed_word_by_word(client, fake_llm):
    text = read_stream(client, "anything")

    assert text == DEFAULT_TEXT
    assert "[1]" in text
    assert fake_llm.requests[0].last_user_message == "Where is the setting?"
    assert fake_llm.wait_until(lambda: fake_llm.requests[0].finished)


def test_queued_replies_come_first_and_in_order(client, fake_llm):
    fake_llm.enqueue("One.", Reply("Two."))

    assert [read_stream(client, "echo") for _ in range(3)] == ["One.", "Two.", "Where is the setting?"]


def test_answer_that_is_not_streamed_has_usage(client):
    completion = client.chat.completions.create(model="echo", messages=HELLO)

    assert completion.choices[0].message.content == "Where is the setting?"
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (4, 4)


def test_usage_is_streamed_only_when_asked_for(client):
    options = [{}, {"stream_options": {"include_usage": True}}]
    chunks = [
        list(client.chat.completions.create(model="echo", messages=HELLO, stream=True, **option)) for option in options
    ]

    assert [chunk.usage for chunk in chunks[0] if chunk.usage] == []
    assert chunks[1][-1].usage.completion_tokens == 4
    assert chunks[1][-1].choices == []


def test_model_name_sets_tokens_and_pace(client, fake_llm):
    text = read_stream(client, "slow-20x100-0.1")

    request = fake_llm.requests[0]
    assert text.split() == [*(f"word{n}" for n in range(1, 20)), "[1]"]
    assert 0.1 <= request.first_token_at - request.received_at < 0.3


def test_statuses_by_model_name(client):
    for model, error in (
        ("http-401", openai.AuthenticationError),
        ("http-404", openai.NotFoundError),
        ("http-500", openai.InternalServerError),
        ("http-429x1", openai.RateLimitError),
        ("refuses-messages", openai.BadRequestError),
    ):
        with pytest.raises(error):
            read_stream(client, model)

    assert read_stream(client, "http-429x1") == DEFAULT_TEXT  # the second call of that model


def test_broken_stream_loses_the_connection(client):
    with pytest.raises((openai.APIConnectionError, httpx2.HTTPError)):
        read_stream(client, "broken")


def test_malformed_chunk_and_error_object(client):
    with pytest.raises(ValueError, match="Unterminated string"):
        read_stream(client, "malformed")
    with pytest.raises(openai.APIError, match="Out of memory"):
        read_stream(client, "stream-error")


def test_client_that_leaves_is_noted(client, fake_llm):
    with client.chat.completions.create(model="slow-100x50", messages=HELLO, stream=True) as stream:
        next(stream)
        stream.close()

    assert fake_llm.wait_until(lambda: fake_llm.cancelled)
    assert not fake_llm.requests[0].finished


def test_client_that_leaves_a_hanging_answer_is_noted(client, fake_llm):
    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=0.1).chat.completions.create(model="hang", messages=HELLO)

    assert fake_llm.wait_until(lambda: fake_llm.cancelled)


def test_embeddings_are_deterministic_unit_vectors(client):
    given = ["the red car", "the red bus", "an open window"]
    response = client.embeddings.create(model="embed-64", input=given)
    as_floats = client.embeddings.create(model="embed-64", input=given, encoding_format="float")

    red_car, red_bus, window = (item.embedding for item in response.data)
    assert len(red_car) == 64
    assert red_car == pytest.approx(embed_text("the red car", 64), abs=1e-6)
    assert red_car == pytest.approx(as_floats.data[0].embedding, abs=1e-6)
    assert sum(a * b for a, b in zip(red_car, red_bus, strict=True)) > 0.6
    assert sum(a * b for a, b in zip(red_car, window, strict=True)) < 0.5
    assert response.usage.prompt_tokens == 9


def test_models_are_listed_and_a_wrong_key_is_refused(client, fake_llm):
    fake_llm.models = ("a", "b/c")
    listed = [model.id for model in client.models.list()]
    fake_llm.require_key = "another"

    assert listed == ["a", "b/c"]
    with pytest.raises(openai.AuthenticationError):
        client.models.list()


def test_many_streams_at_once(fake_llm):
    async def read(client: openai.AsyncOpenAI) -> int:
        body = {"model": "slow-10x50", "messages": HELLO, "stream": True}
        return sum([1 async for _ in await client.chat.completions.create(**body)])

    async def read_all() -> list[int]:
        async with openai.AsyncOpenAI(base_url=fake_llm.base_url, api_key="test") as client:
            return await asyncio.gather(*(read(client) for _ in range(50)))

    assert asyncio.run(read_all()) == [12] * 50  # the role, ten tokens, the finish reason
    assert fake_llm.open_streams_max == 50


def test_process_of_its_own_prints_where_it_listens_and_counts():
    command = [sys.executable, "-m", "tests.fakes", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            base_url = process.stdout.readline().strip()
            with openai.OpenAI(base_url=base_url, api_key="test") as client:
                text = read_stream(client, "echo")
            stats = httpx2.get(base_url.removesuffix("/v1") + "/stats").json()
        finally:
            process.terminate()

    assert text == "Where is the setting?"
    assert stats["chat_calls"] == 1
    assert 0 <= stats["first_token_seconds"][0] < 0.1
