"""What is sent of a turn and of scores, as a real receiver of OTLP reads it."""

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.semconv._incubating.metrics import gen_ai_metrics
from opentelemetry.semconv.attributes import error_attributes, server_attributes

from chat.models import Turn
from chat.rag.config import LLMCall, Provider, Purpose, Usage
from chat.rag.prompt import answer_prompt
from monitoring.models import Score
from monitoring.telemetry import names
from monitoring.telemetry.jobs import FinishedTurn, GivenFeedback, RecordedCalls, WrittenScores
from tests.factories import make_call, make_config, make_conversation, make_feedback, make_hit, make_turn
from tests.judged import make_rule, make_score
from tests.otlp_receiver import OTLPReceiver
from tests.telemetered import send, turn_on

pytestmark = pytest.mark.django_db

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
BEGIN = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.fixture
def receiver(settings, monkeypatch):
    settings.PROVIDERS = {"openai": Provider("openai", "https://api.openai.com/v1", "sk-secret")}
    with OTLPReceiver() as receiver:
        turn_on(settings, monkeypatch, receiver)
        yield receiver


def make_answered(**overrides) -> Turn:
    """Return a turn with all stages: rewritten, re-ranked by a model, answered by another."""
    config = make_config(
        model="openai/gpt-4o-mini", rerank="llm", rerank_depth=10, temperature=0.2, max_output_tokens=500
    )
    turn = make_turn(
        **{
            "config": config,
            "question": "What did Ada Lovelace say?",
            "answer": "A secret answer [1].",
            "search_query": "Lovelace saying",
            "model": "openai/gpt-4o-mini",
            "started_at": BEGIN,
            "finished_at": BEGIN + timedelta(seconds=4),
            "rewrite_seconds": 0.5,
            "embed_seconds": 0.25,
            "search_seconds": 0.125,
            "rerank_seconds": 0.5,
            "first_token_seconds": 1.75,
            "total_seconds": 3.5,
            "hit_count": 1,
            "cited_count": 1,
            "top_similarity": 0.7,
            "cost_usd": Decimal("0.0012"),
            **overrides,
        }
    )
    make_hit(turn=turn, score=0.5, is_cited=True, text="A secret passage.")
    make_call(turn=turn, purpose="rewrite", prompt_name="rewrite_v1", duration_seconds=0.5)
    make_call(turn=turn, purpose="rerank", prompt_name="rerank_v1", duration_seconds=0.5, model="openai/gpt-4o")
    make_call(
        turn=turn,
        duration_seconds=2.0,
        input_tokens=1000,
        cached_input_tokens=400,
        output_tokens=200,
        reasoning_tokens=50,
        response_model="gpt-4o-mini-2024-07-18",
        request_id="req_1",
    )
    return turn


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


def test_nothing_that_anybody_wrote_is_sent_unless_it_is_asked_for(receiver):
    rule = make_rule(model="openai/gpt-4o")
    turn = make_answered(error_message="secret")
    score = make_score(turn, rule, explanation="A secret reason.", duration_seconds=1.0)
    voter = make_feedback(turn=turn, comment="A secret comment.").user

    send(FinishedTurn(turn.pk), WrittenScores([score.pk]), GivenFeedback(turn.pk, voter.pk, 1))

    sent = repr((receiver.spans, receiver.events, receiver.points))
    assert len(receiver.spans) > 5
    assert len(receiver.events) == 2
    assert all(word not in sent for word in ("secret", "Lovelace", "sk-", turn.conversation.user.username))


def test_texts_are_sent_where_they_are_asked_for(receiver, settings):
    settings.TELEMETRY_WITH_TEXT = True
    turn = make_answered()
    template = answer_prompt("answer_v1", question="?", hits=(), history=())
    turn.calls.filter(purpose="answer").update(prompt_sha256=template.sha256)
    score = make_score(turn, make_rule(model="openai/gpt-4o"), explanation="It says so.", duration_seconds=1.0)
    voter = make_feedback(turn=turn, comment="Well said.", reasons=["OTHER"]).user

    send(FinishedTurn(turn.pk), WrittenScores([score.pk]), GivenFeedback(turn.pk, voter.pk, 1))

    root, search = receiver.span("invoke_workflow ragsite"), receiver.span("retrieval all")
    assert json.loads(root.attributes["gen_ai.input.messages"]) == [
        {"role": "user", "parts": [{"type": "text", "content": "What did Ada Lovelace say?"}]}
    ]
    assert json.loads(root.attributes["gen_ai.output.messages"]) == [
        {"role": "assistant", "parts": [{"type": "text", "content": "A secret answer [1]."}]}
    ]
    assert search.attributes["gen_ai.retrieval.query.text"] == "Lovelace saying"
    assert json.loads(search.attributes["gen_ai.retrieval.documents"])[0]["content"] == "A secret passage."
    answer = max((span for span in receiver.spans if span.name == "chat gpt-4o-mini"), key=lambda span: span.start)
    assert "sources" in json.loads(answer.attributes["gen_ai.system_instructions"])[0]["content"].lower()
    assert "A secret passage." in answer.attributes["gen_ai.input.messages"]
    [output] = json.loads(answer.attributes["gen_ai.output.messages"])
    assert (output["role"], output["finish_reason"]) == ("assistant", "stop")
    assert [event.attributes["gen_ai.evaluation.explanation"] for event in receiver.events] == [
        "It says so.",
        "Well said.",
    ]


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


def test_a_judge_of_another_process_speaks_in_the_trace_of_the_turn(receiver):
    turn = make_answered()
    score = make_score(turn, make_rule(model="openai/gpt-4o"), duration_seconds=3.0)
    call = LLMCall(
        purpose=Purpose.JUDGE,
        model="openai/gpt-4o",
        prompt_name="relevance_v1",
        prompt_sha256="0" * 64,
        duration_seconds=2.5,
        usage=Usage(800, 60),
    )

    send(FinishedTurn(turn.pk))
    send(WrittenScores([score.pk], {score.pk: [call]}))

    root, judge = receiver.span("invoke_workflow ragsite"), receiver.span("judge relevance")
    assert (judge.trace_id, judge.parent_id) == (root.trace_id, root.span_id)
    assert (judge.seconds, judge.is_error) == (3.0, False)
    assert judge.attributes["ragsite.judge.name"] == "relevance"
    [asked] = [span for span in receiver.spans if span.parent_id == judge.span_id]
    assert (asked.name, asked.seconds, asked.start) == ("chat gpt-4o", 2.5, judge.start)
    assert asked.attributes["ragsite.call.purpose"] == "judge"
    assert asked.attributes["gen_ai.usage.input_tokens"] == 800
    [event] = receiver.events
    assert (event.name, event.trace_id, event.span_id) == ("gen_ai.evaluation.result", root.trace_id, root.span_id)
    assert event.attributes["gen_ai.evaluation.name"] == "relevance"
    assert event.attributes["gen_ai.evaluation.score.value"] == 1.0
    assert event.attributes["gen_ai.evaluation.score.label"] == "RELEVANT"
    assert event.attributes["ragsite.score.source"] == "JUDGE"


def test_both_processes_agree_on_which_turns_are_sampled(receiver, monkeypatch):
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
    rule, config = make_rule(model="openai/gpt-4o"), make_config()
    turns = [make_turn(config=config) for _ in range(24)]
    scores = [make_score(turn, rule, duration_seconds=1.0) for turn in turns]

    send(*(FinishedTurn(turn.pk) for turn in turns))
    send(WrittenScores([score.pk for score in scores]))

    judged = {span.trace_id for span in receiver.spans if span.name == "judge relevance"}
    roots = {span.trace_id for span in receiver.spans if span.name == "invoke_workflow ragsite"}
    assert judged == roots
    assert 0 < len(roots) < 24  # all or none of 24 would be one chance in 8 million
    assert len(receiver.events) == 24


def test_a_score_without_a_value_says_why_and_is_not_zero(receiver):
    score = make_score(make_turn(), make_rule(model="openai/gpt-4o"), value=None, duration_seconds=1.0)
    failed = LLMCall(Purpose.JUDGE, "openai/gpt-4o", "relevance_v1", "", 1.0, error_code="rate_limited")

    send(WrittenScores([score.pk]), WrittenScores([score.pk], {score.pk: [failed]}))

    first, second = receiver.events
    assert "gen_ai.evaluation.score.value" not in first.attributes
    assert (first.attributes["error.type"], second.attributes["error.type"]) == ("unscored", "rate_limited")
    assert all(span.is_error for span in receiver.spans)


def test_reviewers_programs_and_users_give_results_too(receiver, alice):
    turn = make_turn()
    reviewed = Score.objects.create(
        turn=turn, name="relevance", source="REVIEWER", value=0.0, label="NOT_RELEVANT", reviewer=alice
    )
    sent = Score.objects.create(
        turn=turn, name="tone", source="API", label="kind", author=alice, annotator_kind="HUMAN"
    )

    send(
        WrittenScores([reviewed.pk, sent.pk]),
        GivenFeedback(turn.pk, alice.pk, -1),
        GivenFeedback(turn.pk, alice.pk, None),
    )

    results = [
        (
            event.attributes["ragsite.score.source"],
            event.attributes["gen_ai.evaluation.name"],
            event.attributes.get("gen_ai.evaluation.score.value"),
            event.attributes["gen_ai.evaluation.score.label"],
            event.attributes.get("error.type"),
        )
        for event in receiver.events
    ]
    assert results == [
        ("REVIEWER", "relevance", 0.0, "NOT_RELEVANT", None),
        ("API", "tone", None, "kind", None),
        ("USER", "user_feedback", 0.0, "thumbs_down", None),
        ("USER", "user_feedback", None, "withdrawn", None),
    ]
    assert receiver.spans == []


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


def test_only_the_signals_that_are_on_are_sent(receiver, settings):
    settings.TELEMETRY_SIGNALS = frozenset({"logs"})
    score = make_score(make_turn(), make_rule(model="openai/gpt-4o"), duration_seconds=1.0)

    send(FinishedTurn(score.turn_id), WrittenScores([score.pk]))

    assert [path for path, _ in receiver.requests] == ["/v1/logs"]


def test_headers_sampler_service_and_resource_are_the_environments(receiver, monkeypatch, settings):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20abc")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=other,deployment.environment.name=test")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    turn = make_turn()

    send(FinishedTurn(turn.pk), GivenFeedback(turn.pk, 1, None))

    assert receiver.spans == []
    assert len(receiver.events) == 1
    assert {headers["authorization"] for _, headers in receiver.requests} == {"Bearer abc"}

    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_on")
    send(FinishedTurn(turn.pk))

    [root] = receiver.spans
    assert root.resource["service.name"] == "other"
    assert root.resource["deployment.environment.name"] == "test"
    assert root.resource["service.instance.id"]
