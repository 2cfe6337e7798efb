"""Scores by the API in the shapes of other systems, both ways."""

import json

import pytest

from chat.models import Turn
from monitoring.models import Score
from monitoring.telemetry.places import place_of
from tests.api_clients import api_client
from tests.factories import make_turn
from tests.review_rows import make_verdict
from tests.sent_scores import SCORES, own_turn, send
from tests.test_api_base import assert_problem

pytestmark = pytest.mark.django_db


def bring(user, shape, rows):
    address = f"{SCORES}import/?shape={shape}"
    return api_client(user).post(address, json.dumps(rows), content_type="application/json")


def test_langfuse_body_becomes_a_score(alice):
    turn = own_turn(alice)
    body = {
        "id": "lf-1",
        "traceId": str(turn.pk),
        "observationId": "o-1",
        "name": "helpfulness",
        "value": 0.9,
        "dataType": "NUMERIC",
        "comment": "Good.",
        "environment": "production",
        "metadata": {"run": 7},
    }

    response = bring(alice, "langfuse", body)

    assert response.status_code == 201, response.content
    assert response.json()["results"][0]["ignored"] == ["observationId", "environment"]
    score = Score.objects.get()
    assert (score.turn, score.name, score.value, score.explanation) == (turn, "helpfulness", 0.9, "Good.")
    assert (score.identifier, score.details) == ("lf-1", {"metadata": {"run": 7}})


def test_langfuse_types_are_values_labels_and_yes_or_no(alice):
    turn = own_turn(alice)
    rows = [
        {"traceId": str(turn.pk), "name": "a", "value": 1, "dataType": "BOOLEAN"},
        {"traceId": str(turn.pk), "name": "b", "value": "true", "dataType": "CATEGORICAL"},
        {"traceId": str(turn.pk), "name": "c", "value": "off topic"},
        {"sessionId": str(turn.conversation_id), "name": "d", "value": 0.5},
    ]

    assert bring(alice, "langfuse", rows).json()["stored"] == 4
    said = {score.name: (score.value, score.label, score.boolean) for score in Score.objects.all()}
    assert said == {
        "a": (1.0, "true", True),
        "b": (None, "true", None),
        "c": (None, "off topic", None),
        "d": (0.5, "", None),
    }


def test_phoenix_body_becomes_scores(alice):
    turn = own_turn(alice)
    row = {
        "span_id": str(turn.pk),
        "name": "correctness",
        "annotator_kind": "LLM",
        "result": {"label": "correct", "score": 1, "explanation": "As in the handbook."},
        "metadata": {"model": "a model"},
        "identifier": "run-7",
    }

    assert bring(alice, "phoenix", {"data": [row]}).status_code == 201
    score = Score.objects.get()
    assert (score.value, score.label, score.annotator_kind) == (1.0, "correct", "LLM")
    assert (score.explanation, score.identifier) == ("As in the handbook.", "run-7")


@pytest.mark.parametrize(
    ("shape", "row", "reason"),
    [
        ("langfuse", {"value": 4.5}, "divide it by its scale"),
        ("langfuse", {"value": "long text", "dataType": "TEXT"}, "TEXT"),
        ("langfuse", {"value": 2, "dataType": "BOOLEAN"}, "neither 0 nor 1"),
        ("langfuse", {"traceId": "a-foreign-id", "value": 1}, "number of a turn"),
        ("langfuse", {"traceId": None, "datasetRunId": "r", "value": 1}, "traceId or sessionId"),
        ("langfuse", {"name": None, "value": 1}, "Name the score"),
        ("langfuse", {}, "Say something"),
        ("langfuse", {"value": "x" * 41}, "at most 40"),
        ("phoenix", {"result": {"score": 2}}, "divide it"),
        ("phoenix", {"result": []}, "Say something"),
        ("phoenix", {"result": {"score": 1}, "annotator_kind": "DOG"}, "DOG"),
        ("phoenix", {"result": {"score": 1}, "annotator_kind": "\ud800"}, "no kind of annotator"),
        ("phoenix", {"span_id": None, "session_id": "x", "result": {"score": 1}}, "id of a conversation"),
        ("phoenix", {"result": {"score": 1}, "metadata": {"a": "\x00"}}, "NUL"),
    ],
)
def test_row_that_cannot_be_says_why_and_costs_itself_only(alice, shape, row, reason):
    turn = own_turn(alice)
    good = {"traceId": str(turn.pk), "span_id": str(turn.pk), "name": "good", "value": 1, "result": {"score": 1}}
    bad = {"traceId": str(turn.pk), "span_id": str(turn.pk), "name": "bad", **row}

    response = bring(alice, shape, [bad, good, "no object"])

    assert response.status_code == 207
    body = response.json()
    assert (body["stored"], body["failed"]) == (1, 2)
    assert reason in body["results"][0]["error"]
    assert Score.objects.get().name == "good"


def test_many_rows_are_stored_with_few_queries_and_the_later_of_two_counts(alice, django_assert_max_num_queries):
    turns = [own_turn(alice) for _ in range(5)]
    rows = [{"traceId": str(turn.pk), "name": "x", "value": 0.5} for turn in turns]
    client, address = api_client(alice), f"{SCORES}import/?shape=langfuse"
    rows.append(rows[0] | {"value": 1})

    with django_assert_max_num_queries(14):
        first = client.post(address, rows, format="json").json()
    again = client.post(address, rows[:2], format="json").json()

    assert [row["is_new"] for row in first["results"]] == [True] * 5 + [False]
    assert first["results"][0]["score_id"] == first["results"][5]["score_id"]
    assert [row["is_new"] for row in again["results"]] == [False, False]
    assert sorted(Score.objects.values_list("value", flat=True)) == [0.5] * 5
    assert Score.objects.get(turn=turns[0]).updated_at > Score.objects.get(turn=turns[0]).created_at


@pytest.mark.parametrize(
    ("query", "body"), [("", []), ("?shape=langfuse", []), ("?shape=other", [{}]), ("?shape=phoenix", [{}] * 1001)]
)
def test_import_that_cannot_be_read_is_a_problem(alice, query, body):
    assert_problem(api_client(alice).post(f"{SCORES}import/{query}", body, format="json"), 400, "invalid")


def test_import_into_turns_of_others_is_refused_row_by_row(alice, mallory):
    row = {"traceId": str(own_turn(alice).pk), "name": "x", "value": 1}

    assert bring(mallory, "langfuse", [row]).json()["failed"] == 1


@pytest.mark.parametrize(
    ("shape", "of_turn", "of_whole"), [("langfuse", "traceId", "sessionId"), ("phoenix", "span_id", "session_id")]
)
def test_what_is_exported_imports_to_the_same_scores(staff, shape, of_turn, of_whole):
    turns = {}
    for _ in range(2):
        turn, other = make_turn(), make_turn()
        turns[str(turn.pk)], turns[str(turn.conversation_id)] = str(other.pk), str(other.conversation_id)
    old = [key for key in turns if key.isdecimal()]
    make_verdict(turn_id=old[0])
    make_verdict(turn_id=old[0])  # of another version of the judge
    send(staff, turn=old[1], name="helpfulness", value=0.25, explanation="So so.", metadata={"a": [1]})
    send(staff, turn=old[1], name="helpfulness", label="meh", identifier="category", annotator_kind="HUMAN")
    send(staff, turn=old[1], name="solved", boolean=False)
    sessions = [key for key in turns if not key.isdecimal()]
    send(staff, conversation=sessions[1], name="happy", boolean=True, annotator_kind="LLM")
    Score.objects.filter(name="helpfulness", label="").update(label="SO_SO")  # as Phoenix has both
    before = facts(old)

    sent = json.loads(b"".join(api_client(staff).get(f"{SCORES}export/", {"shape": shape}).streaming_content))
    for row in sent["data"]:
        key = of_turn if of_turn in row else of_whole
        row[key] = turns[row[key]]
    response = bring(staff, shape, sent)

    assert response.status_code == 201, response.json()
    assert response.json()["stored"] == 6
    assert facts([turns[key] for key in old]) == before


def facts(turn_ids):
    """What scores of turns say, whoever said it, in the order of the turns."""
    rows = Score.objects.filter(turn__in=turn_ids).select_related("judge_version")
    order = {int(turn_id): place for place, turn_id in enumerate(turn_ids)}
    return sorted(
        (
            order[row.turn_id],
            row.name,
            -1 if row.value is None else row.value,
            row.label,
            row.explanation,
            row.annotator_kind or "CODE",
            bool(row.conversation_id),
            str(row.details.get("metadata", {})),
        )
        for row in rows
    )


def test_export_is_filtered_and_leaves_out_what_failed(staff, alice):
    turn = make_turn()
    make_verdict(turn=turn, value=None, label="RELEVANT", error="The model failed.", name="relevance")
    make_verdict(turn=turn)

    def names(user, **query):
        response = api_client(user).get(f"{SCORES}export/", {"shape": "phoenix", **query})
        return [row["name"] for row in json.loads(b"".join(response.streaming_content))["data"]]

    assert names(staff) == ["groundedness"]
    assert names(staff, name="relevance") == []
    assert names(alice) == []


@pytest.mark.parametrize("shape", ["langfuse", "phoenix"])
@pytest.mark.parametrize("traceparent", ["", f"00-{'1f' * 16}-{'2e' * 8}-01"])
def test_turns_are_known_by_the_spans_that_were_sent_of_them(alice, shape, traceparent):
    turn = own_turn(alice, traceparent=traceparent)
    send(alice, turn=turn.pk, name="helpfulness", value=0.75)
    place = place_of(turn)
    client = api_client(alice)

    whole = client.get(f"{SCORES}export/", {"shape": shape, "ids": "opentelemetry"})
    [row] = json.loads(b"".join(whole.streaming_content))["data"]
    named = [row.get(name) for name in ("traceId", "observationId", "span_id")]
    row |= {"name": "again"}
    response = bring(alice, shape, [row])

    trace, span = f"{place.trace_id:032x}", f"{place.span_id:016x}"
    assert named == ([trace, span, None] if shape == "langfuse" else [None, None, span])
    assert (response.status_code, response.json()["results"][0]["ignored"]) == (201, [])
    assert Score.objects.get(name="again").turn == turn


def test_a_trace_that_is_a_turn_s_own_needs_no_span_and_a_foreign_span_is_no_turn(alice):
    turn = own_turn(alice)
    trace = f"{place_of(turn).trace_id:032x}"

    own = bring(alice, "langfuse", [{"traceId": trace, "observationId": "ab" * 8, "name": "a", "value": 1}])
    foreign = bring(alice, "phoenix", [{"span_id": "ab" * 8, "name": "a", "result": {"score": 1}}])

    assert (own.status_code, own.json()["results"][0]["ignored"]) == (201, ["observationId"])
    assert Score.objects.get().turn == turn
    assert "invoke_workflow ragsite" in foreign.json()["results"][0]["error"]


@pytest.mark.parametrize("observation", ["2", 12, ["x"], "cd" * 8])
def test_an_observation_that_is_no_turn_s_is_named_and_changes_nothing(alice, observation):
    turn = own_turn(alice)
    row = {"observationId": observation, "name": "a", "value": 1}

    mine = bring(alice, "langfuse", [{**row, "traceId": str(turn.pk)}]).json()
    foreign = bring(alice, "langfuse", [{**row, "traceId": "a-foreign-trace"}]).json()

    assert (mine["stored"], mine["results"][0]["ignored"]) == (1, ["observationId"])
    assert "a-foreign-trace" in foreign["results"][0]["error"]


def test_where_trace_and_span_name_two_turns_the_trace_counts_and_the_span_is_named(alice):
    first, second = own_turn(alice), own_turn(alice)
    row = {"traceId": f"{place_of(first).trace_id:032x}", "observationId": f"{place_of(second).span_id:016x}"}

    said = bring(alice, "langfuse", [{**row, "name": "a", "value": 1}]).json()

    assert said["results"][0]["ignored"] == ["observationId"]
    assert Score.objects.get().turn == first


@pytest.mark.parametrize("depth", [100, 500, 800])
@pytest.mark.parametrize("place", ["metadata", "name"])
def test_row_that_is_nested_deeply_costs_itself_alone(alice, depth, place):
    turn = own_turn(alice)
    row = f'{{"traceId": "{turn.pk}", "name": "fine", "value": 1}}'
    deep = row[:-1] + f', "{place}": {{"a": {"[" * depth}{"]" * depth}}}}}'
    client = api_client(alice)

    response = client.post(f"{SCORES}import/?shape=langfuse", f"[{deep}, {row}]", content_type="application/json")

    assert (response.status_code, response.json()["stored"]) == (207, 1)
    assert "more than 100 objects and lists are in each other" in response.json()["results"][0]["error"]


@pytest.mark.parametrize("shape", ["langfuse", "phoenix"])
def test_rows_that_an_import_once_took_unseen_do_not_break_the_export(alice, staff, shape):
    for details, traceparent in ((["Thirty"], "?"), ("Thirty", "a-b-c"), ({"metadata": [1]}, "")):
        score = make_verdict(turn=own_turn(alice))
        Score.objects.filter(pk=score.pk).update(details=details)
        Turn.objects.filter(pk=score.turn_id).update(traceparent=traceparent)

    response = api_client(staff).get(f"{SCORES}export/?shape={shape}&ids=opentelemetry")

    rows = json.loads(response.getvalue())["data"]
    assert [set(row["metadata"]) - {"ragsite"} for row in rows] == [set(), set(), set()]
