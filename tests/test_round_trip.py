"""A -> Q -> A': a question made from an answer, answered again; similarity of both answers."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from chat.models import Document, PipelineConfig, Turn
from chat.rag.config import Provider
from chat.services.configs import find_config
from monitoring.evaluation import runner, runs
from monitoring.models import EvaluationRun, ItemScore
from tests.factories import make_conversation, make_dataset, make_item, make_turn
from tests.fake_replies import Reply
from tests.fakes import FakeLLM
from tests.knowledge import make_knowledge

pytestmark = pytest.mark.django_db(transaction=True)

ANSWER = "Press the green button for three seconds to start the pump [1]."


@pytest.fixture
def fake_llm(settings):
    with FakeLLM() as fake:
        settings.PROVIDERS = {"fake": Provider("fake", fake.base_url)}
        settings.LLM_MAX_ATTEMPTS = 1
        yield fake


@pytest.fixture
def dataset(fake_llm):
    """One question about the pump; the default config and "hybrid" ask the scripted model."""
    make_knowledge()
    PipelineConfig.objects.update(model="fake/default", min_similarity=-1)
    dataset = make_dataset(name="faq")
    pump = Document.objects.get(source_id="pump.md")
    make_item([pump], dataset=dataset, question="How is the pump started?")
    return dataset


def evaluated(dataset):
    run = runs.start_run(dataset=dataset, config=find_config("hybrid"), kind="ANSWER", round_trip=True, enqueue=False)
    assert runner.work_on(run.pk) == "DONE"
    return run, ItemScore.objects.get(evaluation_item__run=run, name="round_trip")


def test_the_made_question_is_answered_by_the_pipeline_and_both_are_compared(dataset, fake_llm):
    fake_llm.enqueue(ANSWER, "How do I start the pump?", "Press the green button for three seconds to start the pump.")

    run, score = evaluated(dataset)

    assert score.value == pytest.approx(1.0, abs=1e-5)
    assert "Made question: How do I start the pump?" in score.explanation
    first = Turn.objects.get(evaluation_item__run=run)
    again = Turn.objects.get(conversation__title=f"Round trip of turn {first.pk}")
    assert (again.question, again.origin) == ("How do I start the pump?", "EVALUATION")
    assert [call.purpose for call in first.calls.order_by("pk")] == ["answer", "question"]
    assert ANSWER.removesuffix(" [1].") in fake_llm.chat_requests[1].last_user_message
    run.refresh_from_db()
    assert run.unpriced_calls == 3


def test_a_refusal_answers_no_question(dataset, fake_llm):
    fake_llm.enqueue("I don't know.")

    _, score = evaluated(dataset)

    assert (score.value, len(fake_llm.chat_requests)) == (None, 1)
    assert "says nothing that a question" in score.error


def test_a_question_that_cannot_be_made_is_tried_again_by_resume(dataset, fake_llm):
    fake_llm.enqueue(ANSWER, Reply(status=500))
    run, score = evaluated(dataset)
    assert (score.value, score.label) == (None, "try again")
    fake_llm.enqueue("How do I start the pump?", ANSWER)

    runs.resume_run(run=run, enqueue=False)
    runner.work_on(run.pk)

    assert ItemScore.objects.get(name="round_trip").value == pytest.approx(1.0, abs=1e-5)
    assert len(fake_llm.chat_requests) == 4  # the first answer was not asked for again


def round_trip(*args):
    out = StringIO()
    call_command("round_trip", *args, stdout=out)
    return out.getvalue()


def test_a_dataset_goes_the_way_offline(dataset):
    PipelineConfig.objects.update(model="offline/extractive")

    (figures,) = json.loads(round_trip("--dataset", "faq", "--split", "test", "--config", "hybrid", "--json", "-"))

    assert figures["round_trip"]["n"] == 1
    assert 0 < figures["round_trip"]["value"] <= 1
    assert EvaluationRun.objects.get().round_trip


def live_turn(**overrides):
    config = PipelineConfig.objects.get(is_default=True)
    return make_turn(**{"config": config, "answer": ANSWER, "model": config.model, **overrides})


def test_live_turns_are_sampled_without_reference(dataset, fake_llm):
    turns = [live_turn() for _ in range(3)]
    live_turn(status="FAILED")
    live_turn(nothing_found=True)
    live_turn(conversation=make_conversation(origin="EVALUATION"))
    old = live_turn()
    Turn.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=30))
    before = Turn.objects.count()

    said = json.loads(round_trip("--live", "--sample", "10", "--days", "7", "--json", "-"))

    assert (said["turns"], said["round_trip"]["n"]) == (3, 3)
    assert {row["turn"] for row in said["items"]} == {turn.pk for turn in turns}
    assert Turn.objects.filter(origin="EVALUATION").count() == 1 + 3
    assert Turn.objects.count() == before + 3


def test_what_is_unscored_of_live_turns_is_counted(dataset, fake_llm):
    live_turn(answer="I don't know.")

    said = round_trip("--live", "--sample", "5")

    assert "1 turns, 0 scored, 1 unscored" in said
    assert "says nothing that a question" in said


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "--dataset NAME and --config NAME, or --live"),
        (["--live", "--sample", "0"], "1 or more"),
        (["--live"], "No live turn"),
    ],
)
def test_what_cannot_be_done_is_said(dataset, args, message):
    with pytest.raises(CommandError, match=message):
        round_trip(*args)
