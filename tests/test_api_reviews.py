"""Flags and the review queue by the API: the same services and the same blindness as the pages."""

import pytest

from monitoring.models import CorrectedAnswer, DatasetItem, Flag, Review, ReviewItem, Score
from tests.api_clients import api_client
from tests.factories import make_chunk, make_conversation, make_hit, make_turn
from tests.judged import ago
from tests.review_rows import make_flag, make_member, make_review_item, make_verdict
from tests.test_api_base import assert_problem

pytestmark = pytest.mark.django_db
FLAGS, REVIEWS = "/api/v1/flags/", "/api/v1/reviews/"


@pytest.fixture
def reviewer(db):
    return make_member("reviewer")


def item_with_turn(**values):
    turn = make_turn()
    return make_review_item(turn, **values), turn


def decide(user, item, **body):
    return api_client(user).post(f"{REVIEWS}{item.pk}/decision/", body, format="json")


def test_flags_are_listed_and_filtered(reviewer, django_assert_max_num_queries):
    first = make_flag()
    second = make_flag(reason="SLOW", is_advisory=True, settled_at=ago(minutes=1), turn=make_turn(origin="API"))
    client = api_client(reviewer)

    def ids(**query):
        return [one["id"] for one in client.get(FLAGS, query).json()["results"]]

    with django_assert_max_num_queries(6):
        assert ids() == [second.pk, first.pk]
    assert ids(reason="THUMBS_DOWN") == ids(is_waiting="true") == ids(is_advisory="false") == [first.pk]
    assert ids(origin="API") == ids(turn=second.turn_id) == [second.pk]
    assert_problem(client.get(FLAGS, {"reason": "MOOD"}), 400, "invalid")


def test_queue_is_listed_by_priority_with_reasons(reviewer, django_assert_max_num_queries):
    low, _ = item_with_turn(priority=1.0)
    high, turn = item_with_turn(priority=9.0)
    item_with_turn(status="RESOLVED", resolved_at=ago(minutes=1))
    make_flag(turn=turn, reason="TOXIC")
    client = api_client(reviewer)

    with django_assert_max_num_queries(10):
        rows = client.get(REVIEWS).json()["results"]

    assert [row["id"] for row in rows] == [high.pk, low.pk]
    assert (rows[0]["reasons"], rows[0]["question"]) == (["THUMBS_DOWN", "TOXIC"], turn.question)
    assert len(client.get(REVIEWS, {"status": "all"}).json()["results"]) == 3
    assert [row["id"] for row in client.get(REVIEWS, {"reason": "TOXIC"}).json()["results"]] == [high.pk]
    assert client.get(REVIEWS, {"assignee": "me"}).json()["results"] == []


def test_next_is_reserved_and_nobody_else_gets_it(reviewer):
    item, turn = item_with_turn()
    verdict = make_verdict(turn=turn)
    make_hit(turn=turn)

    taken = api_client(reviewer).post(f"{REVIEWS}next/", {}, format="json")

    assert (taken.status_code, taken.json()["id"]) == (200, item.pk)
    [shown] = taken.json()["turns"]
    assert (shown["verdicts"][0]["id"], len(shown["hits"]), len(shown["flags"])) == (verdict.pk, 1, 1)
    assert api_client(make_member("reviewer")).post(f"{REVIEWS}next/", {}, format="json").status_code == 204
    assert_problem(api_client(make_member("reviewer")).post(f"{REVIEWS}{item.pk}/reservation/"), 409, "reserved")
    assert api_client(reviewer).post(f"{REVIEWS}{item.pk}/reservation/").json()["reserved_until"]
    assert api_client(reviewer).delete(f"{REVIEWS}{item.pk}/reservation/").status_code == 204
    assert not Review.objects.exists()


def test_looking_reserves_nothing(reviewer):
    item, _ = item_with_turn()

    assert api_client(reviewer).get(f"{REVIEWS}{item.pk}/").status_code == 200
    assert not Review.objects.exists()


def test_decision_is_stored_as_by_the_page(reviewer):
    item, turn = item_with_turn()

    response = decide(
        reviewer,
        item,
        turns=[{"turn": turn.pk, "labels": {"relevance": "RELEVANT"}, "correction": "As the handbook says."}],
        note="Seen.",
    )

    assert (response.status_code, response.json()["status"]) == (200, "RESOLVED")
    score = Score.objects.by_reviewers().get()
    assert (score.turn, score.label, score.value, score.reviewer) == (turn, "RELEVANT", 1.0, reviewer)
    assert CorrectedAnswer.objects.get().text == "As the handbook says."
    assert Flag.objects.get().settled_at is not None
    [shown] = response.json()["turns"]
    assert shown["opinions"] == [{"name": "relevance", "labels": {reviewer.username: "RELEVANT"}}]
    assert shown["corrections"] == {reviewer.username: "As the handbook says."}
    assert_problem(decide(reviewer, item, note="Again."), 422, "review")


def test_flag_that_was_not_seen_keeps_the_item_open(reviewer):
    item, turn = item_with_turn()
    make_flag(turn=turn, reason="TOXIC")

    decide(reviewer, item, dismiss=True, seen_flags=[turn.flags.get(reason="THUMBS_DOWN").pk])

    item.refresh_from_db()
    assert item.status == ReviewItem.Status.OPEN


def test_item_is_dismissed_and_opened_again(reviewer):
    item, _ = item_with_turn()

    assert decide(reviewer, item, dismiss=True).json()["status"] == "DISMISSED"
    opened = api_client(reviewer).post(f"{REVIEWS}{item.pk}/reopen/")

    assert (opened.json()["status"], opened.json()["round"]) == ("OPEN", 2)
    assert_problem(api_client(reviewer).post(f"{REVIEWS}{item.pk}/reopen/"), 422, "review")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"turns": [{"turn": 1, "labels": {"relevance": "RELEVANT"}}]},
        {"turns": [{"turn": None, "labels": {"relevance": "NICE"}}]},
        {"turns": [{"turn": None, "labels": {"mood": "GOOD"}}]},
        {"conversation": {"relevance": "RELEVANT"}},
        {"note": "x" * 5001},
    ],
)
def test_decision_that_cannot_be_stored_is_refused(reviewer, body):
    item, turn = item_with_turn()
    for one in body.get("turns", []):
        one["turn"] = one["turn"] or turn.pk

    assert decide(reviewer, item, **body).status_code in (400, 422)
    assert not Review.objects.filter(decided_at__isnull=False).exists()


def test_second_reviewer_sees_nothing_of_the_first_before_deciding(reviewer):
    item, turn = item_with_turn(reviews_wanted=2)
    second = make_member("reviewer")
    decide(reviewer, item, turns=[{"turn": turn.pk, "labels": {"relevance": "RELEVANT"}, "correction": "A"}], note="N")
    before = api_client(second).get(f"{REVIEWS}{item.pk}/").json()

    after = decide(second, item, turns=[{"turn": turn.pk, "labels": {"relevance": "NON_RELEVANT"}}]).json()

    assert (before["reviews"], before["turns"][0]["opinions"], before["turns"][0]["corrections"]) == ([], [], {})
    assert len(after["reviews"]) == 2
    assert len(after["turns"][0]["opinions"][0]["labels"]) == 2


def test_reviewed_turn_becomes_an_item_of_a_dataset(reviewer):
    item, turn = item_with_turn()
    hit = make_hit(turn=turn, chunk=make_chunk())
    decide(reviewer, item, turns=[{"turn": turn.pk, "correction": "The right answer."}])

    response = api_client(reviewer).post(
        f"{REVIEWS}{item.pk}/turns/{turn.pk}/dataset-item/", {"dataset": "regressions", "hits": [hit.pk]}, format="json"
    )

    assert response.status_code == 201, response.content
    assert response.json()["expected_answer"] == "The right answer."
    made = DatasetItem.objects.get()
    assert (made.dataset.name, made.source_turn, made.relevant.count()) == ("regressions", turn, 1)


def test_reviewed_turn_is_added_once_under_its_key(reviewer):
    item, turn = item_with_turn()
    decide(reviewer, item, turns=[{"turn": turn.pk, "correction": "The right answer."}])
    address, client = f"{REVIEWS}{item.pk}/turns/{turn.pk}/dataset-item/", api_client(reviewer)

    added = [client.post(address, {}, format="json", headers={"Idempotency-Key": "key-1"}) for _ in range(2)]

    assert [response.status_code for response in added] == [201, 201]
    assert added[1]["Idempotent-Replayed"] == "true"
    assert added[0].json() == added[1].json()
    assert DatasetItem.objects.count() == 1


def test_conversation_that_its_user_deleted_is_gone(reviewer):
    turn = make_turn(conversation=make_conversation(deleted_at=ago(minutes=1)))
    item = make_review_item(turn)
    client = api_client(reviewer)

    assert client.get(REVIEWS).json()["results"] == []
    assert client.get(FLAGS).json()["results"] == []
    assert_problem(client.get(f"{REVIEWS}{item.pk}/"), 404, "not_found")


def test_who_reviews_and_who_only_looks(alice, reviewer):
    item, _ = item_with_turn()
    operator = make_member("operator")

    assert_problem(api_client().get(REVIEWS), 401, "not_authenticated")
    assert_problem(api_client(alice).get(REVIEWS), 403, "permission_missing")
    assert_problem(api_client(alice).get(FLAGS), 403, "permission_missing")
    assert api_client(operator).get(f"{REVIEWS}{item.pk}/").status_code == 200
    assert_problem(api_client(operator).post(f"{REVIEWS}next/", {}, format="json"), 403, "permission_missing")
    assert_problem(decide(operator, item, dismiss=True), 403, "permission_missing")
    only_read = api_client(reviewer, ["read", "score"])
    assert_problem(only_read.post(f"{REVIEWS}next/", {}, format="json"), 403, "scope_missing")
