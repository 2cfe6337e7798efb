"""Answer runs: each item a turn by the real pipeline, over real HTTP to the scripted model; what is killed is resumed,
and nothing finished is asked or paid twice."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from chat.models import Document, LLMCall, ModelPrice, PipelineConfig, Turn
from chat.rag.config import LLMCall as CallData
from chat.rag.config import Provider, Purpose
from chat.services.configs import find_config
from monitoring.evaluation import runner, runs
from monitoring.evaluation.answers import Answering
from monitoring.evaluation.examination import Examination
from monitoring.evaluation.lease import claim
from monitoring.evaluation.measures.base import Measurement
from monitoring.evaluation.pool import work_through
from monitoring.evaluation.report import summarise
from monitoring.evaluation.working import Working
from monitoring.models import EvaluationRun, ItemScore
from tests.conftest import ROOT
from tests.factories import make_dataset, make_item
from tests.fake_replies import Reply
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
    """Three questions about the manuals."""
    dataset = make_dataset()
    for name, question, expected in [
        ("pump.md", "How is the pump started?", "Press the green button for three seconds."),
        ("pump.md", "How often is the filter cleaned?", "Every four weeks."),
        ("valve.md", "How is the valve opened?", "Turn the wheel to the left."),
    ]:
        document = Document.objects.get(source_id=name)
        make_item([document], dataset=dataset, question=question, expected_answer=expected)
    return dataset


def start(dataset, config, **overrides):
    values = {"dataset": dataset, "config": config, "kind": "ANSWER", "enqueue": False, **overrides}
    return runs.start_run(**values)


def scores(run, name):
    return list(ItemScore.objects.filter(evaluation_item__run=run, name=name).values_list("value", "error"))


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


def test_a_failed_item_is_counted_and_asked_again_by_resume(dataset, config, fake_llm):
    fake_llm.enqueue(Reply(status=400))
    run = start(dataset, config)

    assert runner.work_on(run.pk) == "DONE"

    summary = summarise(run)
    assert (summary.items, summary.failed) == (3, 1)
    assert summary.measures["answer_similarity"].unscored == 1
    assert summary.measures["mrr"].interval.n == 3  # what was found is known
    assert Turn.objects.filter(status="FAILED", origin="EVALUATION").count() == 1
    runs.resume_run(run=run, enqueue=False)
    assert runner.work_on(run.pk) == "DONE"
    assert summarise(run).failed == 0
    assert len(fake_llm.chat_requests) == 4


def test_a_run_stops_when_everything_fails(config, fake_llm):
    dataset = make_dataset()
    for _ in range(30):
        make_item(dataset=dataset)
    PipelineConfig.objects.filter(pk=config.pk).update(model="fake/http-400")
    run = start(dataset, config)

    assert runner.work_on(run.pk) == "FAILED"

    run.refresh_from_db()
    assert "10 items in a row failed" in run.error
    assert run.items.count() < 20
    assert run.done_items == run.items.count()


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


class Praise:
    """An examiner that finds each answer good and says what it would have paid."""

    names = ("praise",)

    def __init__(self):
        self.examined = []

    async def examine(self, answered):
        self.examined.append(answered)
        call = CallData(Purpose.JUDGE, "fake/judge", "praise_v1", "0" * 64, 1.0, cost_usd=Decimal("0.5"))
        return Examination({"praise": Measurement(1.0, label="good")}, [call], version="7")


def test_examiners_see_the_answer_and_their_calls_are_counted(dataset, config, fake_llm):
    fake_llm.enqueue(*["Press the green button [1]."] * 3)
    run, examiner = start(dataset, config), Praise()
    lease = claim(run.pk)
    answering = Answering(run, lease, Working(), [examiner])

    assert answering.work_off(answering.pieces())

    run.refresh_from_db()
    assert scores(run, "praise") == [(1.0, "")] * 3
    assert set(ItemScore.objects.filter(name="praise").values_list("judge_version", flat=True)) == {"7"}
    assert run.cost_usd == Decimal("1.5")
    assert run.done_items == 3
    assert {answered.answer for answered in examiner.examined} == {"Press the green button [1]."}
    assert all(answered.sources[0].text for answered in examiner.examined)
    assert LLMCall.objects.filter(purpose="judge", turn__evaluation_item__run=run).count() == 3


def test_an_answer_without_its_examination_is_examined_and_not_asked_again(dataset, config, fake_llm):
    run = start(dataset, config)
    runner.work_on(run.pk)
    EvaluationRun.objects.update(status="QUEUED")
    examiner = Praise()
    lease = claim(run.pk)
    answering = Answering(run, lease, Working(), [examiner])

    answering.work_off(answering.pieces())

    run.refresh_from_db()
    assert len(fake_llm.chat_requests) == 3
    assert (len(examiner.examined), run.done_items) == (3, 3)
    assert Answering(run, lease, Working(), [examiner]).pieces() == []


def test_nothing_is_said_of_an_answer_that_is_gone(dataset, config, fake_llm):
    run = start(dataset, config, item_limit=1)
    runner.work_on(run.pk)
    Turn.objects.all().delete()
    EvaluationRun.objects.update(status="QUEUED")
    answering = Answering(run, claim(run.pk), Working(), [Praise()])

    answering.work_off(answering.pieces())

    assert scores(run, "praise") == [(None, "The answer is gone.")]


def test_judges_have_their_say(dataset, config, fake_llm):
    verdict = '{"reasoning": "It says so.", "label": "good"}'
    fake_llm.enqueue("Press the green button for three seconds to start the pump [1].", verdict, verdict)
    run = start(dataset, config, judge_model="fake/default", item_limit=1)

    assert runner.work_on(run.pk) == "DONE"

    assert scores(run, "groundedness_offline") == [(1.0, "")]
    assert scores(run, "answer_correctness") == [(1.0, "")]
    relevance = ItemScore.objects.get(name="relevance")
    assert relevance.value is None  # "good" is none of its labels
    assert relevance.error
    assert relevance.judge_version == "1"
    calls = LLMCall.objects.filter(turn__evaluation_item__run=run)
    assert sorted(calls.values_list("purpose", flat=True)) == ["answer", "judge", "judge"]


def test_a_judge_that_failed_is_asked_again_by_resume(dataset, config, fake_llm):
    run = start(dataset, config, judge_model="fake/http-500x2", item_limit=1)
    assert runner.work_on(run.pk) == "DONE"
    reasons = summarise(run).measures["answer_correctness"].reasons
    assert [reason.startswith("The judge's model failed") for reason in reasons] == [True]
    answers = Turn.objects.count()

    runs.resume_run(run=run, enqueue=False)
    assert runner.work_on(run.pk) == "DONE"

    assert Turn.objects.count() == answers
    assert not ItemScore.objects.filter(label="try again").exists()


def test_a_run_that_is_cancelled_finishes_what_is_on_its_way(config, fake_llm):
    dataset = make_dataset()
    for _ in range(20):
        make_item(dataset=dataset)
    PipelineConfig.objects.filter(pk=config.pk).update(model="fake/slow-5x20")
    run = start(dataset, config)
    begun, statuses = threading.Event(), []

    def in_thread():
        try:
            statuses.append(runner.work_on(run.pk, Working(on_progress=lambda items: begun.set())))
        finally:
            connection.close()

    thread = threading.Thread(target=in_thread)
    thread.start()
    assert begun.wait(30)
    runs.cancel_run(run=EvaluationRun.objects.get(pk=run.pk))
    thread.join(30)

    run.refresh_from_db()
    assert (run.status, statuses) == ("CANCELLED", ["CANCELLED"])
    assert 0 < run.items.count() < 20
    assert run.items.count() == len(fake_llm.chat_requests)


def test_work_ends_with_its_first_error_and_finishes_what_was_begun():
    finished = []

    async def one(number):
        if number == 2:
            raise ValueError("two")
        finished.append(number)

    with pytest.raises(ValueError, match="two"):
        work_through(range(100), one, goes_on=lambda: True, at_once=2)
    assert len(finished) < 10
    assert not work_through([1], one, goes_on=lambda: False)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_process_that_is_ended_is_resumed_and_pays_nothing_twice(dataset, config, fake_llm, number):
    for count in range(9):
        document = Document.objects.get(source_id="pump.md")
        make_item([document], dataset=dataset, question=f"Is question {count} about the pump answered once?")
    PipelineConfig.objects.filter(pk=config.pk).update(model="fake/slow-10x20", name="slow")
    environment = os.environ | {
        "DATABASE_URL": _url_of_the_test_database(),
        "LLM_PROVIDERS": f"fake={fake_llm.base_url}",
        "LLM_MAX_ATTEMPTS": "1",
    }
    command = [sys.executable, "manage.py", "evaluate"]
    arguments = ["--dataset", dataset.name, "--config", "slow", "--answers"]
    process = subprocess.Popen(
        [*command, *arguments], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        assert _wait_until(lambda: Turn.objects.filter(origin="EVALUATION").count() >= 3)
    finally:
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
    run = EvaluationRun.objects.get()
    finished = set(run.items.values_list("item__question", flat=True))
    asked = len(fake_llm.chat_requests)
    assert 3 <= len(finished) <= asked <= len(finished) + 4
    if number == signal.SIGINT:
        assert (process.returncode, asked, run.status) == (130, len(finished), "CANCELLED")
        assert f"--resume {run.pk}" in said.decode()
    EvaluationRun.objects.update(heartbeat_at=timezone.now() - timedelta(minutes=1))  # as if time had passed

    again = StringIO()
    call_command("evaluate", "--resume", str(run.pk), "--json", "-", stdout=again)

    (figures,) = json.loads(again.getvalue())
    assert (figures["items"], figures["failed"], figures["status"]) == (12, 0, "DONE")
    prompts = [request.last_user_message for request in fake_llm.chat_requests]
    assert len(prompts) == 12 + (asked - len(finished))  # what was on its way when it was killed
    assert all(sum(question in prompt for prompt in prompts) == 1 for question in finished)
    assert run.items.values("item", "repetition").distinct().count() == run.items.count() == 12
    assert Turn.objects.filter(origin="EVALUATION", status="DONE").count() == 12


def _url_of_the_test_database():
    head, _, query = os.environ["DATABASE_URL"].partition("?")
    name = connection.settings_dict["NAME"]
    return head.rpartition("/")[0] + f"/{name}" + (f"?{query}" if query else "")


def _wait_until(condition, timeout_seconds=60):
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
