"""Evaluation runs as rows: started, worked off in batches, cancelled, resumed, and taken up after a process died."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from django.db import transaction
from django.utils import timezone
from django_q.models import OrmQ

from chat.models import Document, Embedder, LLMCall
from chat.rag.config import Provider, SearchMode
from chat.rag.embed import Embedded
from chat.services.answering import tools_of
from chat.services.configs import find_config
from monitoring import tasks
from monitoring.evaluation import runner, runs
from monitoring.evaluation.lease import ClaimLostError, RunCancelledError, claim
from monitoring.evaluation.questions import load_questions
from monitoring.evaluation.retrieval import QuestionVectors, Searcher
from monitoring.exceptions import EvaluationError
from monitoring.models import EvaluationItem, EvaluationRun, ItemScore, RelevantDocument
from tests.factories import make_collection, make_dataset, make_item
from tests.fakes import FakeLLM
from tests.knowledge import make_knowledge

pytestmark = pytest.mark.django_db(transaction=True)

LONG_AGO = timedelta(minutes=5)


@pytest.fixture
def dataset():
    """Two questions about the pump, one about the valve, one that nothing answers; all in TEST."""
    collection = make_knowledge()
    pump, valve = (Document.objects.get(source_id=name) for name in ("pump.md", "valve.md"))
    dataset = make_dataset()
    make_item([pump], dataset=dataset, question="How is the pump started?")
    make_item([pump], dataset=dataset, question="How often is the filter cleaned?")
    make_item([valve], dataset=dataset, question="How is the valve opened?")
    make_item(dataset=dataset, question="What does the pump cost?", is_answerable=False, collection=collection)
    return dataset


def start(dataset, **overrides):
    return runs.start_run(**{"dataset": dataset, "config": find_config("text"), "enqueue": False, **overrides})


def values(run, name):
    return list(
        ItemScore.objects.filter(evaluation_item__run=run, name=name).order_by("pk").values_list("value", "error")
    )


def test_a_run_ranks_and_scores_every_item(dataset):
    run = start(dataset)

    status = runner.work_on(run.pk)

    run.refresh_from_db()
    assert (status, run.status, run.done_items, run.total_items) == ("DONE", "DONE", 4, 4)
    first = run.items.earliest("pk")
    pump = Document.objects.get(source_id="pump.md")
    assert first.document_ids[0] == pump.pk
    assert first.chunk_grades[0] == 1
    assert len(first.chunk_ids) == len(first.hit_scores) == len(first.chunk_grades)
    assert values(run, "hit_rate")[:3] == [(1.0, ""), (1.0, ""), (1.0, "")]
    assert run.duration_seconds > 0
    assert run.corpus_chunks == 4


def test_what_cannot_be_scored_is_unscored_with_its_reason(dataset):
    gone = make_item([Document.objects.get(source_id="valve.md")], dataset=dataset)
    gone.relevant.update(document=None)
    make_item(dataset=dataset, question="Unnamed?")
    run = start(dataset)

    runner.work_on(run.pk)

    assert values(run, "mrr")[3:] == [
        (None, "Nothing answers this question, on purpose."),
        (None, "All its relevant documents are gone from the knowledge base."),
        (None, "The item names no relevant document."),
    ]


def test_chunks_are_measured_where_passages_are_known(dataset):
    item = dataset.items.earliest("pk")
    pump = Document.objects.get(source_id="pump.md")
    chunk = pump.chunks.get(text__contains="green button")
    RelevantDocument.objects.filter(item=item).update(start=chunk.start + 5, end=chunk.start + 6)
    run = start(dataset)

    runner.work_on(run.pk)

    assert values(run, "chunk_hit_rate")[:2] == [
        (1.0, ""),
        (None, "The item says which documents are relevant, not which passages."),
    ]
    first = run.items.earliest("pk")
    assert [chunk_id for chunk_id, grade in zip(first.chunk_ids, first.chunk_grades, strict=True) if grade] == [
        chunk.pk
    ]


def test_chunks_are_not_measured_where_no_passage_is_known(dataset):
    run = start(dataset)

    runner.work_on(run.pk)

    assert values(run, "chunk_hit_rate") == []


def test_a_question_is_searched_in_its_collection(dataset):
    other = make_collection()
    item = dataset.items.earliest("pk")
    item.collection = other
    item.save(update_fields=["collection"])
    run = start(dataset, item_limit=1)

    runner.work_on(run.pk)

    assert run.items.get().chunk_ids == []
    assert values(run, "hit_rate") == [(0.0, "")]


@pytest.mark.parametrize("mode", list(SearchMode))
def test_batches_find_what_one_by_one_finds(dataset, mode):
    questions = list(load_questions(dataset.items.values_list("pk", flat=True)).values())
    config = find_config(mode)

    together = Searcher(config, QuestionVectors()).rankings(questions)
    alone = [Searcher(config, QuestionVectors()).rankings([question])[0] for question in questions]

    assert [ranking.chunk_ids for ranking in together] == [ranking.chunk_ids for ranking in alone]
    assert any(ranking.chunk_ids for ranking in together)


def test_a_question_is_embedded_once_for_all_configs(dataset):
    class Counting:
        name, texts = "local/counting", []

        def embed_documents(self, texts):
            self.texts += texts
            return Embedded(np.ones((len(texts), 3), np.float32))

    tools = replace(tools_of(find_config("vector")), embedder=Counting())
    vectors, calls = QuestionVectors(), []

    vectors.of(tools, ["a", "b", "a"], calls.append)
    again = vectors.of(tools, ["b", "c"], calls.append)

    assert Counting.texts == ["a", "b", "c"]
    assert (len(again), calls) == (2, [])


def test_what_a_server_embeds_is_counted(dataset, settings):
    with FakeLLM() as fake:
        settings.PROVIDERS = {"fake": Provider("fake", fake.base_url)}
        config = find_config("vector")
        Embedder.objects.filter(pk=config.embedder_id).update(name="fake/embed-384")
        run = start(dataset, config=find_config("vector"))

        assert runner.work_on(run.pk) == "DONE"

    run.refresh_from_db()
    assert LLMCall.objects.get().purpose == "embedding"
    assert run.unpriced_calls == 1


def test_a_follow_up_is_rewritten_by_the_rule(dataset):
    item = dataset.items.earliest("pk")
    item.question, item.history = "And stopped?", [{"question": "How is the pump started?", "answer": "So."}]
    item.save(update_fields=["question", "history"])
    run = start(dataset, item_limit=1)

    runner.work_on(run.pk)

    assert values(run, "hit_rate") == [(1.0, "")]


def test_a_second_process_does_not_take_a_run_that_is_worked_on(dataset):
    run = start(dataset)

    first, second = claim(run.pk), claim(run.pk)

    assert first is not None
    assert second is None
    assert runner.work_on(run.pk) is None


def test_a_run_whose_process_died_is_finished_and_nothing_done_twice(dataset):
    run = start(dataset)
    dead = claim(run.pk)
    due = runner.due_of(run)
    done = runner._searched(run, Searcher(run.config, QuestionVectors()), due[:2], with_chunks=False)
    runner.write_results(run.pk, done)
    dead.advance(2)
    EvaluationRun.objects.update(heartbeat_at=timezone.now() - LONG_AGO)
    before = set(EvaluationItem.objects.values_list("pk", flat=True))

    status = runner.work_on(run.pk)

    run.refresh_from_db()
    assert (status, run.done_items, run.items.count()) == ("DONE", 4, 4)
    assert before < set(EvaluationItem.objects.values_list("pk", flat=True))
    with pytest.raises(ClaimLostError):
        dead.advance(1)
    with pytest.raises(ClaimLostError):
        dead.check()


def test_a_sleeper_that_wakes_writes_nothing(dataset):
    run = start(dataset)
    sleeper = claim(run.pk)
    EvaluationRun.objects.update(heartbeat_at=timezone.now() - LONG_AGO)
    heir = claim(run.pk)
    results = runner._searched(run, Searcher(run.config, QuestionVectors()), runner.due_of(run), with_chunks=False)

    with pytest.raises(ClaimLostError), transaction.atomic():
        runner.write_results(run.pk, results)
        sleeper.advance(len(results))

    assert run.items.count() == 0
    assert not sleeper.release("FAILED", "late")
    assert heir.release("DONE")


def test_cancel_is_heard_before_the_next_batch(dataset):
    run = start(dataset)
    lease = claim(run.pk)

    runs.cancel_run(run=run)

    with pytest.raises(RunCancelledError):
        lease.check()
    lease.release("CANCELLED")
    run.refresh_from_db()
    assert run.is_finished


def test_a_run_that_waits_is_cancelled_at_once(dataset):
    run = start(dataset)

    runs.cancel_run(run=run)

    assert run.status == "CANCELLED"
    assert runner.work_on(run.pk) is None


def test_a_cancelled_run_goes_on_where_it_was(dataset):
    run = start(dataset, item_limit=2)
    runner.work_on(run.pk)
    kept = set(run.items.values_list("pk", flat=True))
    EvaluationRun.objects.update(item_limit=None, total_items=4, status="CANCELLED")

    runs.resume_run(run=run, enqueue=False)
    runner.work_on(run.pk)

    run.refresh_from_db()
    assert (run.status, run.done_items) == ("DONE", 4)
    assert kept < set(run.items.values_list("pk", flat=True))


def test_resume_twice_is_refused(dataset):
    run = start(dataset)
    runner.work_on(run.pk)

    with pytest.raises(EvaluationError, match="nothing is left to do"):
        runs.resume_run(run=run)


def test_resume_asks_failed_items_again(dataset):
    run = start(dataset)
    runner.work_on(run.pk)
    EvaluationItem.objects.filter(pk=run.items.earliest("pk").pk).update(error="The model failed.")

    runs.resume_run(run=run, enqueue=False)
    runner.work_on(run.pk)

    run.refresh_from_db()
    assert (run.status, run.done_items) == ("DONE", 4)
    assert not run.items.exclude(error="").exists()


def test_a_run_that_is_worked_on_cannot_be_resumed(dataset):
    run = start(dataset)
    claim(run.pk)

    with pytest.raises(EvaluationError, match="is being worked on"):
        runs.resume_run(run=run)


def test_the_worker_gives_a_long_run_back_and_takes_it_again(dataset):
    run = start(dataset)

    assert tasks.run_evaluation(run.pk, seconds=0) == "QUEUED"
    assert OrmQ.objects.count() == 1

    assert tasks.run_evaluation(run.pk) == "DONE"
    assert tasks.run_evaluation(run.pk) == "not free"


def test_the_worker_takes_up_what_is_started_with_enqueue(dataset):
    run = start(dataset, enqueue=True)

    task = OrmQ.objects.get().task

    assert (task["func"], task["args"]) == (runs.TASK, (run.pk,))


def test_the_sweep_takes_up_dead_runs_and_lost_ones(dataset):
    dead, alive, lost, _fresh = (start(dataset) for _ in range(4))
    for run in (dead, alive):
        claim(run.pk)
    EvaluationRun.objects.filter(pk=dead.pk).update(heartbeat_at=timezone.now() - LONG_AGO)
    EvaluationRun.objects.filter(pk=lost.pk).update(created_at=timezone.now() - 3 * LONG_AGO)

    assert tasks.sweep() == 2
    assert tasks.sweep() == 0

    assert {task.task["args"][0] for task in OrmQ.objects.all()} == {dead.pk, lost.pk}


def test_a_run_that_kills_its_process_is_given_up(dataset):
    run = start(dataset)
    claim(run.pk)
    EvaluationRun.objects.update(heartbeat_at=timezone.now() - LONG_AGO, starts=5)

    assert tasks.sweep() == 0

    run.refresh_from_db()
    assert run.status == "FAILED"
    assert "died 5 times" in run.error


def test_a_run_fails_with_a_message_when_its_embedder_is_gone(dataset):
    config = find_config("vector")
    config.embedder.name = "nowhere/model"
    config.embedder.save()
    run = start(dataset, config=config)

    assert runner.work_on(run.pk) == "FAILED"

    run.refresh_from_db()
    assert "nowhere" in run.error


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"k": 0}, "k is 0"),
        ({"repeat": 0}, "0 times"),
        ({"item_limit": 0}, "0 items"),
        ({"version": 7}, "no version 7; it has 1 to 1"),
        ({"split": "DEV"}, "items by split: test: 4"),
        ({"judge_model": "offline/extractive"}, "--answers"),
        ({"round_trip": True}, "--answers"),
    ],
)
def test_what_cannot_be_run_is_said(dataset, overrides, message):
    with pytest.raises(EvaluationError, match=message):
        start(dataset, **overrides)


def test_all_splits_and_repetitions_are_due(dataset):
    make_item(dataset=dataset, split="DEV")
    run = start(dataset, split=EvaluationRun.ALL_SPLITS, repeat=2)

    assert runner.work_on(run.pk) == "DONE"

    assert run.total_items == run.items.count() == 10
