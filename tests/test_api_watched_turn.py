"""One turn of anybody by the API, with all that was recorded and said of it."""

import pytest
from django.contrib.auth.models import Permission

from chat.models import ImplicitSignal
from monitoring.reviewing.deciding import decide
from monitoring.reviewing.verdict import Verdicts
from tests.api_clients import api_client
from tests.factories import make_call, make_conversation, make_feedback, make_hit, make_turn
from tests.judged import ago
from tests.review_rows import make_flag, make_member, make_review_item, make_verdict
from tests.test_api_base import assert_problem

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator():
    return make_member("operator")


def shown(user, turn):
    return api_client(user, ["read"]).get(f"/api/v1/monitoring/turns/{turn.pk}/").json()


def test_turn_has_what_was_found_asked_paid_and_said(operator, alice):
    turn = make_turn(conversation=make_conversation(user=alice), given_history=[{"question": "Hi?", "answer": "Ho."}])
    hit = make_hit(turn=turn, is_cited=True)
    make_call(turn=turn)
    make_call(turn=turn, purpose="judge", cost_usd=None)
    make_feedback(turn=turn, value=-1, reasons=["TOO_LONG"], comment="Too much.")
    ImplicitSignal.objects.create(turn=turn, user=alice, kind="COPY")
    verdict = make_verdict(turn=turn, calls=1, duration_seconds=0.5)
    make_verdict("RELEVANT", turn=turn, name="relevance", value=None, error="The judge said nothing.")
    flag = make_flag(turn=turn, reason="NOT_GROUNDED", score=verdict)

    whole = shown(operator, turn)

    assert (whole["user"], whole["question"], whole["imported_from"]) == ("alice", turn.question, "")
    assert whole["said_before"] == [{"question": "Hi?", "answer": "Ho."}]
    assert [(one["text"], one["is_cited"], one["similarity"]) for one in whole["hits"]] == [(hit.text, True, 0.7)]
    calls = [(one["purpose"], one["input_tokens"], one["cost_usd"], one["certainty"]) for one in whole["calls"]]
    assert calls == [("answer", 1000, "0.00027000", "exact"), ("judge", 1000, None, "unknown")]
    assert whole["calls"][0]["input_usd_per_million"] == "0.150000"
    [vote] = whole["feedback"]
    assert (vote["user"], vote["value"], vote["reasons"], vote["comment"]) == ("alice", -1, ["TOO_LONG"], "Too much.")
    assert [(one["user"], one["kind"]) for one in whole["signals"]] == [("alice", "COPY")]
    grounded, relevant = whole["scores"]
    assert (grounded["label"], grounded["value"], grounded["explanation"]) == (
        "UNSUPPORTED",
        0.0,
        "The hits say nothing of it.",
    )
    assert (grounded["judged_by"], grounded["calls"]) == (str(verdict.judge_version), 1)
    assert (relevant["value"], relevant["error"]) == (None, "The judge said nothing.")
    assert [(one["reason"], one["score"]) for one in whole["flags"]] == [(flag.reason, verdict.pk)]
    assert (whole["review"], whole["corrections"]) == (None, {})


def test_score_of_a_program_was_given_by_no_judge(operator):
    turn = make_turn()
    written = api_client(operator, ["score"]).post(
        "/api/v1/scores/", {"turn": turn.pk, "name": "tone", "value": 0.5}, format="json"
    )

    assert written.status_code == 201
    assert [(one["name"], one["judged_by"]) for one in shown(operator, turn)["scores"]] == [("tone", None)]


def test_as_many_queries_for_a_full_turn_as_for_a_bare_one(operator, django_assert_max_num_queries):
    turn = make_turn()
    for number in range(3):
        make_hit(turn=turn)
        make_call(turn=turn)
        user = make_feedback(turn=turn, user=make_member(username=f"voter-{number}")).user
        ImplicitSignal.objects.create(turn=turn, user=user, kind="COPY")
        make_verdict(turn=turn)
        make_flag(turn=turn, reason=["SLOW", "TOXIC", "ERROR"][number])
    client = api_client(operator, ["read"])

    with django_assert_max_num_queries(15):  # four of them for the token and what its user may
        response = client.get(f"/api/v1/monitoring/turns/{turn.pk}/")

    assert len(response.json()["scores"]) == 3
    again = client.get(f"/api/v1/monitoring/turns/{turn.pk}/", headers={"If-None-Match": response["ETag"]})
    assert again.status_code == 304


def test_review_comes_with_corrections_once_one_may_see_them(operator):
    first, second = make_member("reviewer", username="first"), make_member("reviewer", username="second")
    turn = make_turn()
    item = make_review_item(turn, reviews_wanted=2)
    said = Verdicts(turns={turn.pk: {"relevance": "RELEVANT"}}, corrections={turn.pk: "Say it shorter."})
    decide(item=item, reviewer=first, verdicts=said)

    of_operator, of_first, of_second = (shown(user, turn) for user in (operator, first, second))

    assert (of_operator["review"]["id"], of_operator["review"]["status"]) == (item.pk, "IN_REVIEW")
    assert of_operator["corrections"] == of_first["corrections"] == {"first": "Say it shorter."}
    assert [score["by"] for score in of_first["scores"]] == ["first"]
    assert (of_second["corrections"], of_second["scores"]) == ({}, [])


def test_who_may_see_turns_alone_sees_neither_scores_nor_flags(staff):
    turn = make_turn()
    make_review_item(turn)
    make_verdict(turn=turn)
    watcher = make_member()
    watcher.user_permissions.set(Permission.objects.filter(codename="view_turn"))

    whole = shown(watcher, turn)

    assert (whole["scores"], whole["flags"], whole["review"], whole["corrections"]) == ([], None, None, None)
    assert whole["question"] == turn.question


def test_turn_of_a_deleted_conversation_keeps_its_numbers(operator):
    turn = make_turn(question="", answer="", conversation=make_conversation(user=None, deleted_at=ago(days=1)))
    make_review_item(turn)
    make_call(turn=turn)

    whole = shown(operator, turn)

    assert (whole["question"], whole["user"], len(whole["calls"])) == ("", None, 1)
    assert (whole["flags"], whole["review"]) == ([], None)


def test_turn_is_for_who_may_see_turns_of_others(alice, operator):
    turn = make_turn(conversation=make_conversation(user=alice))
    path = f"/api/v1/monitoring/turns/{turn.pk}/"

    assert_problem(api_client(alice).get(path), 403, "permission_missing")
    assert_problem(api_client(operator, ["chat"]).get(path), 403, "scope_missing")
    assert_problem(api_client(operator).get("/api/v1/monitoring/turns/987654321/"), 404, "not_found")
    assert_problem(api_client(operator).get(f"/api/v1/monitoring/turns/{'9' * 30}/"), 404, "not_found")
