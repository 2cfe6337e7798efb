"""What is sent of scores and of feedback, as a real receiver of OTLP reads it."""

import pytest

from chat.rag.config import LLMCall, Provider, Purpose, Usage
from monitoring.models import Score
from monitoring.telemetry.jobs import FinishedTurn, GivenFeedback, WrittenScores
from tests.factories import make_config, make_turn
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
    assert event.attributes["gen_ai.response.id"] == "chatcmpl-1"


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
