"""What an administrator chooses of telemetry: texts, signals, and what OpenTelemetry's own variables say."""

import json

import pytest

from chat.rag.config import Exchange, LLMCall, Message, Prompt, Provider, Purpose
from chat.rag.prompt import answer_prompt, rewrite_prompt
from monitoring.telemetry.jobs import FinishedTurn, GivenFeedback, WrittenScores
from tests.factories import make_feedback, make_turn
from tests.judged import make_rule, make_score
from tests.otlp_receiver import OTLPReceiver
from tests.telemetered import make_answered, send, turn_on

pytestmark = pytest.mark.django_db


@pytest.fixture
def receiver(settings, monkeypatch):
    settings.PROVIDERS = {"openai": Provider("openai", "https://api.openai.com/v1", "sk-secret")}
    with OTLPReceiver() as receiver:
        turn_on(settings, monkeypatch, receiver)
        yield receiver


def made(purpose, prompt, reply):
    """A call as the process that made it remembers it."""
    return LLMCall(Purpose(purpose), "openai/gpt-4o", "", "", 0.5, prompt=prompt, reply=reply, finish_reason="stop")


def said(text):
    return {"role": "assistant", "parts": [{"type": "text", "content": text}], "finish_reason": "stop"}


def test_nothing_that_anybody_wrote_is_sent_unless_it_is_asked_for(receiver):
    rule = make_rule(model="openai/gpt-4o")
    turn = make_answered(error_message="secret")
    score = make_score(turn, rule, explanation="A secret reason.", duration_seconds=1.0)
    voter = make_feedback(turn=turn, comment="A secret comment.").user

    prompt = Prompt("answer_v1", "", (Message("user", "A secret prompt."),))
    calls = [made(purpose, prompt, "A secret reply.") for purpose in ("rewrite", "rerank", "answer")]

    send(
        FinishedTurn(turn.pk, calls), WrittenScores([score.pk], {score.pk: calls}), GivenFeedback(turn.pk, voter.pk, 1)
    )

    sent = repr((receiver.spans, receiver.events, receiver.points))
    assert len(receiver.spans) > 5
    assert len(receiver.events) == 2
    assert all(word not in sent for word in ("secret", "Lovelace", "sk-", turn.conversation.user.username))


def test_texts_are_sent_where_they_are_asked_for(receiver, settings):
    settings.TELEMETRY_WITH_TEXT = True
    turn = make_answered()
    prompt = answer_prompt("answer_v1", question="What did Ada Lovelace say?", hits=(), history=())
    answered = [
        made("rewrite", rewrite_prompt(question="And she?", history=[Exchange("Ada?", "A poet's child.")]), "Lovelace"),
        made("rerank", None, "[1]"),
        made("answer", prompt, "A secret answer [1][7]."),
    ]
    score = make_score(turn, make_rule(model="openai/gpt-4o"), explanation="It says so.", duration_seconds=1.0)
    judged = made("judge", Prompt("relevance_v1", "0" * 64, (Message("user", "Is it relevant?"),)), '{"label": "NO"')
    voter = make_feedback(turn=turn, comment="Well said.", reasons=["OTHER"]).user

    send(
        FinishedTurn(turn.pk, answered),
        WrittenScores([score.pk], {score.pk: [judged]}),
        GivenFeedback(turn.pk, voter.pk, 1),
    )

    root, search = receiver.span("invoke_workflow ragsite"), receiver.span("retrieval all")
    assert json.loads(root.attributes["gen_ai.input.messages"]) == [
        {"role": "user", "parts": [{"type": "text", "content": "What did Ada Lovelace say?"}]}
    ]
    assert json.loads(root.attributes["gen_ai.output.messages"]) == [said("A secret answer [1].")]
    assert search.attributes["gen_ai.retrieval.query.text"] == "Lovelace saying"
    assert json.loads(search.attributes["gen_ai.retrieval.documents"])[0]["content"] == "A secret passage."
    answer = max((span for span in receiver.spans if span.name == "chat gpt-4o-mini"), key=lambda span: span.start)
    assert "sources" in json.loads(answer.attributes["gen_ai.system_instructions"])[0]["content"].lower()
    assert "What did Ada Lovelace say?" in answer.attributes["gen_ai.input.messages"]
    assert json.loads(answer.attributes["gen_ai.output.messages"]) == [said("A secret answer [1][7].")]
    rewrite = min((span for span in receiver.spans if span.name == "chat gpt-4o-mini"), key=lambda span: span.start)
    assert "A poet's child." in rewrite.attributes["gen_ai.input.messages"]
    assert json.loads(rewrite.attributes["gen_ai.output.messages"]) == [said("Lovelace")]
    judge = receiver.span("judge relevance")
    [verdict] = [span for span in receiver.spans if span.parent_id == judge.span_id]
    assert "Is it relevant?" in verdict.attributes["gen_ai.input.messages"]
    assert json.loads(verdict.attributes["gen_ai.output.messages"]) == [said('{"label": "NO"')]
    assert [event.attributes["gen_ai.evaluation.explanation"] for event in receiver.events] == [
        "It says so.",
        "Well said.",
    ]


def test_texts_of_calls_go_with_the_conversation(receiver, settings):
    settings.TELEMETRY_WITH_TEXT = True
    turn = make_answered(question="", answer="", search_query="")
    score = make_score(turn, make_rule(model="openai/gpt-4o"), duration_seconds=1.0)
    calls = [made(purpose, None, "A secret.") for purpose in ("rewrite", "rerank", "answer")]

    send(FinishedTurn(turn.pk, calls), WrittenScores([score.pk], {score.pk: calls}))

    assert len([span for span in receiver.spans if span.kind == "CLIENT"]) == 6
    assert "A secret." not in repr((receiver.spans, receiver.events))


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
