"""Turns by the API: lists, one, asking whole and streamed over real HTTP, reading on, stopping, retrying, editing."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
from django.db import connection

from chat.api import answers
from chat.models import Conversation, ImplicitSignal, KeptReply, Turn
from chat.rag.config import Provider
from tests.api_clients import api_client, secret_of
from tests.api_server import api_server
from tests.factories import (
    make_call,
    make_collection,
    make_config,
    make_conversation,
    make_feedback,
    make_hit,
    make_turn,
)
from tests.fake_replies import Reply
from tests.fakes import FakeLLM
from tests.knowledge import make_knowledge
from tests.test_api_base import assert_problem

pytestmark = pytest.mark.django_db
TURNS = "/api/v1/turns/"
QUESTION = {"question": "How is the pump started?", "model": "fake/default"}


@pytest.fixture
def turn(alice):
    turn = make_turn(conversation=make_conversation(user=alice))
    make_hit(turn=turn, is_cited=True)
    make_call(turn=turn)
    make_feedback(turn=turn, user=alice, value=-1, reasons=["OTHER"], comment="Hm.")
    return turn


# Reading


def test_turn_has_hits_and_feedback_and_for_administrators_its_numbers(alice, staff, turn):
    body = api_client(alice, ["chat"]).get(f"{TURNS}{turn.pk}/").json()

    assert body["conversation"] == str(turn.conversation_id)
    assert (body["status"], body["origin"], body["vote"]) == ("DONE", "USER", -1)
    assert body["hits"][0]["is_cited"] is True
    assert body["feedback"]["reasons"] == ["OTHER"]
    assert body["numbers"] is None

    Conversation.objects.update(user=staff)
    numbers = api_client(staff).get(f"{TURNS}{turn.pk}/").json()["numbers"]

    assert numbers["config_name"] == str(turn.config)
    assert numbers["cost_usd"] is None  # unknown, not 0
    assert numbers["calls"][0]["certainty"] == "exact"
    assert numbers["calls"][0]["cost_usd"] == "0.00027000"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", ""),
        ("get", "stream/"),
        ("post", "stop/"),
        ("post", "retry/"),
        ("post", "edit/"),
        ("get", "feedback/"),
    ],
)
def test_turn_of_another_is_not_there(mallory, turn, method, path):
    options = {"data": {"question": "Why?"}, "format": "json"} if method == "post" else {}

    assert_problem(getattr(api_client(mallory), method)(f"{TURNS}{turn.pk}/{path}", **options), 404, "not_found")


def test_turn_is_asked_for_by_who_signed_in_and_with_the_right_scope(alice, turn):
    assert_problem(api_client().get(f"{TURNS}{turn.pk}/"), 401, "not_authenticated")
    refused = api_client(alice, ["score"]).get(f"{TURNS}{turn.pk}/")
    assert '"read" or "chat"' in assert_problem(refused, 403, "scope_missing")["detail"]
    assert_problem(api_client(alice, ["read"]).post(TURNS, QUESTION, format="json"), 403, "scope_missing")


def test_list_of_turns_in_pages_takes_the_same_few_queries(alice, django_assert_num_queries):
    conversation = make_conversation(user=alice)
    config = make_config()
    turns = [make_turn(conversation=conversation, config=config) for _ in range(5)]
    make_turn(config=config)  # somebody else's
    client = api_client(alice)
    client.get(TURNS)

    with django_assert_num_queries(3):  # token, count of requests, rows
        first = client.get(TURNS, {"limit": 3}).json()
    second = client.get(first["next"]).json()

    assert [row["id"] for row in first["results"] + second["results"]] == [turn.pk for turn in reversed(turns)]
    assert second["next"] is None


def test_list_of_turns_is_filtered(alice, turn):
    other = make_conversation(user=alice, origin="API")
    replaced = make_turn(conversation=other, is_current=False, position=1)
    failed = make_turn(conversation=other, status="FAILED", position=1)
    client = api_client(alice)

    def found(**query):
        return {row["id"] for row in client.get(TURNS, query).json()["results"]}

    assert found(conversation=str(other.pk)) == {replaced.pk, failed.pk}
    assert found(status="FAILED") == {failed.pk}
    assert found(origin="USER") == {turn.pk}
    assert found(current="false") == {replaced.pk}
    assert found(since="2999-01-01T00:00:00Z") == set()
    assert client.get(TURNS, {"fields": "id,vote", "origin": "USER"}).json()["results"] == [{"id": turn.pk, "vote": -1}]


@pytest.mark.parametrize(
    "query",
    ["status=GONE", "since=yesterday", "conversation=1", "limit=0", "cursor=x", "cursor=cD0y", "fields=id,nope"],
)
def test_what_cannot_be_filtered_by_is_named(alice, turn, query):
    name = query.partition("=")[0]

    assert [error["field"] for error in api_client(alice).get(f"{TURNS}?{query}").json()["errors"]] == [name]


# What is refused before anything is asked


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({}, "question", "required"),
        ({"question": " "}, "question", "blank"),
        ({"question": ["Why?"]}, "question", "invalid"),
        ({"question": "Why?", "conversation": "no-id"}, "conversation", "invalid"),
        ({"question": "Why?", "collection": 123456}, "collection", "does_not_exist"),
        ({"question": "Why?", "search_mode": "guess"}, "search_mode", "invalid_choice"),
        ({"question": "Why?", "model": "fake/none"}, "model", "does_not_exist"),
    ],
)
def test_question_that_is_malformed_names_the_field(alice, body, field, code):
    make_config(is_default=True)

    errors = assert_problem(api_client(alice).post(TURNS, body, format="json"), 400, "invalid")["errors"]

    assert [(error["field"], error["code"]) for error in errors] == [(field, code)]
    assert not Turn.objects.exists()


def test_conversation_of_another_cannot_go_on(mallory, turn):
    body = {"question": "Why?", "conversation": str(turn.conversation_id)}

    errors = assert_problem(api_client(mallory).post(TURNS, body, format="json"), 400, "invalid")["errors"]

    assert (errors[0]["field"], errors[0]["code"]) == ("conversation", "does_not_exist")


def test_only_what_users_may_choose_can_be_chosen(alice, settings):
    settings.USER_CHOICES = frozenset({"collection"})
    body = {"question": "Why?", "model": "offline/extractive", "search_mode": "text", "collection": None}

    errors = assert_problem(api_client(alice).post(TURNS, body, format="json"), 400, "invalid")["errors"]

    assert {(error["field"], error["code"]) for error in errors} == {
        ("model", "not_offered"),
        ("search_mode", "not_offered"),
    }


def test_question_too_long_and_one_too_many_are_refused(alice, turn, settings):
    client = api_client(alice)
    body = {"question": "Why?", "conversation": str(turn.conversation_id)}
    Turn.objects.update(status=Turn.Status.STREAMING)

    response = client.post(TURNS, body, format="json", headers={"Idempotency-Key": "key-1"})
    assert "still being written" in assert_problem(response, 422, "question_refused")["detail"]
    response = client.post(TURNS, {"question": "x" * (settings.QUESTION_MAX_CHARS + 1)}, format="json")
    assert "Shorten it" in assert_problem(response, 422, "question_refused")["detail"]
    assert_problem(client.post(f"{TURNS}{turn.pk}/retry/"), 422, "question_refused")
    assert not KeptReply.objects.exists()


def test_waiting_turn_is_stopped_and_a_finished_one_stays(alice, turn):
    client = api_client(alice)
    assert client.post(f"{TURNS}{turn.pk}/stop/").status_code == 204
    turn.refresh_from_db()
    assert turn.status == "DONE"
    Turn.objects.update(status=Turn.Status.PENDING)

    assert client.post(f"{TURNS}{turn.pk}/stop/").status_code == 204

    turn.refresh_from_db()
    assert turn.status == "STOPPED"


# Asking, over real HTTP


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

    response = site.post(TURNS, json=QUESTION)
    problem = response.json()

    assert (response.status_code, problem["code"]) == (504, "still_answering")
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
