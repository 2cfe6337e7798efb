"""Turns by the API: lists, one, what is refused, and stopping."""

import pytest

from chat.models import Conversation, KeptReply, Turn
from tests.api_clients import api_client
from tests.factories import make_call, make_config, make_conversation, make_feedback, make_hit, make_turn
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
    options = {"data": {"question": "Why?"}, "format": "json"} if path == "edit/" else {}

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


@pytest.mark.parametrize("accept", ["text/event-stream", "application/xml"])
def test_list_is_json_and_nothing_else(alice, turn, accept):
    client = api_client(alice)

    assert_problem(client.get(TURNS, headers={"Accept": accept}), 406, "not_acceptable")
    assert client.get(TURNS, headers={"Accept": f"{accept}, */*;q=0.1"})["Content-Type"] == "application/json"


def test_field_that_there_is_not_is_refused_of_an_empty_list_too(mallory):
    errors = assert_problem(api_client(mallory).get(TURNS, {"fields": "id,nope"}), 400, "invalid")["errors"]

    assert errors[0]["field"] == "fields"
    assert errors[0]["detail"].startswith("There is no nope; there are id, conversation,")


@pytest.mark.parametrize(
    "query",
    ["status=GONE", "since=yesterday", "conversation=1", "limit=0", "cursor=x", "cursor=cD0y", "fields=id,nope"],
)
def test_what_cannot_be_filtered_by_is_named(alice, turn, query):
    name = query.partition("=")[0]

    assert [error["field"] for error in api_client(alice).get(f"{TURNS}?{query}").json()["errors"]] == [name]


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
