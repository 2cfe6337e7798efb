"""What a request has that nothing reads is refused with what there is: filters, fields, choices and bodies."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from chat.models import Collection
from chat.services.configs import ensure_default_config
from tests.api_clients import api_client
from tests.factories import make_collection, make_conversation, make_turn
from tests.test_api_base import COLLECTIONS, assert_problem

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", ["turns", "conversations", "documents", "pipeline-configs", "model-prices"])
def test_filter_that_there_is_not_is_refused_with_those_there_are(staff, path):
    [error] = assert_problem(api_client(staff).get(f"/api/v1/{path}/", {"colour": "red"}), 400, "invalid")["errors"]

    assert error["field"] == "colour"
    assert "cursor, " in error["detail"]


def test_choice_that_there_is_not_is_refused_with_those_there_are(staff):
    turn, client = make_turn(conversation=make_conversation(user=staff)), api_client(staff)
    body = {"value": -1, "reasons": ["TOO_LONG", "BORING"]}

    [of_query] = assert_problem(client.get("/api/v1/turns/", {"origin": "MOON"}), 400, "invalid")["errors"]
    [of_list] = assert_problem(client.put(f"/api/v1/turns/{turn.pk}/feedback/", body, format="json"), 400, "invalid")[
        "errors"
    ]

    assert of_query["detail"] == '"MOON" is not a valid choice. There are USER, API, EVALUATION, SYNTHETIC.'
    assert (of_list["field"], of_list["code"]) == ("reasons.1", "invalid_choice")
    assert of_list["detail"].endswith("There are INACCURATE, INCOMPLETE, NOT_RELEVANT, TOO_LONG, HARMFUL, OTHER.")


@pytest.mark.parametrize("path", ["collections", "tokens", "models", "datasets", "judge-rules", "webhooks", "reports"])
def test_list_that_has_no_filters_says_so(staff, path):
    [error] = assert_problem(api_client(staff).get(f"/api/v1/{path}/", {"name": "x"}), 400, "invalid")["errors"]

    assert error == {
        "field": "name",
        "code": "invalid",
        "detail": "Nothing is asked for by this name: all is listed.",
    }


def test_field_that_there_is_not_is_refused_with_those_there_are(staff):
    client = api_client(staff)
    run = {"name": "Lifts", "kpi": {"name": "UP", "goal": 1}, "variants": [{"label": "A", "shaer": 50}]}

    [of_body] = assert_problem(
        client.post(COLLECTIONS, {"name": "Lifts", "chunk_token": 100}, format="json"), 400, "invalid"
    )["errors"]
    inner = assert_problem(client.post("/api/v1/experiments/", run, format="json"), 400, "invalid")["errors"]
    [of_form] = assert_problem(
        client.post("/api/v1/documents/", {"file": SimpleUploadedFile("a.md", b"# A"), "colection": "1"}),
        400,
        "invalid",
    )["errors"][:1]

    assert (of_body["field"], of_body["code"]) == ("chunk_token", "unknown")
    assert of_body["detail"].startswith("There is no such field; there are ")
    assert "chunk_tokens" in of_body["detail"]
    assert not Collection.objects.filter(name="Lifts").exists()
    assert "variants.0.shaer" in {error["field"] for error in inner if error["code"] == "unknown"}
    assert of_form["field"] == "colection"


def test_field_that_cannot_be_changed_is_refused(staff):
    collection = make_collection(name="Lifts")
    url = f"{COLLECTIONS}{collection.pk}/"

    [error] = assert_problem(api_client(staff).patch(url, {"id": 7, "name": "Lifts 2"}, format="json"), 400, "invalid")[
        "errors"
    ]

    assert (error["field"], error["code"]) == ("id", "unknown")
    assert error["detail"].startswith("It cannot be changed; there are ")
    collection.refresh_from_db()
    assert collection.name == "Lifts"


def test_thousands_of_fields_that_there_are_not_get_a_short_reply(staff):
    body = {f"{number}{'x' * 500}": 1 for number in range(5_000)}

    response = api_client(staff).post(COLLECTIONS, body, format="json")
    query = api_client(staff).get(f"{COLLECTIONS}?" + "&".join(f"x{number}=1" for number in range(200)))

    assert 20 <= len(assert_problem(response, 400, "invalid")["errors"]) < 30
    assert len(response.content) < 20_000
    assert len(assert_problem(query, 400, "invalid")["errors"]) == 20


def test_body_in_another_form_is_refused_with_the_one_that_is_taken(staff):
    told = assert_problem(
        api_client(staff).post("/api/v1/documents/", {"collection": 1}, format="json"), 415, "unsupported_media_type"
    )

    assert told["detail"].endswith("This address takes multipart/form-data.")


def test_what_takes_no_body_refuses_one(staff):
    config = ensure_default_config()
    url, client = f"/api/v1/pipeline-configs/{config.pk}/copy/", api_client(staff)

    told = assert_problem(client.post(url, {"name": "other", "top_k": 3}, format="json"), 400, "invalid")

    assert told["detail"] == "This address takes no body: nothing of it would be read."
    assert client.post(url, {}, format="json").status_code == client.post(url).status_code == 201
