"""Answers that end early: by time limits and by people who leave; and the model that answers instead."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from chat.rag.config import LLMCall, Usage
from chat.rag.llm import complete, open_stream
from tests.asked_llm import IMPATIENT, LIMITS, ask, make_access, make_request
from tests.fake_replies import DEFAULT_TEXT
from tests.fakes import FakeLLM, Reply


@pytest.fixture
def fake_llm() -> Iterator[FakeLLM]:
    with FakeLLM() as server:
        yield server


# Time limits


def test_silence_between_tokens_is_a_timeout_that_keeps_the_text(fake_llm):
    text, [call], error = ask(make_access(fake_llm, limits=IMPATIENT), make_request("fake/hang-3"))

    assert text == "The documents answer"
    assert (error.code, error.retryable, call.attempts) == ("timeout", True, 1)
    assert call.duration_seconds >= 0.5
    assert fake_llm.wait_until(lambda: fake_llm.cancelled)


def test_slow_first_token_is_a_timeout(fake_llm):
    fake_llm.enqueue(Reply("Late.", first_token_delay_seconds=30))

    _, [call], error = ask(make_access(fake_llm, limits=IMPATIENT), make_request())

    assert error.code == "timeout"
    assert call.duration_seconds >= 0.5
    assert call.first_token_seconds is None


def test_model_that_thinks_has_time_between_tokens_only(fake_llm):
    fake_llm.enqueue(Reply("Late.", reasoning="Hm.", first_token_delay_seconds=30))
    access = make_access(fake_llm, limits=replace(LIMITS, between_tokens_seconds=0.3))

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

    text, [call], error = ask(make_access(fake_llm, limits=IMPATIENT), make_request())

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

    fake_llm.enqueue(Reply("word " * 20, hang_after_tokens=10))

    async def cancel_in_the_middle() -> None:
        task = asyncio.create_task(complete(make_request(), access=make_access(fake_llm), record=calls.append))
        await asyncio.to_thread(
            fake_llm.wait_until, lambda: fake_llm.requests and fake_llm.requests[0].tokens_sent == 10
        )
        await asyncio.sleep(0.2)  # they are on their way
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
        await asyncio.to_thread(fake_llm.wait_until, lambda: fake_llm.requests)
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
