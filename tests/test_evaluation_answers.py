"""Answer runs: each item a turn by the real pipeline, over real HTTP to the scripted model, and measured."""

import pytest
from django.utils import timezone

from chat.models import LLMCall, ModelPrice, PipelineConfig, Turn
from chat.rag.config import Provider
from chat.services.configs import find_config
from monitoring.evaluation import runner
from monitoring.evaluation.report import summarise
from tests.answer_runs import scores, start, three_questions
from tests.factories import make_dataset, make_item
from tests.fakes import FakeLLM
from tests.knowledge import make_knowledge

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def fake_llm(settings):
    with FakeLLM() as fake:
        settings.PROVIDERS = {"fake": Provider("fake", fake.base_url)}
        settings.LLM_MAX_ATTEMPTS = 1
        yield fake


@pytest.fixture
def config(fake_llm):
    make_knowledge()
    PipelineConfig.objects.update(model="fake/default", min_similarity=-1)
    return find_config("hybrid")


@pytest.fixture
def dataset(config):
    return three_questions()


def test_each_item_is_a_turn_by_the_pipeline(dataset, config, fake_llm):
    run = start(dataset, config)

    assert runner.work_on(run.pk) == "DONE"

    run.refresh_from_db()
    assert (run.done_items, run.total_items, len(fake_llm.chat_requests)) == (3, 3, 3)
    for row in run.items.select_related("turn__conversation"):
        assert (row.turn.status, row.turn.origin, row.turn.conversation.user) == ("DONE", "EVALUATION", None)
        assert row.turn.question == row.item.question
        assert row.turn.config == config
        assert list(row.turn.hits.values_list("chunk_id", flat=True)) == row.chunk_ids
        assert row.turn.calls.get().purpose == "answer"


def test_answers_are_measured_beside_their_ranking(dataset, config, fake_llm):
    fake_llm.enqueue("Press the green button for three seconds [1].", "I don't know.", "By the wheel.")
    run = start(dataset, config)

    runner.work_on(run.pk)

    summary = summarise(run)
    assert summary.measures["hit_rate"].interval.n == 3
    assert summary.measures["answer_similarity"].interval.n == 3
    assert summary.measures["refusal_correct"].interval.value == pytest.approx(2 / 3)
    assert summary.measures["citation_accuracy"].reasons == {"The answer cites nothing.": 2}


def test_an_answer_is_compared_with_the_expected_one(dataset, config, fake_llm):
    fake_llm.enqueue("Press the green button for three seconds [1].")
    run = start(dataset, config, item_limit=1)

    runner.work_on(run.pk)

    assert scores(run, "rouge_1") == [(1.0, "")]
    assert scores(run, "answer_similarity")[0][0] > 0.99
    assert scores(run, "citation_accuracy") == [(1.0, "")]


def test_an_unanswerable_question_is_scored_by_its_refusal(config, fake_llm):
    dataset = make_dataset()
    make_item(dataset=dataset, question="What does a moon cost?", is_answerable=False)
    fake_llm.enqueue("The documents do not mention what a moon costs.")
    run = start(dataset, config)

    runner.work_on(run.pk)

    assert scores(run, "refusal_correct") == [(1.0, "")]
    assert scores(run, "mrr") == [(None, "Nothing answers this question, on purpose.")]


def test_cost_is_counted_with_the_run(dataset, config, fake_llm):
    ModelPrice.objects.create(
        model="fake/default", input_usd_per_million=1, output_usd_per_million=2, valid_from=timezone.now()
    )
    run = start(dataset, config)

    runner.work_on(run.pk)

    run.refresh_from_db()
    turns = Turn.objects.filter(evaluation_item__run=run)
    assert run.cost_usd == sum(turn.cost_usd for turn in turns) > 0
    assert run.unpriced_calls == 0


def test_a_history_goes_to_the_model(config, fake_llm):
    dataset = make_dataset()
    history = [{"question": "How is the pump started?", "answer": "By the green button."}]
    make_item(dataset=dataset, question="And stopped?", history=history)
    fake_llm.enqueue("How is the pump stopped?", "By the red button [1].")
    run = start(dataset, config)

    runner.work_on(run.pk)

    turn = Turn.objects.get(evaluation_item__run=run)
    assert (turn.search_query, turn.answer) == ("How is the pump stopped?", "By the red button [1].")


def test_a_config_with_stages_is_retrieved_by_all_of_them(dataset, config, fake_llm):
    PipelineConfig.objects.filter(pk=config.pk).update(rerank="llm")
    config.refresh_from_db()
    fake_llm.enqueue(*["[2, 1]"] * 3)
    run = start(dataset, config, kind="RETRIEVAL")

    assert runner.work_on(run.pk) == "DONE"

    run.refresh_from_db()
    assert LLMCall.objects.filter(purpose="rerank", turn=None).count() == 3
    assert (run.unpriced_calls, run.items.count()) == (3, 3)
    assert summarise(run).measures["mrr"].interval.n == 3
