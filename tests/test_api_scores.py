"""Scores by the API: sending, listing and taking back."""

import json

import pytest

from chat.models import KeptReply
from monitoring.models import Score
from monitoring.reports import Filters, read
from tests.api_clients import api_client
from tests.factories import make_turn
from tests.judged import ago
from tests.review_rows import make_member, make_review_item, make_verdict
from tests.sent_scores import SCORES, own_turn, send
from tests.test_api_base import assert_problem

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("said", "value", "label", "boolean"),
    [
        ({"value": 0.5}, 0.5, "", None),
        ({"label": "off topic"}, None, "off topic", None),
        ({"boolean": True}, 1.0, "true", True),
    ],
)
def test_score_says_a_value_a_label_or_yes_or_no(alice, said, value, label, boolean):
    turn = own_turn(alice)

    response = send(alice, turn=turn.pk, name="helpfulness", explanation="As asked.", **said)

    assert response.status_code == 201, response.content
    shown = response.json()
    assert (shown["value"], shown["label"], shown["boolean"]) == (value, label, boolean)
    assert (shown["source"], shown["by"], shown["annotator_kind"], shown["error"]) == ("API", "alice", "CODE", "")


def test_score_of_a_conversation_stands_at_its_last_turn(alice):
    first = own_turn(alice)
    last = make_turn(conversation=first.conversation)

    shown = send(alice, conversation=str(first.conversation_id), name="solved", boolean=False).json()

    assert (shown["turn"], shown["conversation"]) == (last.pk, str(first.conversation_id))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "x"}, ""),
        ({"name": "x", "value": 1, "label": "both"}, ""),
        ({"name": "x", "value": 1.5}, "value"),
        ({"name": "x", "value": "many"}, "value"),
        ({"name": "", "value": 1}, "name"),
        ({"name": "x" * 61, "value": 1}, "name"),
        ({"name": "x", "label": "\x00"}, "label"),
        ({"name": "x", "value": 1, "annotator_kind": "DOG"}, "annotator_kind"),
    ],
)
def test_score_that_cannot_be_names_the_field(alice, body, field):
    response = send(alice, turn=own_turn(alice).pk, **body)

    assert [error["field"] for error in assert_problem(response, 400, "invalid")["errors"]] == [field]


@pytest.mark.parametrize(
    "metadata", [{"a": "\x00"}, {"a": "\ud800"}, {"a": "x" * 20_000}, {"a": json.loads("[" * 100 + "]" * 100)}]
)
def test_metadata_that_cannot_be_stored_is_refused(alice, metadata):
    body = json.dumps({"turn": own_turn(alice).pk, "name": "x", "value": 1, "metadata": metadata})

    response = api_client(alice).post(SCORES, body, content_type="application/json")

    assert response.status_code in (400, 422)


def test_half_a_character_is_refused_in_words(alice):
    body = json.dumps({"turn": own_turn(alice).pk, "name": "x", "value": 1, "annotator_kind": "\ud800"})

    response = api_client(alice).post(SCORES, body, content_type="application/json")

    assert [error["field"] for error in assert_problem(response, 400, "invalid")["errors"]] == ["annotator_kind"]


def test_same_score_again_takes_the_earlier_one_s_place(alice):
    turn = own_turn(alice)

    send(alice, turn=turn.pk, name="helpfulness", value=0)
    again = send(alice, turn=turn.pk, name="helpfulness", value=1)
    other = send(alice, turn=turn.pk, name="helpfulness", value=0.5, identifier="second look")

    assert (again.status_code, other.status_code) == (200, 201)
    assert list(Score.objects.order_by("pk").values_list("value", flat=True)) == [1.0, 0.5]


def test_score_sent_twice_under_one_key_is_written_once(alice):
    client, turn = api_client(alice), own_turn(alice)
    body, headers = {"turn": turn.pk, "name": "helpfulness", "value": 1}, {"Idempotency-Key": "one"}

    first = client.post(SCORES, body, format="json", headers=headers)
    second = client.post(SCORES, body, format="json", headers=headers)

    assert (first.status_code, second.status_code, first.json()) == (201, 201, second.json())


def test_score_of_a_deleted_conversation_is_not_sent_again(alice):
    client, turn = api_client(alice), own_turn(alice)
    body = {"turn": turn.pk, "name": "tone", "value": 1, "explanation": "A secret.", "metadata": {"of": "a secret"}}
    headers = {"Idempotency-Key": "one"}
    sent = client.post(SCORES, body, format="json", headers=headers).json()
    client.delete(f"/api/v1/conversations/{turn.conversation_id}/")

    again = client.post(SCORES, body, format="json", headers=headers)

    assert_problem(again, 410, "gone")
    assert b"ecret" not in again.content
    assert KeptReply.objects.get().body == sent["id"]


def test_stranger_s_turn_cannot_be_scored_but_by_an_operator(alice, mallory):
    turn = own_turn(alice)

    assert_problem(send(mallory, turn=turn.pk, name="x", value=1), 422, "score")
    assert_problem(send(mallory, conversation=str(turn.conversation_id), name="x", value=1), 422, "score")
    assert send(make_member("operator"), turn=turn.pk, name="x", value=1).status_code == 201


def test_token_needs_the_scope_and_anonymous_a_token(alice):
    assert_problem(api_client().post(SCORES, {}, format="json"), 401, "not_authenticated")
    assert_problem(api_client(alice, ["read", "chat"]).post(SCORES, {}, format="json"), 403, "scope_missing")
    assert_problem(api_client(alice, ["score"]).get(SCORES), 403, "scope_missing")


def test_users_see_and_take_back_what_they_sent(alice, mallory):
    turn = own_turn(alice)
    make_verdict(turn=turn)
    sent = send(alice, turn=turn.pk, name="helpfulness", value=1).json()

    assert [one["id"] for one in api_client(alice).get(SCORES).json()["results"]] == [sent["id"]]
    assert api_client(mallory).get(SCORES).json()["results"] == []
    assert_problem(api_client(mallory).get(f"{SCORES}{sent['id']}/"), 404, "not_found")
    assert_problem(api_client(mallory).delete(f"{SCORES}{sent['id']}/"), 404, "not_found")
    assert api_client(alice).delete(f"{SCORES}{sent['id']}/").status_code == 204
    assert Score.objects.by_programs().count() == 0


def test_verdict_of_a_judge_cannot_be_deleted(staff):
    verdict = make_verdict(turn=make_turn())

    assert_problem(api_client(staff).delete(f"{SCORES}{verdict.pk}/"), 404, "not_found")


def test_list_is_filtered_and_asks_few_queries(staff, django_assert_max_num_queries):
    turn = make_turn()
    judged = make_verdict(turn=turn)
    make_verdict(turn=make_turn(), name="relevance", label="RELEVANT")
    send(staff, turn=turn.pk, name="groundedness", label="odd")
    client = api_client(staff)

    def ids(**query):
        return [one["id"] for one in client.get(SCORES, query).json()["results"]]

    with django_assert_max_num_queries(6):
        assert len(ids()) == 3
    assert ids(name="groundedness", source="JUDGE") == [judged.pk]
    assert ids(judge=judged.judge_version.judge, turn=turn.pk, label="UNSUPPORTED") == [judged.pk]
    assert ids(until=ago(hours=1).isoformat()) == []
    assert_problem(client.get(SCORES, {"nmae": "groundedness"}), 400, "invalid")
    assert_problem(client.get(SCORES, {"since": "2026-01-02", "until": "2026-01-01"}), 400, "invalid")


def test_second_reviewer_is_blind_to_the_first(staff):
    first, second = make_member("reviewer"), make_member("reviewer")
    item = make_review_item(status="IN_REVIEW", reviews_wanted=2)
    turn = item.conversation.turns.get()
    item.reviews.create(reviewer=first, decided_at=ago(minutes=1))
    Score.objects.create(turn=turn, name="relevance", source="REVIEWER", value=1, label="RELEVANT", reviewer=first)

    assert api_client(second).get(SCORES).json()["results"] == []
    assert len(api_client(first).get(SCORES).json()["results"]) == 1


def test_scores_of_programs_are_in_no_figure_of_judges(staff):
    turn = make_turn()
    make_verdict(turn=turn)
    send(staff, turn=turn.pk, name="groundedness", value=1)
    send(staff, turn=turn.pk, name="groundedness", label="odd", identifier="by category")
    filters = Filters(since=ago(hours=1), until=ago(hours=-1))

    [judges] = read("scores", filters, name="groundedness")
    [programs] = read("scores", filters, name="groundedness", source="API")
    by_label = {row["key"]: row for row in read("scores", filters, name="groundedness", source="API", by="label")}

    assert (judges["source"], judges["scored"], judges["mean"]) == ("JUDGE", 1, 0.0)
    assert (programs["scored"], programs["unscored"], programs["mean"]) == (1, 1, 1.0)
    assert (by_label["odd"]["scored"], by_label["odd"]["unscored"]) == (0, 1)


def test_admin_lists_labels_of_programs_apart_from_what_failed(client, staff):
    turn = make_turn()
    send(staff, turn=turn.pk, name="tone", label="friendly", identifier="by category")
    make_verdict(turn=turn, value=None, error="The model failed.")
    client.force_login(staff)

    def listed(**query):
        page = client.get("/admin/monitoring/score/", query).text
        return {name for name in ("friendly", "The model failed.") if name in page}

    assert listed() == {"friendly", "The model failed."}
    assert listed(verdict="label") == {"friendly"}
    assert listed(verdict="failed") == {"The model failed."}
    score = Score.objects.by_programs().get()
    assert "by category" in client.get(f"/admin/monitoring/score/{score.pk}/change/").text
