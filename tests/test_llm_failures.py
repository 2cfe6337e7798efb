"""Models that fail: what each failure is called, in which words, and what is tried again."""

import logging
import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise

import pytest

from chat.rag.config import Provider, Usage
from chat.rag.llm import ModelAccess
from chat.rag.llm_reading import Reading
from tests.asked_llm import IMPATIENT, LIMITS, ask, make_access, make_request
from tests.fake_replies import DEFAULT_TEXT
from tests.fakes import FakeLLM, Reply


@pytest.fixture
def fake_llm() -> Iterator[FakeLLM]:
    with FakeLLM() as server:
        yield server


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
    access = make_access(fake_llm, limits=IMPATIENT if code == "timeout" else LIMITS)

    text, [call], error = ask(access, make_request(f"fake/{model}"))

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


def test_pauses_grow(fake_llm, caplog):
    caplog.set_level(logging.INFO, logger="chat")
    access = make_access(fake_llm, limits=replace(LIMITS, backoff_seconds=0.1, max_attempts=4))
    fake_llm.enqueue(*[Reply(status=500)] * 4)

    ask(access, make_request())

    times = [request.received_at for request in fake_llm.requests]
    seen = [later - earlier for earlier, later in pairwise(times)]
    meant = [float(pause) for pause in re.findall(r"pause=([\d.]+)", caplog.text)]
    assert len(seen) == len(meant) == 3
    for pause, waited, longest in zip(meant, seen, (0.1, 0.2, 0.4), strict=True):
        assert longest / 2 <= pause <= longest
        assert waited >= longest / 2  # a busy machine makes it longer than is meant


def test_no_attempt_is_made_that_the_total_time_has_no_room_for(fake_llm):
    access = make_access(fake_llm, limits=replace(LIMITS, total_seconds=10, retry_after_max_seconds=20))
    fake_llm.enqueue(Reply(status=429, headers={"Retry-After": "15"}), "Too late.")

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


def test_what_cannot_be_stored_is_left_out_wherever_a_server_writes_it(fake_llm):
    def chunk(finish_reason=None, **delta):
        choices = [{"index": 0, "delta": delta, "finish_reason": finish_reason}]
        return {"model": "m\x00odel" * 60, "choices": choices}

    chunks = (
        chunk(reasoning_content="Hm\x00 \ud83d"),
        chunk(content="Press \ud83d"),
        chunk(content="\ude00 it\x00"),
        chunk(content="."),
        chunk(content="\ud83d"),
        chunk("st\x00op" * 20),
        {"choices": [], "usage": {"prompt_tokens": 2**31, "completion_tokens": 5}},
    )
    fake_llm.enqueue(Reply(chunks=chunks, headers={"X-Request-Id": "r" * 300}))

    text, [call], error = ask(make_access(fake_llm), make_request())

    assert (text, error) == ("Press \U0001f600 it.\ufffd", None)
    assert call.reply == "Hm Press \U0001f600 it.\ufffd\ufffd"
    assert call.response_model == ("model" * 60)[:200]
    assert call.finish_reason == "stop" * 10
    assert len(call.request_id) <= 200
    assert call.usage.estimated


def test_name_of_what_a_server_wrote_can_be_stored():
    reading = Reading()

    reading.add({"id": "chat\x00cmpl\ud83d" * 40, "choices": []})

    assert reading.response_id == ("chatcmpl\ufffd" * 40)[:200]


def test_answer_of_nothing_that_can_be_stored_is_empty(fake_llm):
    fake_llm.enqueue(Reply(tokens=("\x00", "\x00\x00")))

    _, _, error = ask(make_access(fake_llm), make_request())

    assert error.code == "empty"


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
