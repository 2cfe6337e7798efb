"""OpenAI's protocol by the official Python client, where an answer does not come about: models that fail, and clients
that leave."""

import threading
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest
from django.db import connection

from chat import streaming
from chat.models import Turn
from tests.fake_replies import Reply
from tests.openai_protocol.site import GREEN, QUESTION, ask

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("reply", "kind", "code"),
    [
        (Reply(status=503), openai.InternalServerError, "server_error"),
        (Reply(status=401), openai.InternalServerError, "authentication"),
        (Reply("", finish_reason="content_filter"), openai.BadRequestError, "content_filter"),
        (Reply(GREEN, break_after_tokens=0), openai.InternalServerError, "stream_broken"),
    ],
)
@pytest.mark.parametrize("is_streamed", [False, True], ids=["whole", "streamed"])
def test_failed_model_is_an_error_that_is_not_tried_again(client, llm, reply, kind, code, is_streamed):
    llm.enqueue(reply)

    with pytest.raises(kind) as failed:
        ask(client.with_options(max_retries=2), QUESTION, stream=is_streamed)

    assert failed.value.code == code
    turn = Turn.objects.get()
    assert (turn.status, turn.error_message) == ("FAILED", failed.value.body["message"])
    assert len(llm.chat_requests) == 1


def test_failure_in_a_stream_is_an_error_in_it(client, llm):
    llm.enqueue(Reply(GREEN, break_after_tokens=3))
    texts = []

    with pytest.raises(openai.APIError) as failed:
        texts.extend(chunk.choices[0].delta.content for chunk in ask(client, QUESTION, stream=True))

    assert "".join(texts).startswith("Press the")
    assert (failed.value.code, failed.value.type) == ("stream_broken", "server_error")
    assert Turn.objects.get().status == "FAILED"


def test_nobody_who_waits_for_a_model_holds_a_connection(client, llm):
    connection.close_pool()  # what a thread of an earlier test holds is none of this one's
    gate = threading.Event()
    llm.enqueue(*[Reply(GREEN, gate=gate)] * 6)
    whole = [threading.Thread(target=ask, args=(client, f"{QUESTION} ({number})")) for number in range(3)]
    for thread in whole:
        thread.start()
    pool = ThreadPoolExecutor(3)
    streams = [pool.submit(ask, client, f"{QUESTION} ({number})", stream=True) for number in range(3, 6)]
    assert llm.wait_until(lambda: llm.open_streams == 6)

    def held():
        stats = connection.pool.get_stats()
        return stats["pool_size"] - stats["pool_available"]

    connection.close()
    assert llm.wait_until(lambda: held() == 0)
    gate.set()
    for thread in whole:
        thread.join()
    assert all(list(stream.result())[-1].choices[0].finish_reason == "stop" for stream in streams)


def silent(gate, **options):
    """A reply whose first piece, which is sent at once, has no text in it."""
    return Reply(tokens=("", "", "Press", " the", " green", " button."), gate=gate, **options)


def test_stream_whose_first_word_is_late_begins_without_it(client, llm, monkeypatch):
    monkeypatch.setattr(streaming, "QUIET_SECONDS", 0.2)
    gate = threading.Event()
    llm.enqueue(silent(gate))

    chunks = iter(ask(client, QUESTION, stream=True))
    assert next(chunks).choices[0].delta.role == "assistant"
    assert not Turn.objects.get().is_finished
    gate.set()

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Press the green button."


def test_failure_after_a_late_beginning_is_an_error_in_the_stream(client, llm, monkeypatch):
    monkeypatch.setattr(streaming, "QUIET_SECONDS", 0.2)
    gate = threading.Event()
    llm.enqueue(silent(gate, break_after_tokens=2))
    chunks = iter(ask(client, QUESTION, stream=True))
    next(chunks)
    gate.set()

    with pytest.raises(openai.APIError) as failed:
        list(chunks)

    assert failed.value.code == "stream_broken"


def test_who_leaves_before_the_first_word_stops_the_answer(client, llm):
    gate = threading.Event()
    llm.enqueue(silent(gate))

    with pytest.raises(openai.APITimeoutError):
        ask(client, QUESTION, stream=True, timeout=1.0)

    assert llm.wait_until(lambda: Turn.objects.get().status == "STOPPED")
    assert not gate.is_set()


def test_who_leaves_a_stream_stops_the_answer(client, llm):
    llm.enqueue(Reply("word " * 500, token_delay_seconds=0.02))

    with ask(client, QUESTION, stream=True) as stream:
        for chunk in stream:
            if chunk.choices[0].delta.content:
                break

    assert llm.wait_until(lambda: llm.cancelled)
    assert llm.wait_until(lambda: Turn.objects.get().is_finished)
    turn = Turn.objects.get()
    assert turn.status == "STOPPED"
    assert 1 <= len(turn.answer.split()) < 400
    assert turn.calls.get().tokens_estimated


def test_who_does_not_wait_for_a_whole_answer_stops_it(client, llm):
    llm.enqueue(Reply("word " * 500, token_delay_seconds=0.02))

    with pytest.raises(openai.APITimeoutError):
        ask(client, QUESTION, timeout=1.0)

    assert llm.wait_until(lambda: llm.cancelled)
    assert llm.wait_until(lambda: Turn.objects.get().status == "STOPPED")
