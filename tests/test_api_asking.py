"""Asking by the API over real HTTP: whole and streamed, reading on, stopping, retrying, editing."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
from django.db import connection

from chat.api import answers
from chat.models import Conversation, ImplicitSignal, Turn
from chat.rag.config import Provider
from tests.api_clients import secret_of
from tests.api_server import api_server
from tests.factories import make_collection
from tests.fake_replies import Reply
from tests.fakes import FakeLLM
from tests.knowledge import make_knowledge

pytestmark = pytest.mark.django_db
TURNS = "/api/v1/turns/"
QUESTION = {"question": "How is the pump started?", "model": "fake/default"}


@pytest.fixture
def fake_llm(settings):
    with FakeLLM() as fake:
        settings.PROVIDERS = {"fake": Provider("fake", fake.base_url)}
        settings.LLM_MAX_ATTEMPTS = 1
        yield fake


@pytest.fixture
def site(transactional_db, fake_llm, alice):
    """A client of alice's for a real server that knows two manuals and the scripted model."""
    make_knowledge()
    headers = {"Authorization": f"Bearer {secret_of(alice)}"}
    with api_server() as url, httpx2.Client(base_url=url, headers=headers, timeout=60) as client:
        yield client


def events_of(response) -> list[tuple[str, dict]]:
    """Return name and data of each event of a stream."""
    heard, name = [], ""
    for line in response.iter_lines():
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            heard.append((name, json.loads(value)))
    return heard


def test_question_is_answered_whole_and_on_record_as_asked_by_the_api(site, fake_llm):
    fake_llm.enqueue("Press the green button [1].", "Three seconds [1].")

    asked = site.post(TURNS, json=QUESTION)
    body = asked.json()
    goes_on = {"question": "How long?", "conversation": body["conversation"]}
    follow_up = site.post(TURNS, json=goes_on)

    assert asked.status_code == follow_up.status_code == 201
    assert (body["answer"], body["status"], body["origin"]) == ("Press the green button [1].", "DONE", "API")
    assert body["hits"][0]["document_title"] == "Pump manual"
    assert body["hits"][0]["is_cited"] is True
    assert (follow_up.json()["position"], follow_up.json()["model"]) == (2, "fake/default")
    assert Conversation.objects.get().origin == "API"
    assert site.get(f"{TURNS}{body['id']}/").json() == body


def test_answer_streams_as_events(site, fake_llm):
    fake_llm.enqueue(Reply("Press the green button [1], not [9].", token_delay_seconds=0.01))

    with site.stream("POST", TURNS, json=QUESTION, headers={"Accept": "text/event-stream"}) as response:
        assert (response.status_code, response.headers["Content-Type"]) == (200, "text/event-stream")
        assert response.headers["X-Accel-Buffering"] == "no"
        assert response.headers["RateLimit-Remaining"]
        heard = events_of(response)

    names = [name for name, _ in heard]
    assert (names[0], names[-1]) == ("start", "done")
    assert [data["stage"] for name, data in heard if name == "stage"] == ["searching", "answering"]
    assert "".join(data["text"] for name, data in heard if name == "token").startswith("Press the green")
    whole = heard[-1][1]
    assert whole["answer"] == "Press the green button [1], not."
    assert heard[0][1] == {"turn": whole["id"], "conversation": whole["conversation"]}
    again = events_of(site.get(f"{TURNS}{whole['id']}/stream/"))
    assert [name for name, _ in again] == ["start", "snapshot", "done"]
    assert again[1][1] == {"text": whole["answer"]}


def test_no_text_ends_a_line_of_a_stream(site, fake_llm):
    text = "one\x85two\u2028three\u2029four\r\nfive"
    question = "How\x85is\u2028the\u2029pump started?"
    fake_llm.enqueue(text)

    with site.stream("POST", TURNS, json=QUESTION | {"question": question, "stream": True}) as response:
        heard = events_of(response)

    assert (heard[-1][0], heard[-1][1]["question"], heard[-1][1]["answer"]) == ("done", question, text)
    assert "".join(data["text"] for name, data in heard if name == "token") == text


def test_failed_answer_is_a_problem_with_its_turn_which_can_be_retried_or_asked_otherwise(site, fake_llm):
    fake_llm.enqueue(Reply(status=500), Reply(status=500), "Press it.", "Turn the wheel.")

    failed = site.post(TURNS, json=QUESTION)
    problem = failed.json()

    assert failed.status_code == 502
    assert failed.headers["Content-Type"] == "application/problem+json"
    assert problem["detail"]
    assert Turn.objects.get(pk=problem["turn"]).error_code == problem["code"]
    address = f"{TURNS}{problem['turn']}/retry/"
    with site.stream("POST", address, json={"stream": True}) as response:
        name, streamed = events_of(response)[-1]
    assert (name, streamed["status"], streamed["code"]) == ("error", 502, problem["code"])
    retried = site.post(f"{TURNS}{streamed['turn']}/retry/").json()
    assert (retried["answer"], retried["position"], retried["replaces"]) == ("Press it.", 1, streamed["turn"])
    edited = site.post(f"{TURNS}{retried['id']}/edit/", json={"question": "How is the valve opened?"}).json()
    assert (edited["question"], edited["answer"]) == ("How is the valve opened?", "Turn the wheel.")
    assert list(ImplicitSignal.objects.order_by("pk").values_list("kind", flat=True)) == [
        "REGENERATE",
        "REGENERATE",
        "EDIT",
    ]
    assert set(Turn.objects.values_list("origin", flat=True)) == {"API"}
    Turn.objects.filter(pk=edited["id"]).update(
        status="INTERRUPTED", error_code="interrupted", error_message="Cut off."
    )
    name, interrupted = events_of(site.get(f"{TURNS}{edited['id']}/stream/"))[-1]
    assert (name, interrupted["status"], interrupted["code"]) == ("error", 503, "interrupted")


def test_question_sent_again_under_its_key_is_one_question(site, fake_llm):
    gate = threading.Event()
    fake_llm.enqueue(Reply("one two three", gate=gate))
    headers = {"Idempotency-Key": "key-1"}

    with ThreadPoolExecutor(1) as elsewhere:
        first = elsewhere.submit(site.post, TURNS, json=QUESTION, headers=headers)
        assert fake_llm.wait_until(lambda: fake_llm.chat_requests)
        with site.stream("POST", TURNS, json=QUESTION, headers=headers | {"Accept": "text/event-stream"}) as again:
            assert again.headers["Idempotent-Replayed"] == "true"
            gate.set()
            last = events_of(again)[-1]
    third = site.post(TURNS, json=QUESTION, headers=headers)

    assert first.result().json() == last[1] == third.json()
    assert (third.status_code, third.headers["Idempotent-Replayed"]) == (201, "true")
    assert len(fake_llm.chat_requests) == Turn.objects.count() == 1


def test_question_that_failed_is_answered_again_under_its_key_once(site, fake_llm):
    gate = threading.Event()
    fake_llm.enqueue(Reply(status=500), Reply("Press it.", gate=gate))
    headers = {"Idempotency-Key": "key-1"}

    failed = site.post(TURNS, json=QUESTION, headers=headers)
    with ThreadPoolExecutor(4) as elsewhere:
        repeated = [elsewhere.submit(site.post, TURNS, json=QUESTION, headers=headers) for _ in range(4)]
        assert fake_llm.wait_until(lambda: len(fake_llm.chat_requests) == 2)
        gate.set()
        replies = [one.result() for one in repeated]

    assert (failed.status_code, "Idempotent-Replayed" in failed.headers) == (502, False)
    assert [(reply.status_code, reply.json()["answer"]) for reply in replies] == [(201, "Press it.")] * 4
    assert [reply.headers.get("Idempotent-Replayed") for reply in replies].count(None) == 1
    assert {reply.json()["replaces"] for reply in replies} == {failed.json()["turn"]}
    assert (len(fake_llm.chat_requests), Turn.objects.count(), Conversation.objects.count()) == (2, 2, 1)


def test_answer_that_was_cut_off_is_streamed_again_under_its_key(site, fake_llm):
    fake_llm.enqueue("Press it.", "Press the green one.")
    headers = {"Idempotency-Key": "key-1"}
    first = site.post(TURNS, json=QUESTION, headers=headers).json()
    Turn.objects.update(status="INTERRUPTED", error_code="interrupted", error_message="Cut off.")

    with site.stream("POST", TURNS, json=QUESTION, headers=headers | {"Accept": "text/event-stream"}) as again:
        assert "Idempotent-Replayed" not in again.headers
        _, answered = events_of(again)[-1]

    assert (answered["answer"], answered["replaces"]) == ("Press the green one.", first["id"])


def test_failed_question_that_was_retried_by_hand_is_not_answered_again_under_its_key(site, fake_llm):
    fake_llm.enqueue(Reply(status=500), "Press it.")
    headers = {"Idempotency-Key": "key-1"}
    failed = site.post(TURNS, json=QUESTION, headers=headers).json()
    retried = site.post(f"{TURNS}{failed['turn']}/retry/").json()

    again = site.post(TURNS, json=QUESTION, headers=headers)

    assert (again.json(), again.headers["Idempotent-Replayed"]) == (retried, "true")


def test_failed_question_after_which_another_was_asked_stays_failed_under_its_key(site, fake_llm):
    fake_llm.enqueue(Reply(status=500), "Three seconds.")
    headers = {"Idempotency-Key": "key-1"}
    failed = site.post(TURNS, json=QUESTION, headers=headers).json()
    site.post(TURNS, json={"question": "How long?", "conversation": failed["conversation"]})

    again = site.post(TURNS, json=QUESTION, headers=headers)

    assert (again.status_code, again.json()) == (502, failed)
    assert again.headers["Idempotent-Replayed"] == "true"


def test_question_of_a_deleted_conversation_is_gone_under_its_key(site, fake_llm):
    fake_llm.enqueue("Press it.")
    headers = {"Idempotency-Key": "key-1"}
    asked = site.post(TURNS, json=QUESTION, headers=headers).json()
    site.delete(f"/api/v1/conversations/{asked['conversation']}/")

    again = site.post(TURNS, json=QUESTION, headers=headers)

    assert (again.status_code, again.json()["code"]) == (410, "gone")
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(fake_llm.chat_requests) == 1


def test_answers_that_are_waited_for_hold_no_place_and_no_connection_and_can_be_stopped(site, fake_llm):
    connection.close_pool()  # what a thread of an earlier test holds is none of this one's
    gate, number = threading.Event(), 6
    fake_llm.enqueue(*(Reply("one two three", gate=gate) for _ in range(number)))

    with ThreadPoolExecutor(number) as elsewhere:
        waiting = [
            elsewhere.submit(site.post, TURNS, json=QUESTION | {"stream": turn % 2 == 0}) for turn in range(number)
        ]
        assert fake_llm.wait_until(lambda: fake_llm.open_streams == number)
        assert fake_llm.wait_until(lambda: _connections_in_use() == 0)
        turns = site.get(TURNS, params={"status": "STREAMING"}).json()["results"]
        for turn in turns:
            assert site.post(f"{TURNS}{turn['id']}/stop/").status_code == 204
        ended = [one.result() for one in waiting]

    assert len(turns) == number
    whole = [one.json() if one.status_code == 201 else events_of(one)[-1][1] for one in ended]
    assert [turn["status"] for turn in whole] == ["STOPPED"] * number
    assert {turn["answer"] for turn in whole} <= {"", "one"}


def test_answer_that_takes_too_long_is_a_problem_and_goes_on(site, fake_llm, settings, monkeypatch):
    monkeypatch.setattr(answers, "WAIT_MARGIN_SECONDS", 0.5 - settings.LLM_TOTAL_TIMEOUT_SECONDS)
    gate = threading.Event()
    fake_llm.enqueue(Reply("one two three", gate=gate))

    response = site.post(TURNS, json=QUESTION, headers={"Idempotency-Key": "key-1"})
    again = site.post(TURNS, json=QUESTION, headers={"Idempotency-Key": "key-1"})
    problem = response.json()

    assert (response.status_code, problem["code"]) == (504, "still_answering")
    assert (again.status_code, again.json()) == (504, problem)
    assert ("Idempotent-Replayed" in response.headers, again.headers["Idempotent-Replayed"]) == (False, "true")
    with site.stream("GET", f"{TURNS}{problem['turn']}/stream/") as stream:
        gate.set()
        assert events_of(stream)[-1][1]["answer"] == "one two three"


def _connections_in_use() -> int:
    pool = connection.pool
    stats = pool.get_stats()
    connection.close()  # the test's own
    return stats["pool_size"] - stats["pool_available"]


def test_chosen_collection_and_mode_hold_for_the_question(site, fake_llm):
    empty = make_collection()

    body = site.post(TURNS, json=QUESTION | {"collection": empty.pk, "search_mode": "text"}).json()

    assert (body["collection"], body["search_mode"], body["nothing_found"]) == (empty.pk, "text", True)
    assert body["hits"] == []
