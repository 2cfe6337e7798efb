"""Answer runs that end early: what is killed or cancelled is resumed, and nothing finished is asked or paid twice."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from chat.models import Document, PipelineConfig, Turn
from chat.rag.config import Provider
from chat.services.configs import find_config
from monitoring.evaluation import runner, runs
from monitoring.evaluation.pool import work_through
from monitoring.evaluation.report import summarise
from monitoring.evaluation.working import Working
from monitoring.models import EvaluationRun
from tests.answer_runs import start, three_questions
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
    return three_questions()


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
