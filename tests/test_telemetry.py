"""What is sent of a turn, as a real receiver of OTLP reads it."""

import json
import re
from pathlib import Path

import pytest
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.semconv._incubating.metrics import gen_ai_metrics
from opentelemetry.semconv.attributes import error_attributes, server_attributes

from chat.rag.config import Provider
from monitoring.telemetry import names
from monitoring.telemetry.jobs import FinishedTurn, RecordedCalls, WrittenScores
from tests.factories import make_call, make_conversation, make_turn
from tests.judged import make_rule, make_score
from tests.otlp_receiver import OTLPReceiver
from tests.telemetered import BEGIN, make_answered, send, turn_on

pytestmark = pytest.mark.django_db

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def receiver(settings, monkeypatch):
    settings.PROVIDERS = {"openai": Provider("openai", "https://api.openai.com/v1", "sk-secret")}
    with OTLPReceiver() as receiver:
        turn_on(settings, monkeypatch, receiver)
        yield receiver


def test_names_are_those_of_the_semantic_conventions():
    known = {
        value
        for module in (gen_ai_attributes, gen_ai_metrics, error_attributes, server_attributes)
        for value in vars(module).values()
        if isinstance(value, str)
    }
    operations = {value.value for value in gen_ai_attributes.GenAiOperationNameValues}
    ours = {value for name, value in vars(names).items() if name.isupper() and isinstance(value, str)}
    # Younger than the package: of the conventions' own repository, docs/gen-ai.
    younger = {"gen_ai.evaluation.result", "gen_ai.workflow.duration"}

    theirs = {value for value in ours if "." in value and not value.startswith("ragsite.")}

    assert theirs - younger <= known
    assert {names.INVOKE_WORKFLOW, names.CHAT, names.EMBEDDINGS, names.RETRIEVAL} <= operations


def test_the_handbook_says_of_each_name_what_it_is():
    page = (Path(__file__).resolve().parent.parent / "docs" / "opentelemetry.md").read_text()
    sent = {value for name, value in vars(names).items() if name.isupper() and isinstance(value, str) and "." in value}

    assert {name for name in sent if f"`{name}`" not in page} == set()
    assert set(re.findall(r"`((?:gen_ai|ragsite)\.[a-z_.]+)`", page)) <= sent


def test_a_turn_is_a_trace_with_a_span_for_each_step(receiver):
    turn = make_answered()

    send(FinishedTurn(turn.pk))

    root = receiver.span("invoke_workflow ragsite")
    assert (root.parent_id, root.kind, root.is_error, root.seconds) == ("", "INTERNAL", False, 4.0)
    assert root.start == int(BEGIN.timestamp()) * 10**9
    assert root.resource["service.name"] == "ragsite"
    assert root.attributes == {
        "gen_ai.operation.name": "invoke_workflow",
        "gen_ai.workflow.name": "ragsite",
        "gen_ai.conversation.id": str(turn.conversation_id),
        "ragsite.turn.id": turn.pk,
        "ragsite.turn.position": 1,
        "ragsite.turn.status": "DONE",
        "ragsite.origin": "USER",
        "ragsite.config.name": turn.config.name,
        "ragsite.config.version": 1,
        "ragsite.search.mode": "hybrid",
        "ragsite.turn.nothing_found": False,
        "ragsite.hit_count": 1,
        "ragsite.turn.cited_count": 1,
        "ragsite.turn.first_token_seconds": 1.75,
        "ragsite.cost_usd": 0.0012,
    }
    assert {span.trace_id for span in receiver.spans} == {root.trace_id}
    rerank = receiver.span("rerank")
    parents = {span.name: span.parent_id for span in receiver.spans if span is not root}
    assert parents.pop("chat gpt-4o") == rerank.span_id
    assert set(parents.values()) == {root.span_id}
    begun = [(span.name, (span.start - root.start) / 1e9, span.seconds) for span in receiver.spans if span is not root]
    assert sorted(begun, key=lambda one: (one[1], -len(one[0]))) == [
        ("chat gpt-4o-mini", 0.0, 0.5),
        ("embeddings all-MiniLM-L6-v2", 0.5, 0.25),
        ("retrieval all", 0.75, 0.125),
        ("chat gpt-4o", 0.875, 0.5),
        ("rerank", 0.875, 0.5),
        ("chat gpt-4o-mini", 1.375, 2.0),
    ]


def test_a_call_says_what_was_asked_what_came_back_and_what_it_cost(receiver):
    turn = make_answered()

    send(FinishedTurn(turn.pk))

    answer = max((span for span in receiver.spans if span.name == "chat gpt-4o-mini"), key=lambda span: span.start)
    assert answer.kind == "CLIENT"
    assert answer.attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
        "gen_ai.request.stream": True,
        "gen_ai.request.temperature": 0.2,
        "gen_ai.request.max_tokens": 500,
        "gen_ai.prompt.name": "answer_v1",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.response.time_to_first_chunk": 0.3,
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.cache_read.input_tokens": 400,
        "gen_ai.usage.output_tokens": 200,
        "gen_ai.usage.reasoning.output_tokens": 50,
        "gen_ai.conversation.id": str(turn.conversation_id),
        "server.address": "api.openai.com",
        "server.port": 443,
        "ragsite.call.purpose": "answer",
        "ragsite.call.attempts": 1,
        "ragsite.call.request_id": "req_1",
        "ragsite.cost_usd": 0.00027,
    }


def test_a_search_names_its_documents_and_shows_no_text(receiver):
    turn = make_answered()
    hit = turn.hits.get()

    send(FinishedTurn(turn.pk))

    search = receiver.span("retrieval all")
    assert json.loads(search.attributes.pop("gen_ai.retrieval.documents")) == [
        {"id": str(hit.document_id), "score": 0.5, "chunk_id": hit.chunk_id, "rank": 1, "is_cited": True}
    ]
    assert search.attributes == {
        "gen_ai.operation.name": "retrieval",
        "gen_ai.data_source.id": "all",
        "gen_ai.conversation.id": str(turn.conversation_id),
        "ragsite.search.mode": "hybrid",
        "ragsite.top_k": turn.config.top_k,
        "ragsite.hit_count": 1,
        "ragsite.top_similarity": 0.7,
    }


def test_the_trace_of_the_request_is_joined_with_its_sampling(receiver):
    joined = make_answered(traceparent=f"00-{TRACE}-{SPAN}-01")
    unsampled = make_answered(traceparent=f"00-{TRACE}-{SPAN}-00")
    score = make_score(unsampled, make_rule(model="openai/gpt-4o"), duration_seconds=1.0)

    send(FinishedTurn(joined.pk), FinishedTurn(unsampled.pk), WrittenScores([score.pk]))

    root = receiver.span("invoke_workflow ragsite")
    assert (root.trace_id, root.parent_id) == (TRACE, SPAN)
    assert root.attributes["ragsite.turn.id"] == joined.pk
    assert {span.trace_id for span in receiver.spans} == {TRACE}
    assert "judge relevance" not in [span.name for span in receiver.spans]
    [event] = receiver.events
    assert event.trace_id == TRACE


@pytest.mark.parametrize(
    ("status", "code", "error_type"),
    [("FAILED", "timeout", "timeout"), ("INTERRUPTED", "", "interrupted"), ("STOPPED", "", None)],
)
def test_a_failed_turn_is_an_error_and_a_stopped_one_is_not(receiver, status, code, error_type):
    turn = make_turn(status=status, error_code=code, total_seconds=None)

    send(FinishedTurn(turn.pk))

    [root] = receiver.spans
    assert root.is_error == (error_type is not None)
    assert root.attributes.get("error.type") == error_type
    assert receiver.points == []


def test_metrics_count_what_is_known_by_the_conventions_buckets(receiver):
    turn = make_turn(total_seconds=3.0)
    make_call(turn=turn)
    make_call(turn=turn, input_tokens=70, tokens_estimated=True)
    make_call(turn=turn, input_tokens=None, output_tokens=None, cached_input_tokens=None, error_code="timeout")
    beside = make_call(turn=turn, purpose="judge", origin="EVALUATION", input_tokens=300, output_tokens=None)

    send(FinishedTurn(turn.pk), RecordedCalls([beside.pk]))

    told = {
        (point.metric, *(point.attributes.get(name) for name in (names.PURPOSE, names.TOKEN_TYPE, names.ERROR_TYPE))): (
            point.count,
            point.sum,
        )
        for point in receiver.points
    }
    assert told == {
        ("gen_ai.client.token.usage", "answer", "input", None): (1, 1000),
        ("gen_ai.client.token.usage", "answer", "output", None): (1, 200),
        ("gen_ai.client.token.usage", "judge", "input", None): (1, 300),
        ("gen_ai.client.operation.duration", "answer", None, None): (2, 2.4),
        ("gen_ai.client.operation.duration", "answer", None, "timeout"): (1, 1.2),
        ("gen_ai.client.operation.duration", "judge", None, None): (1, 1.2),
        ("gen_ai.client.operation.time_to_first_chunk", "answer", None, None): (3, pytest.approx(0.9)),
        ("gen_ai.client.operation.time_to_first_chunk", "judge", None, None): (1, 0.3),
        ("gen_ai.workflow.duration", None, None, None): (1, 3.0),
    }
    points = {point.metric: point for point in receiver.points}
    assert points["gen_ai.client.token.usage"].unit == "{token}"
    assert points["gen_ai.client.token.usage"].bounds[:4] == [1, 4, 16, 64]
    assert points["gen_ai.client.token.usage"].bounds[-1] == 67_108_864
    assert points["gen_ai.client.operation.duration"].unit == "s"
    assert points["gen_ai.client.operation.duration"].bounds[0] == 0.01
    assert points["gen_ai.client.operation.duration"].bounds[-1] == pytest.approx(81.92)
    origins = {(point.attributes.get(names.PURPOSE), point.attributes[names.ORIGIN]) for point in receiver.points}
    assert origins == {("answer", "USER"), ("judge", "EVALUATION"), (None, "USER")}


def test_estimated_tokens_have_a_name_of_their_own(receiver):
    turn = make_turn()
    make_call(turn=turn, input_tokens=70, cached_input_tokens=0, output_tokens=9, tokens_estimated=True)

    send(FinishedTurn(turn.pk))

    [call] = [span for span in receiver.spans if span.kind == "CLIENT"]
    assert "gen_ai.usage.input_tokens" not in call.attributes
    assert call.attributes["ragsite.usage.estimated_input_tokens"] == 70
    assert call.attributes["ragsite.usage.estimated_output_tokens"] == 9


def test_a_deleted_turn_and_a_deleted_conversation_send_nothing_that_is_gone(receiver, settings):
    settings.TELEMETRY_WITH_TEXT = True
    emptied = make_answered(question="", answer="", search_query="", conversation=make_conversation())

    send(FinishedTurn(emptied.pk), FinishedTurn(emptied.pk + 1_000_000))

    root = receiver.span("invoke_workflow ragsite")
    assert "gen_ai.input.messages" not in root.attributes
    assert "gen_ai.output.messages" not in root.attributes
