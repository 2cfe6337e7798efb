"""Talking to models, over real HTTP with the scripted server. Limits are short, so that the slow cases are quick."""

import asyncio
import logging
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from itertools import pairwise

import pytest

from chat.exceptions import ConfigurationError, GenerationError
from chat.rag.config import LLMCall, LLMRequest, Message, Price, Prompt, Provider, Purpose, Usage
from chat.rag.llm import Limits, ModelAccess, complete, list_models, open_stream, split_model_name
from chat.rag.llm_reading import ThinkFilter
from chat.rag.prices import PriceOverride
from tests.fake_replies import DEFAULT_TEXT
from tests.fakes import FakeLLM, Reply

PROMPT = Prompt("answer_v1", "0" * 64, (Message("system", "Answer."), Message("user", "Where is it?")))
LIMITS = Limits(
    connect_seconds=0.5,
    first_token_seconds=0.4,
    between_tokens_seconds=0.3,
    total_seconds=3,
    backoff_seconds=0.01,
    retry_after_max_seconds=0.3,
)


@pytest.fixture
def fake_llm() -> Iterator[FakeLLM]:
    with FakeLLM() as server:
        yield server


def make_request(model: str = "fake/default", **overrides) -> LLMRequest:
    return LLMRequest(**{"model": model, "purpose": Purpose.ANSWER, "prompt": PROMPT, **overrides})


def make_access(fake_llm: FakeLLM, **overrides) -> ModelAccess:
    providers = {"fake": Provider("fake", fake_llm.base_url, "sk-secret")}
    return ModelAccess(**{"providers": providers, "limits": LIMITS, **overrides})


def ask(access: ModelAccess, request: LLMRequest, **options) -> tuple[str, list[LLMCall], GenerationError | None]:
    """Return the text that was given out, the recorded calls, and the error, if any."""
    pieces: list[str] = []
    calls: list[LLMCall] = []

    async def read() -> None:
        async with open_stream(request, access=access, record=calls.append, **options) as texts:
            async for text in texts:
                pieces.append(text)  # noqa: PERF401 - what came before an error is wanted too

    try:
        asyncio.run(read())
    except GenerationError as error:
        return "".join(pieces), calls, error
    return "".join(pieces), calls, None


# Answers


def test_answer_streams_piece_by_piece_and_is_recorded(fake_llm):
    fake_llm.enqueue(Reply("One two three.", token_delay_seconds=0.05))
    seen: list[tuple[str, float]] = []
    calls: list[LLMCall] = []

    async def read() -> None:
        async with open_stream(make_request(), access=make_access(fake_llm), record=calls.append) as texts:
            async for text in texts:
                seen.append((text, time.monotonic()))  # noqa: PERF401

    asyncio.run(read())

    [call] = calls
    assert [text for text, _ in seen] == ["One", " two", " three."]
    assert seen[2][1] - seen[0][1] > 0.08
    assert call.usage == Usage(4, 3)
    assert (call.model, call.purpose, call.prompt_name) == ("fake/default", Purpose.ANSWER, "answer_v1")
    assert (call.finish_reason, call.error_code, call.attempts) == ("stop", "", 1)
    assert call.response_model == "default"
    assert call.request_id == "req-1"
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


# Servers differ


def test_server_that_refuses_stream_options_is_asked_without_and_remembered(fake_llm):
    fake_llm.refuses = ("stream_options",)

    first, [call], _ = ask(make_access(fake_llm), make_request())
    second, [later], _ = ask(make_access(fake_llm), make_request())

    assert first == second == DEFAULT_TEXT
    assert ["stream_options" in request.body for request in fake_llm.requests] == [True, False, False]
    assert (call.attempts, later.attempts) == (2, 1)
    assert call.usage.estimated


def test_other_name_of_the_length_limit_is_tried_and_remembered(fake_llm):
    fake_llm.refuses = ("max_tokens",)

    for _ in range(2):
        ask(make_access(fake_llm), make_request(max_output_tokens=9))

    sent = [sorted(set(request.body) & {"max_tokens", "max_completion_tokens"}) for request in fake_llm.requests]
    assert sent == [["max_tokens"], ["max_completion_tokens"], ["max_completion_tokens"]]


def test_server_that_refuses_both_names_is_a_bad_request_and_nothing_is_remembered(fake_llm):
    fake_llm.refuses = ("max_tokens", "max_completion_tokens")

    _, [call], error = ask(make_access(fake_llm), make_request(max_output_tokens=9))
    fake_llm.refuses = ()
    ask(make_access(fake_llm), make_request(max_output_tokens=9))

    assert (error.code, call.attempts) == ("bad_request", 2)
    assert fake_llm.requests[-1].body["max_tokens"] == 9


SCHEMA = {"type": "object", "properties": {"ranking": {"type": "array"}}}


def test_schema_of_the_output_is_sent_under_the_purpose(fake_llm):
    ask(make_access(fake_llm), make_request(purpose=Purpose.RERANK, output_schema=SCHEMA))

    assert fake_llm.requests[0].body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "rerank", "strict": True, "schema": SCHEMA},
    }


def test_server_that_knows_no_schemas_is_asked_without(fake_llm):
    fake_llm.refuses = ("response_format",)

    text, [call], _ = ask(make_access(fake_llm), make_request(output_schema=SCHEMA))

    assert (text, call.attempts) == (DEFAULT_TEXT, 2)
    assert ["response_format" in request.body for request in fake_llm.requests] == [True, False]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, {"message": "This model does not support response format `json_schema`."}),
        (400, {"message": "Invalid.", "param": "response_format.json_schema"}),
        (422, {"message": "Structured outputs are not available."}),
        (500, {"message": "Failed to parse grammar"}),
    ],
)
def test_schemas_are_refused_in_many_words(fake_llm, status, error):
    fake_llm.enqueue(Reply(status=status, error={"type": "error", **error}))

    text, [call], _ = ask(make_access(fake_llm), make_request(output_schema=SCHEMA))

    assert (text, call.attempts) == (DEFAULT_TEXT, 2)
    assert ["response_format" in request.body for request in fake_llm.requests] == [True, False]


def test_a_refusal_is_remembered_of_the_model_and_not_of_its_neighbours(fake_llm):
    for model in ("refuses-response_format", "refuses-response_format", "default"):
        ask(make_access(fake_llm), make_request(f"fake/{model}", output_schema=SCHEMA))

    assert ["response_format" in request.body for request in fake_llm.requests] == [True, False, False, True]


def test_a_model_that_takes_no_temperature_judges_without_and_answers_not(fake_llm):
    fake_llm.refuses = ("temperature",)

    text, [call], _ = ask(make_access(fake_llm), make_request(purpose=Purpose.JUDGE, temperature=0.0))
    _, _, error = ask(make_access(fake_llm), make_request("fake/other", temperature=0.7))

    assert (text, call.attempts) == (DEFAULT_TEXT, 2)
    assert error.code == "bad_request"
    assert "temperature" in str(error)


def test_reasoning_content_is_no_answer_but_a_sign_of_life(fake_llm):
    fake_llm.enqueue(Reply("Yes.", reasoning="Hm, let me think.", usage={}))

    text, [call], _ = ask(make_access(fake_llm), make_request())

    assert text == "Yes."
    assert call.usage.output_tokens == len("Hm, let me think.Yes.") // 4


def test_thoughts_in_the_text_are_removed(fake_llm):
    fake_llm.enqueue(Reply(tokens=("\n<th", "ink>So", " what</thi", "nk>", "\n\n", "Use ", "<think> tags.")))

    text, _, _ = ask(make_access(fake_llm), make_request())

    assert text == "Use <think> tags."


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("<think>a < b</think>\n\nYes <b>.", "Yes <b>."),
        ("  <think>\n</think>Yes.", "Yes."),
        ("Yes, <think>no</think>.", "Yes, <think>no</think>."),
        ("<thin", "<thin"),
        ("< 5 apples", "< 5 apples"),
        ("<think>never done", ""),
        ("<think>done</think>  ", ""),
        ("  ", ""),
    ],
)
def test_thoughts_are_removed_however_the_chunks_cut_them(content, text, size):
    think = ThinkFilter()

    pieces = [think.feed(content[at : at + size]) for at in range(0, len(content), size)]

    assert "".join(pieces) + think.flush() == text


# Failures, and what is tried again


@pytest.mark.parametrize(
    ("model", "code", "retryable", "attempts", "words"),
    [
        ("http-400", "bad_request", False, 1, "refused the request (HTTP 400)"),
        ("http-401", "authentication", False, 1, "refused the key (HTTP 401, invalid_api_key)"),
        ("http-403", "authentication", False, 1, "refused the key"),
        ("http-404", "model_not_found", False, 1, "does not know fake/http-404"),
        ("http-429", "rate_limited", True, 3, "too many requests"),
        ("http-500", "server_error", True, 3, "The server of fake/http-500 failed (HTTP 500)"),
        ("http-503", "server_error", True, 3, "HTTP 503"),
        ("empty", "empty", True, 1, "gave an empty answer"),
        ("content-filter", "content_filter", False, 1, "content filter"),
        ("hang", "timeout", True, 1, "took too long"),
    ],
)
def test_failure_has_its_code_and_plain_words(fake_llm, model, code, retryable, attempts, words):
    text, [call], error = ask(make_access(fake_llm), make_request(f"fake/{model}"))

    assert text == ""
    assert (error.code, error.retryable) == (code, retryable)
    assert words in str(error)
    assert (call.error_code, call.attempts) == (code, attempts)
    assert len(fake_llm.requests) == attempts
    assert error.__cause__ is not None or code in ("empty", "content_filter")


def test_request_id_of_a_refusal_is_kept(fake_llm):
    _, [call], error = ask(make_access(fake_llm), make_request("fake/http-401"))

    assert error.request_id == call.request_id == "req-1"
    assert call.usage is None
    assert call.cost_usd is None


def test_account_without_money_is_not_asked_again(fake_llm):
    fake_llm.enqueue(Reply(status=429, error={"message": "You ran out.", "code": "insufficient_quota"}))

    _, [call], error = ask(make_access(fake_llm), make_request())

    assert (error.code, error.retryable, call.attempts) == ("rate_limited", False, 1)
    assert "insufficient_quota" in str(error)


def test_words_of_the_server_are_not_passed_on(fake_llm):
    fake_llm.enqueue(Reply(status=401, error={"message": "Incorrect API key provided: sk-secret", "code": "a b"}))

    _, _, error = ask(make_access(fake_llm), make_request())

    assert str(error) == "The server of fake/default refused the key (HTTP 401). An administrator must check it."


def test_failing_server_is_asked_again_until_it_answers(fake_llm):
    text, [call], error = ask(make_access(fake_llm), make_request("fake/http-500x2"))

    assert (text, error) == (DEFAULT_TEXT, None)
    assert (call.attempts, call.error_code) == (3, "")


@pytest.mark.parametrize(
    ("retry_after", "least"),
    [
        ("0.2", 0.2),
        ("60", 0.3),  # capped
        (format_datetime(datetime.now(UTC) + timedelta(hours=5)), 0.3),
        ("soon", 0.0),  # not understood: the usual pause
    ],
    ids=["seconds", "capped", "date", "not understood"],  # a date differs in each process
)
def test_server_says_when_to_come_back(fake_llm, retry_after, least):
    fake_llm.enqueue(Reply(status=429, headers={"Retry-After": retry_after}), "Here.")

    text, _, _ = ask(make_access(fake_llm), make_request())

    first, second = fake_llm.requests
    assert text == "Here."
    assert second.received_at - first.received_at >= least


def test_pauses_grow(fake_llm):
    access = make_access(fake_llm, limits=replace(LIMITS, backoff_seconds=0.1, max_attempts=4))
    fake_llm.enqueue(*[Reply(status=500)] * 4)

    ask(access, make_request())

    times = [request.received_at for request in fake_llm.requests]
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert len(pauses) == 3
    for pause, longest in zip(pauses, (0.1, 0.2, 0.4), strict=True):
        assert longest / 2 <= pause < longest + 0.1


def test_no_attempt_is_made_that_the_total_time_has_no_room_for(fake_llm):
    access = make_access(fake_llm, limits=replace(LIMITS, total_seconds=0.25))
    fake_llm.enqueue(Reply(status=429, headers={"Retry-After": "5"}), "Too late.")

    _, [call], error = ask(access, make_request())

    assert (error.code, call.attempts) == ("rate_limited", 1)


def test_server_that_is_not_there_is_a_connection_error():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    access = ModelAccess({"fake": Provider("fake", address)}, LIMITS)

    _, [call], error = ask(access, make_request())

    assert (error.code, error.retryable, call.attempts) == ("connection", True, 3)
    assert "cannot be reached" in str(error)


def test_stream_that_breaks_keeps_the_text_so_far_and_is_not_repeated(fake_llm):
    text, [call], error = ask(make_access(fake_llm), make_request("fake/broken"))

    assert text == "The documents answer"
    assert (error.code, error.retryable, call.attempts) == ("stream_broken", True, 1)
    assert call.usage == Usage(4, 5, estimated=True)
    assert len(fake_llm.requests) == 1


def test_stream_that_breaks_before_its_first_text_is_repeated(fake_llm):
    fake_llm.enqueue(Reply(break_after_tokens=0), "Here.")

    text, [call], _ = ask(make_access(fake_llm), make_request())

    assert (text, call.attempts) == ("Here.", 2)


def test_stream_that_stops_without_saying_why_is_broken(fake_llm):
    chunk = {"choices": [{"index": 0, "delta": {"content": "Half an"}, "finish_reason": None}]}
    fake_llm.enqueue(Reply(chunks=(chunk,)))

    text, _, error = ask(make_access(fake_llm), make_request())

    assert (text, error.code) == ("Half an", "stream_broken")


@pytest.mark.parametrize(
    "chunks",
    [
        ({"detail": "Not Found"},),
        ({"choices": "none"},),
        ({"choices": [{"delta": {"content": {"text": "x"}}}]},),
        ({"choices": [{"delta": []}, {}]}, {"choices": ["x"]}),
    ],
)
def test_chunk_of_another_shape_is_malformed(fake_llm, chunks):
    fake_llm.enqueue(Reply(chunks=chunks))

    _, _, error = ask(make_access(fake_llm), make_request())

    assert error.code == "malformed"


def test_chunk_that_is_not_json_is_malformed(fake_llm):
    text, [call], error = ask(make_access(fake_llm), make_request("fake/malformed"))

    assert text == "The documents answer"
    assert (error.code, call.error_code, call.usage.estimated) == ("malformed", "malformed", True)


def test_answer_that_is_no_stream_is_malformed(fake_llm):
    fake_llm.enqueue(Reply(unstreamed=True, body={"hello": "I am a web page"}))

    _, _, error = ask(make_access(fake_llm), make_request())

    assert error.code == "malformed"
    assert "no stream" in str(error)


def test_error_object_in_the_stream(fake_llm):
    text, [call], error = ask(make_access(fake_llm), make_request("fake/stream-error"))

    assert text == "The documents answer"
    assert (error.code, call.error_code) == ("server_error", "server_error")
    assert "overloaded" in str(error)


@pytest.mark.parametrize(
    ("vendor_code", "code"),
    [
        ("rate_limit_exceeded", "rate_limited"),
        (502, "server_error"),
        ("context_length_exceeded", "bad_request"),
        ("content_filter", "content_filter"),
        (None, "server_error"),
    ],
)
def test_error_object_in_the_stream_says_which(fake_llm, vendor_code, code):
    fake_llm.enqueue(*[Reply(chunks=({"error": {"message": "No.", "code": vendor_code}},))] * 3)

    _, _, error = ask(make_access(fake_llm), make_request())

    assert error.code == code


def test_filter_that_stops_in_the_middle(fake_llm):
    fake_llm.enqueue(Reply("Begin of", finish_reason="content_filter"))

    text, [call], error = ask(make_access(fake_llm), make_request())

    assert (text, error.code, call.finish_reason) == ("Begin of", "content_filter", "content_filter")


def test_answer_cut_at_its_length_is_an_answer(fake_llm):
    fake_llm.enqueue(Reply("Begin of", finish_reason="length"))

    text, [call], error = ask(make_access(fake_llm), make_request())

    assert (text, error, call.finish_reason) == ("Begin of", None, "length")


def test_length_used_up_by_thoughts_is_said(fake_llm):
    fake_llm.enqueue(Reply("", reasoning="Hm.", finish_reason="length"))

    _, _, error = ask(make_access(fake_llm), make_request())

    assert error.code == "empty"
    assert "length limit was used up" in str(error)


# Time limits


def test_silence_between_tokens_is_a_timeout_that_keeps_the_text(fake_llm):
    text, [call], error = ask(make_access(fake_llm), make_request("fake/hang-3"))

    assert text == "The documents answer"
    assert (error.code, error.retryable, call.attempts) == ("timeout", True, 1)
    assert call.duration_seconds >= 0.3
    assert fake_llm.wait_until(lambda: fake_llm.cancelled)


def test_slow_first_token_is_a_timeout(fake_llm):
    fake_llm.enqueue(Reply("Late.", first_token_delay_seconds=1))

    _, [call], error = ask(make_access(fake_llm), make_request())

    assert error.code == "timeout"
    assert call.duration_seconds >= 0.4
    assert call.first_token_seconds is None


def test_model_that_thinks_has_time_between_tokens_only(fake_llm):
    fake_llm.enqueue(Reply("Late.", reasoning="Hm.", first_token_delay_seconds=5))
    access = make_access(fake_llm, limits=replace(LIMITS, first_token_seconds=30, total_seconds=60))

    text, _, error = ask(access, make_request())

    assert (text, error.code) == ("", "timeout")


def test_total_time_ends_an_answer_that_goes_on(fake_llm):
    access = make_access(fake_llm, limits=replace(LIMITS, total_seconds=0.5))

    text, [call], error = ask(access, make_request("fake/slow-1000x50"))

    assert error.code == "timeout"
    assert len(text.split()) < 1000
    assert call.duration_seconds >= 0.5


def test_answer_whose_counts_never_come_is_whole(fake_llm):
    chunk = {"choices": [{"index": 0, "delta": {"content": "All."}, "finish_reason": "stop"}]}
    fake_llm.enqueue(Reply(chunks=(chunk,), hang_after_tokens=1))

    text, [call], error = ask(make_access(fake_llm), make_request())

    assert (text, error, call.usage) == ("All.", None, Usage(4, 1, estimated=True))


# Stop


def test_leaving_the_stream_stops_the_model_and_records_what_came(fake_llm):
    calls: list[LLMCall] = []

    async def read_two() -> None:
        request = make_request("fake/slow-100x50")
        async with open_stream(request, access=make_access(fake_llm), record=calls.append) as texts:
            assert [await anext(texts), await anext(texts)] == ["word1 ", "word2 "]

    asyncio.run(read_two())

    assert fake_llm.wait_until(lambda: fake_llm.cancelled)
    [call] = calls
    assert (call.finish_reason, call.error_code) == ("cancelled", "")
    assert call.usage == Usage(4, 3, estimated=True)


def test_cancelled_task_stops_the_model_and_is_recorded(fake_llm):
    calls: list[LLMCall] = []

    async def cancel_in_the_middle() -> None:
        request = make_request("fake/slow-100x50")
        task = asyncio.create_task(complete(request, access=make_access(fake_llm), record=calls.append))
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel_in_the_middle())

    assert fake_llm.wait_until(lambda: fake_llm.cancelled)
    assert calls[0].finish_reason == "cancelled"
    assert calls[0].usage.output_tokens > 3


def test_task_cancelled_before_an_answer_has_no_tokens(fake_llm):
    calls: list[LLMCall] = []

    async def cancel_early() -> None:
        request = make_request("fake/hang")
        task = asyncio.create_task(complete(request, access=make_access(fake_llm), record=calls.append))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel_early())

    assert (calls[0].finish_reason, calls[0].usage) == ("cancelled", None)
    assert fake_llm.wait_until(lambda: fake_llm.cancelled)


# Fallback


def test_fallback_answers_when_the_first_model_cannot_and_both_are_recorded(fake_llm):
    text, calls, error = ask(make_access(fake_llm), make_request("fake/http-404"), fallback_model="fake/default")

    assert (text, error) == (DEFAULT_TEXT, None)
    assert [(call.model, call.error_code) for call in calls] == [
        ("fake/http-404", "model_not_found"),
        ("fake/default", ""),
    ]


def test_fallback_is_not_asked_once_text_was_given_out(fake_llm):
    text, calls, error = ask(make_access(fake_llm), make_request("fake/broken"), fallback_model="fake/default")

    assert (text, error.code, len(calls)) == ("The documents answer", "stream_broken", 1)


def test_fallback_does_not_go_around_a_content_filter(fake_llm):
    _, calls, error = ask(make_access(fake_llm), make_request("fake/content-filter"), fallback_model="fake/default")

    assert (error.code, len(calls)) == ("content_filter", 1)


def test_fallback_that_fails_too_ends_with_its_error(fake_llm):
    _, calls, error = ask(make_access(fake_llm), make_request("fake/http-404"), fallback_model="fake/http-401")

    assert error.code == "authentication"
    assert [call.error_code for call in calls] == ["model_not_found", "authentication"]


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
    fake_llm.models = ("llama3", "meta/llama")

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
