"""Conversations by the API: list, transcript, title and choices, deletion, export."""

import pytest

from chat.models import Conversation, Turn
from tests.api_clients import api_client
from tests.factories import make_collection, make_config, make_conversation, make_feedback, make_hit, make_turn
from tests.test_api_base import assert_problem

pytestmark = pytest.mark.django_db
CONVERSATIONS = "/api/v1/conversations/"


@pytest.fixture
def conversation(alice):
    conversation = make_conversation(user=alice, title="About pumps")
    config = make_config(is_default=True)
    make_turn(conversation=conversation, config=config, is_current=False, position=1, answer="Old.")
    for answer in ("First.", "Second."):
        make_hit(turn=make_turn(conversation=conversation, config=config, answer=answer), is_cited=True)
    return conversation


def address(conversation, action=""):
    return f"{CONVERSATIONS}{conversation.pk}/{action}"


def test_list_has_ones_own_the_last_used_first(alice, mallory, conversation, django_assert_num_queries):
    make_conversation(user=mallory)
    make_conversation(user=alice, deleted_at=conversation.created_at)
    by_program = make_conversation(user=alice, title="About valves", origin="API")
    client = api_client(alice)
    client.get(CONVERSATIONS)

    with django_assert_num_queries(3):  # token, count of requests, rows
        rows = client.get(CONVERSATIONS).json()["results"]

    assert [row["id"] for row in rows] == [str(by_program.pk), str(conversation.pk)]

    def found(**query):
        return [row["title"] for row in client.get(CONVERSATIONS, query).json()["results"]]

    assert found(q="second.") == ["About pumps"]
    assert found(origin="API") == ["About valves"]
    assert found(q="nothing of it") == []
    assert_problem(client.get(CONVERSATIONS, {"origin": "MARS"}), 400, "invalid")


def test_transcript_has_current_turns_in_a_fixed_number_of_queries(alice, conversation, django_assert_num_queries):
    make_feedback(turn=conversation.turns.get(answer="First."), user=alice)
    client = api_client(alice, ["chat"])
    client.get(address(conversation))

    with django_assert_num_queries(6):  # token, count of requests, conversation, turns, hits, feedback
        body = client.get(address(conversation)).json()

    assert [turn["answer"] for turn in body["turns"]] == ["First.", "Second."]
    assert [turn["vote"] for turn in body["turns"]] == [1, None]
    assert body["turns"][0]["hits"][0]["is_cited"] is True
    etag = client.get(address(conversation))["ETag"]
    assert client.get(address(conversation), headers={"If-None-Match": etag}).status_code == 304


@pytest.mark.parametrize(("method", "action"), [("get", ""), ("patch", ""), ("delete", ""), ("get", "export/")])
def test_conversation_of_another_is_not_there(mallory, conversation, method, action):
    assert_problem(getattr(api_client(mallory), method)(address(conversation, action)), 404, "not_found")
    assert Conversation.objects.get().title == "About pumps"


def test_who_may(alice, conversation):
    assert_problem(api_client().get(CONVERSATIONS), 401, "not_authenticated")
    assert_problem(api_client(alice, ["score"]).get(CONVERSATIONS), 403, "scope_missing")
    assert_problem(api_client(alice, ["read"]).delete(address(conversation)), 403, "scope_missing")


def test_title_and_choices_change_and_what_is_not_sent_stays(alice, conversation):
    collection = make_collection()
    client = api_client(alice)

    client.patch(address(conversation), {"collection": collection.pk}, format="json")
    body = client.patch(address(conversation), {"title": " Pumps ", "search_mode": "text"}, format="json").json()

    assert (body["title"], body["search_mode"], body["collection"]) == ("Pumps", "text", collection.pk)
    conversation.refresh_from_db()
    assert (conversation.title, conversation.collection) == ("Pumps", collection)
    cleared = client.patch(address(conversation), {"collection": None}, format="json").json()
    assert (cleared["collection"], cleared["search_mode"]) == (None, "text")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"title": ""}, "blank"),
        ({"title": "x" * 201}, "max_length"),
        ({"search_mode": "guess"}, "invalid_choice"),
        ({"model": "fake/none"}, "does_not_exist"),
        ({"collection": 123456}, "does_not_exist"),
    ],
)
def test_change_that_cannot_be_names_the_field(alice, conversation, change, code):
    body = assert_problem(api_client(alice).patch(address(conversation), change, format="json"), 400, "invalid")

    assert [(error["field"], error["code"]) for error in body["errors"]] == [(next(iter(change)), code)]


def test_choices_that_the_site_does_not_offer_are_refused(alice, conversation, settings):
    settings.USER_CHOICES = frozenset()

    refused = api_client(alice).patch(address(conversation), {"search_mode": "text"}, format="json")

    assert assert_problem(refused, 400, "invalid")["errors"][0]["code"] == "not_offered"


def test_deleted_conversation_is_gone_with_its_texts(alice, conversation):
    client = api_client(alice)

    assert client.delete(address(conversation)).status_code == 204

    assert_problem(client.get(address(conversation)), 404, "not_found")
    assert set(Turn.objects.values_list("question", "answer")) == {("", "")}


def test_export_comes_as_json_or_markdown(alice, conversation):
    client = api_client(alice)

    as_json = client.get(address(conversation, "export/"))
    as_markdown = client.get(address(conversation, "export/"), {"format": "markdown"})
    negotiated = client.get(address(conversation, "export/"), headers={"Accept": "text/markdown"})

    assert [turn["answer"] for turn in as_json.json()["turns"]] == ["First.", "Second."]
    assert as_markdown["Content-Type"] == "text/markdown; charset=utf-8"
    assert as_markdown.content.startswith(b"# About pumps")
    assert negotiated.content == as_markdown.content
    assert_problem(client.get(address(conversation, "export/"), {"format": "pdf"}), 400, "invalid")
    assert_problem(client.get(CONVERSATIONS, headers={"Accept": "text/markdown"}), 406, "not_acceptable")
