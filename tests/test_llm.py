"""Talking to models, over real HTTP with the scripted server: answers, tokens and prices, names."""

import asyncio
import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from chat.exceptions import ConfigurationError
from chat.rag.config import LLMCall, Price, Provider, Purpose, Usage
from chat.rag.llm import complete, list_models, open_stream, split_model_name
from chat.rag.prices import PriceOverride
from tests.asked_llm import ask, make_access, make_request
from tests.fake_replies import DEFAULT_TEXT
from tests.fakes import FakeLLM, Reply


@pytest.fixture
def fake_llm() -> Iterator[FakeLLM]:
    with FakeLLM() as server:
        yield server


# Answers


def test_answer_streams_piece_by_piece_and_is_recorded(fake_llm):
    gate = threading.Event()
    fake_llm.enqueue(Reply("One two three.", gate=gate))
    seen: list[str] = []
    calls: list[LLMCall] = []

    async def read() -> None:
        async with open_stream(make_request(), access=make_access(fake_llm), record=calls.append) as texts:
            async for text in texts:
                seen.append(text)  # the first while the server holds back the others
                gate.set()

    asyncio.run(read())

    [call] = calls
    assert seen == ["One", " two", " three."]
    assert call.usage == Usage(4, 3)
    assert (call.model, call.purpose, call.prompt_name) == ("fake/default", Purpose.ANSWER, "answer_v1")
    assert (call.finish_reason, call.error_code, call.attempts) == ("stop", "", 1)
    assert call.response_model == "default"
    assert call.request_id == "req-1"
    assert call.response_id == "chatcmpl-1"
    assert 0 < call.first_token_seconds < call.duration_seconds


def test_request_carries_what_is_set_and_nothing_else(fake_llm):
    ask(make_access(fake_llm), make_request("fake/meta/llama"))
    ask(make_access(fake_llm), make_request(temperature=0.0, max_output_tokens=50))

    bare, full = (request.body for request in fake_llm.requests)
    assert bare == {
        "model": "meta/llama",
        "messages": [{"role": "system", "content": "Answer."}, {"role": "user", "content": "Where is it?"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert full["temperature"] == 0.0
    assert full["max_tokens"] == 50
    assert fake_llm.requests[0].headers["authorization"] == "Bearer sk-secret"


def test_complete_returns_the_whole_text(fake_llm):
    calls: list[LLMCall] = []

    text = asyncio.run(complete(make_request(), access=make_access(fake_llm), record=calls.append))

    assert text == DEFAULT_TEXT
    assert calls[0].usage == Usage(4, len(DEFAULT_TEXT.split()) + 1)  # and the last line break


def test_server_without_a_key_never_gets_the_one_of_the_environment(fake_llm, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-another-server")
    access = make_access(fake_llm, providers={"fake": Provider("fake", fake_llm.base_url)})

    ask(access, make_request())

    assert fake_llm.requests[0].headers["authorization"] == "Bearer none"


def test_one_connection_serves_many_calls_of_a_loop_and_each_loop_has_its_own(fake_llm):
    async def ask_twice() -> None:
        for _ in range(2):
            await complete(make_request(), access=make_access(fake_llm), record=lambda call: None)

    asyncio.run(ask_twice())
    asyncio.run(ask_twice())

    assert len(fake_llm.requests) == 4
    assert fake_llm.connections_accepted == 2


# Tokens and prices


def test_tokens_are_estimated_when_the_server_omits_them(fake_llm):
    fake_llm.enqueue(Reply("x" * 41, usage={}))

    _, [call], _ = ask(make_access(fake_llm), make_request())

    # "Answer." has 7 characters, "Where is it?" 12
    assert call.usage == Usage(1 + 3, 10, estimated=True)


def test_tokenizer_can_be_given_for_the_estimate(fake_llm):
    access = make_access(fake_llm, count_tokens=lambda text: len(text.split()))

    _, [call], _ = ask(access, make_request("fake/no-usage"))

    assert call.usage == Usage(4, len(DEFAULT_TEXT.split()), estimated=True)


def test_cached_and_reasoning_tokens_are_read(fake_llm):
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 50,
        "prompt_tokens_details": {"cached_tokens": 64},
        "completion_tokens_details": {"reasoning_tokens": 30},
    }
    fake_llm.enqueue(Reply("Yes.", usage=usage))

    _, [call], _ = ask(make_access(fake_llm), make_request())

    assert call.usage == Usage(100, 50, cached_input_tokens=64, reasoning_tokens=30)


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        ({"reasoning_tokens": 94}, Usage(32, 103, reasoning_tokens=94)),  # as xAI counts
        ({}, Usage(32, 103, reasoning_tokens=94)),  # as Google's server does
    ],
)
def test_thoughts_that_are_counted_beside_the_completion_are_output(fake_llm, details, expected):
    usage = {
        "prompt_tokens": 32,
        "completion_tokens": 9,
        "total_tokens": 135,
        "completion_tokens_details": details,
    }
    fake_llm.enqueue(Reply("Yes.", usage=usage))

    _, [call], _ = ask(make_access(fake_llm), make_request())

    assert call.usage == expected


def test_price_is_copied_into_the_call(fake_llm):
    override = PriceOverride("fake/default", datetime(2026, 1, 1, tzinfo=UTC), Decimal(2), Decimal(8))

    _, [priced], _ = ask(make_access(fake_llm, price_overrides=(override,)), make_request())
    _, [unknown], _ = ask(make_access(fake_llm), make_request())

    made = len(DEFAULT_TEXT.split()) + 1
    assert priced.price == Price(Decimal(2), Decimal(8))
    assert priced.cost_usd == Decimal(4 * 2 + made * 8) / 1_000_000
    assert (unknown.price, unknown.cost_usd) == (Price(), None)


# Names and lists of models


def test_model_names_are_split_at_the_first_slash():
    assert split_model_name("openai/gpt-4o-mini") == ("openai", "gpt-4o-mini")
    assert split_model_name("openrouter/meta/llama") == ("openrouter", "meta/llama")


@pytest.mark.parametrize("name", ["gpt-4o", "/gpt-4o", "openai/", ""])
def test_name_without_provider_or_model_is_a_configuration_error(name):
    with pytest.raises(ConfigurationError, match="Write provider/model"):
        split_model_name(name)


def test_provider_that_is_not_set_up_is_named_with_those_that_are(fake_llm):
    with pytest.raises(ConfigurationError, match=r'"claude", which is not set up here \(set up: fake\)'):
        ask(make_access(fake_llm), make_request("claude/opus"))


def test_models_of_a_server_are_listed_by_their_full_names(fake_llm):
    fake_llm.models = ("llama3", "meta/llama", "no\x00name", "half\ud83d")

    assert asyncio.run(list_models(Provider("fake", fake_llm.base_url))) == ["fake/llama3", "fake/meta/llama"]


def test_server_that_fails_offers_no_models_and_a_warning_is_logged(fake_llm, caplog):
    fake_llm.require_key = "another"

    names = asyncio.run(list_models(Provider("fake", fake_llm.base_url, "sk-secret")))

    assert names == []
    assert "provider=fake" in caplog.text
    assert "sk-secret" not in caplog.text


def test_log_has_no_text_and_no_key(fake_llm, caplog):
    caplog.set_level(logging.INFO, logger="chat")
    fake_llm.enqueue("The secret answer.")

    ask(make_access(fake_llm), make_request())
    ask(make_access(fake_llm), make_request("fake/http-500"))

    assert "model=fake/default purpose=answer attempts=1" in caplog.text
    assert "error=server_error" in caplog.text
    for secret in ("secret", "Where is it", "Answer."):
        assert secret not in caplog.text
