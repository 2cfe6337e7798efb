"""Votes and signals by the API."""

import pytest

from chat.models import Feedback, ImplicitSignal, Turn
from tests.api_clients import api_client
from tests.factories import make_conversation, make_feedback, make_turn
from tests.test_api_base import assert_problem

pytestmark = pytest.mark.django_db


@pytest.fixture
def turn(alice):
    return make_turn(conversation=make_conversation(user=alice))


@pytest.fixture
def url(turn):
    return f"/api/v1/turns/{turn.pk}/feedback/"


def test_vote_sent_twice_is_one_vote_and_a_new_one_takes_its_place(alice, turn, url):
    client = api_client(alice, ["chat"])
    vote = {"value": -1, "reasons": ["TOO_LONG", "INACCURATE"], "comment": "The lamp is red."}

    first = client.put(url, vote, format="json")
    second = client.put(url, vote, format="json")

    assert first.status_code == second.status_code == 200
    assert second.json() | vote == second.json() | {"reasons": ["TOO_LONG", "INACCURATE"]}
    assert client.get(url).json()["comment"] == "The lamp is red."
    assert Feedback.objects.count() == 1
    assert client.put(url, {"value": 1}, format="json").json()["reasons"] == []
    assert Feedback.objects.get().comment == ""


def test_vote_is_taken_back_as_often_as_one_likes(alice, turn, url):
    make_feedback(turn=turn, user=alice)
    client = api_client(alice)

    assert client.delete(url).status_code == client.delete(url).status_code == 204
    assert_problem(client.get(url), 404, "not_found")


@pytest.mark.parametrize(
    ("vote", "field", "code"),
    [
        ({}, "value", "required"),
        ({"value": 0}, "value", "invalid_choice"),
        ({"value": 1, "reasons": ["BORING"]}, "reasons.0", "invalid_choice"),
        ({"value": 1, "comment": "x" * 2001}, "comment", "max_length"),
    ],
)
def test_vote_that_cannot_be_names_the_field(alice, url, vote, field, code):
    body = assert_problem(api_client(alice).put(url, vote, format="json"), 400, "invalid")

    assert [(error["field"], error["code"]) for error in body["errors"]] == [(field, code)]


def test_unfinished_answer_cannot_be_voted_on(alice, url):
    Turn.objects.update(status=Turn.Status.STREAMING)

    assert_problem(api_client(alice).put(url, {"value": 1}, format="json"), 409, "still_answering")


def test_who_may(alice, mallory, url):
    assert_problem(api_client().put(url, {"value": 1}, format="json"), 401, "not_authenticated")
    assert_problem(api_client(alice, ["read"]).put(url, {"value": 1}, format="json"), 403, "scope_missing")
    for method in ("get", "put", "delete"):
        response = getattr(api_client(mallory), method)(url, {"value": 1}, format="json")
        assert_problem(response, 404, "not_found")


def test_signal_is_noted_once_under_its_key(alice, turn):
    client, address = api_client(alice), f"/api/v1/turns/{turn.pk}/signals/"

    statuses = [
        client.post(address, {"kind": "COPY"}, format="json", headers={"Idempotency-Key": "key-1"}).status_code
        for _ in range(2)
    ]

    assert statuses == [204, 204]
    assert ImplicitSignal.objects.count() == 1


def test_copying_and_opening_a_source_are_noted(alice, mallory, turn):
    url = f"/api/v1/turns/{turn.pk}/signals/"

    assert api_client(alice).post(url, {"kind": "COPY"}, format="json").status_code == 204
    assert ImplicitSignal.objects.get().kind == "COPY"
    assert_problem(api_client(alice).post(url, {"kind": "REGENERATE"}, format="json"), 400, "invalid")
    assert_problem(api_client(mallory).post(url, {"kind": "COPY"}, format="json"), 404, "not_found")
