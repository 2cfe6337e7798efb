"""Telemetry as it runs: from a request over HTTP to the receiver; processes that fork and end; receivers that fail."""

import json
import logging
import os
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest
from django.db import connection
from environs import FileAwareEnv

from chat.models import PipelineConfig, Turn
from chat.rag.config import Provider
from chat.services.configs import default_config
from chat.services.feedback import give_feedback
from monitoring.judging.worker import work_on_due
from monitoring.models import JudgeRule
from monitoring.telemetry import sending
from monitoring.telemetry.jobs import FinishedTurn, GivenFeedback
from ragsite.environment import telemetry_signals
from ragsite.seldom_logs import Seldom
from tests.api_clients import secret_of
from tests.api_server import api_server
from tests.factories import make_turn
from tests.fake_replies import Reply
from tests.fakes import FakeLLM
from tests.judged import VERDICT, make_rule
from tests.knowledge import make_knowledge
from tests.otlp_receiver import OTLPReceiver, Span
from tests.telemetered import turn_on

ROOT = Path(__file__).resolve().parent.parent
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
commits = pytest.mark.django_db(transaction=True)


@pytest.fixture
def receiver(settings, monkeypatch):
    with OTLPReceiver() as receiver:
        turn_on(settings, monkeypatch, receiver)
        yield receiver
        sending.stop()


@pytest.fixture
def fake_llm(settings):
    with FakeLLM() as fake:
        settings.PROVIDERS = {"fake": Provider("fake", fake.base_url)}
        settings.LLM_MAX_ATTEMPTS = 1
        yield fake


def environment(receiver: OTLPReceiver) -> dict[str, str]:
    """Return what a process needs to send what is in the test's database."""
    head, _, query = os.environ["DATABASE_URL"].partition("?")
    name = connection.settings_dict["NAME"]
    return os.environ | {
        "DATABASE_URL": head.rpartition("/")[0] + f"/{name}" + (f"?{query}" if query else ""),
        "RAGSITE_DATABASE_POOL_SIZE": "0",  # as in the worker: a pool does not live through a fork
        "OTEL_SDK_DISABLED": "false",
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
    }


def run(receiver: OTLPReceiver, *turns: Turn) -> None:
    command = [sys.executable, "-m", "tests.telemetry_process", *(str(turn.pk) for turn in turns)]
    subprocess.run(command, cwd=ROOT, env=environment(receiver), check=True, timeout=120)


@commits
def test_a_question_over_http_and_its_verdict_are_one_trace_of_whoever_asked(receiver, fake_llm, alice, settings):
    settings.TELEMETRY_WITH_TEXT = True
    JudgeRule.objects.all().delete()
    make_rule(origin="API")
    make_knowledge()
    PipelineConfig.objects.update(model="fake/default")
    default_config.forget()
    fake_llm.enqueue("How is the pump started?", "Press the green button [1].", Reply(VERDICT))
    said = [("user", "What is a pump?"), ("assistant", "A machine."), ("user", "How is it started?")]

    with api_server() as url:
        body = {"model": "ragsite", "messages": [{"role": role, "content": content} for role, content in said]}
        request = urllib.request.Request(f"{url}/v1/chat/completions", json.dumps(body).encode())
        request.add_header("Authorization", f"Bearer {secret_of(alice)}")
        request.add_header("Content-Type", "application/json")
        request.add_header("traceparent", f"00-{TRACE}-{SPAN}-01")
        with urllib.request.urlopen(request, timeout=60) as response:
            reply = json.load(response)
    counts = work_on_due(time.monotonic() + 60)
    sending.stop(60)

    turn = Turn.objects.get()
    root = receiver.span("invoke_workflow ragsite")
    assert reply["ragsite"]["turn_id"] == turn.pk == root.attributes["ragsite.turn.id"]
    assert (root.trace_id, root.parent_id) == (TRACE, SPAN)
    assert root.attributes["ragsite.origin"] == "API"
    assert {span.trace_id for span in receiver.spans} == {TRACE}
    asked = [span for span in receiver.spans if span.name == "chat default"]
    rewrite, answer = sorted(asked, key=lambda span: span.start)
    search = receiver.span("retrieval all")
    assert [call.attributes["ragsite.call.purpose"] for call in (rewrite, answer)] == ["rewrite", "answer"]
    assert rewrite.end <= search.start < search.end <= answer.start
    assert answer.attributes["server.port"] == fake_llm.port
    assert len(json.loads(search.attributes["gen_ai.retrieval.documents"])) == turn.hit_count
    assert messages_of(answer) == fake_llm.chat_requests[1].body["messages"]
    for span in (rewrite, answer, search):
        assert root.start <= span.start <= span.end <= root.end
        assert span.parent_id == root.span_id
    assert counts.valued == 1
    judge = receiver.span("judge relevance")
    assert judge.parent_id == root.span_id
    assert [event.attributes["gen_ai.evaluation.score.label"] for event in receiver.events] == ["RELEVANT"]
    [verdict] = [span for span in receiver.spans if span.parent_id == judge.span_id]
    for span, sent in zip((rewrite, answer, verdict), fake_llm.chat_requests, strict=True):
        wanted = (sent.body.get("temperature"), sent.body.get("max_tokens"))
        told = [span.attributes.get(f"gen_ai.request.{name}") for name in ("temperature", "max_tokens")]
        assert tuple(told) == wanted
    assert rewrite.attributes["gen_ai.request.max_tokens"] != verdict.attributes["gen_ai.request.max_tokens"]
    purposes = {point.attributes.get("ragsite.call.purpose") for point in receiver.points}
    assert purposes == {None, "rewrite", "answer", "judge"}  # None: the turn's own


def messages_of(span: Span) -> list[dict[str, str]]:
    """Return the messages that a call was made with, as they were sent to the model."""
    system = [("system", part) for part in json.loads(span.attributes["gen_ai.system_instructions"])]
    others = json.loads(span.attributes["gen_ai.input.messages"])
    parts = system + [(message["role"], part) for message in others for part in message["parts"]]
    return [{"role": role, "content": part["content"]} for role, part in parts]


@commits
def test_a_process_that_forks_sends_from_both_before_they_end(receiver):
    first, second = make_turn(), make_turn()

    run(receiver, first, second)

    assert {span.attributes["ragsite.turn.id"] for span in receiver.spans} == {first.pk, second.pk}
    assert len({span.resource["service.instance.id"] for span in receiver.spans}) == 2


@commits
def test_a_process_ends_though_its_receiver_never_answers(receiver):
    receiver.released = threading.Event()

    run(receiver, make_turn(), make_turn())

    assert not receiver.released.is_set()
    assert receiver.spans == []
    assert receiver.got_one.is_set()


def test_a_site_without_telemetry_does_not_even_load_it():
    code = "import ragsite.asgi, sys; sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    switched_off = os.environ | {"OTEL_EXPORTER_OTLP_ENDPOINT": "", "OTEL_SDK_DISABLED": ""}

    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=switched_off, check=True, timeout=120)


@pytest.mark.django_db
def test_nothing_is_sent_where_it_is_off(receiver, settings, alice, django_capture_on_commit_callbacks):
    settings.TELEMETRY_SIGNALS = frozenset()

    with django_capture_on_commit_callbacks(execute=True):
        give_feedback(turn=make_turn(), user=alice, value=1)

    assert sending._sender is None
    assert receiver.requests == []


@pytest.mark.parametrize("status", [500, 503])
@pytest.mark.django_db
def test_a_vote_is_stored_while_the_receiver_fails(receiver, status, alice, django_capture_on_commit_callbacks):
    receiver.status = status

    with django_capture_on_commit_callbacks(execute=True):
        feedback = give_feedback(turn=make_turn(), user=alice, value=1)

    assert feedback.value == 1


def test_a_job_is_handed_over_without_waiting_and_left_out_where_the_line_is_full(receiver, monkeypatch, caplog):
    monkeypatch.setattr(sending, "MAX_WAITING", 2)
    held = threading.Event()
    monkeypatch.setattr("monitoring.telemetry.work.work_on", lambda job, outlet: held.wait(60))

    for number in range(10):
        sending.hand_over(FinishedTurn(number))
    held.set()
    sending.stop(60)

    left_out = [record for record in caplog.records if record.message == "telemetry is slow: left out"]
    assert len(left_out) in (7, 8)  # two wait, and one may have been taken up


def test_a_job_that_fails_does_not_end_the_thread(receiver, monkeypatch, caplog):
    done = []

    def work_on(job, outlet):
        done.append(job)
        raise ValueError("broken")

    monkeypatch.setattr("monitoring.telemetry.work.work_on", work_on)

    sending.hand_over(FinishedTurn(1))
    sending.hand_over(GivenFeedback(1, 1, 1))
    sending.stop(60)

    assert done == [FinishedTurn(1), GivenFeedback(1, 1, 1)]
    assert caplog.text.count("telemetry left out") == 2


@pytest.mark.django_db
def test_wrong_variables_of_the_library_disturb_nothing_else(receiver, monkeypatch, caplog):
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "1")  # less than a batch

    for _ in range(2):
        sending.hand_over(FinishedTurn(make_turn().pk))
    sending.stop(60)

    assert caplog.text.count("this process sends no telemetry") == 1
    assert receiver.requests == []


@pytest.mark.parametrize(
    ("variables", "signals"),
    [
        ({}, set()),
        ({"ENDPOINT": "http://collector:4318"}, {"traces", "metrics", "logs"}),
        ({"TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, {"traces"}),
        ({"LOGS_ENDPOINT": "http://collector:4318/v1/logs"}, {"logs"}),
    ],
)
def test_signals_are_on_that_a_receiver_is_named_for(monkeypatch, variables, signals):
    assert telemetry_signals(environment_of(monkeypatch, variables)) == signals


def test_signals_are_off_by_the_librarys_own_switches(monkeypatch):
    env = environment_of(monkeypatch, {"ENDPOINT": "http://collector:4318"})
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    assert telemetry_signals(env) == {"traces", "logs"}

    monkeypatch.setenv("OTEL_SDK_DISABLED", "TRUE")
    assert telemetry_signals(env) == set()


def test_headers_are_read_from_a_file(monkeypatch, tmp_path):
    (tmp_path / "headers").write_text("authorization=Bearer%20abc\n")
    env = environment_of(monkeypatch, {"ENDPOINT": "http://collector:4318"})
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "")
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_HEADERS")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS_FILE", str(tmp_path / "headers"))

    telemetry_signals(env)

    assert os.environ["OTEL_EXPORTER_OTLP_HEADERS"] == "authorization=Bearer%20abc"


def environment_of(monkeypatch, variables):
    monkeypatch.delenv("OTEL_SDK_DISABLED", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{name}", value)
    return FileAwareEnv()


def test_a_complaint_that_repeats_is_logged_once_a_minute(monkeypatch):
    seldom, now = Seldom(), 1000.0
    monkeypatch.setattr("ragsite.seldom_logs.time.monotonic", lambda: now)

    def record(name: str, line: int = 1) -> logging.LogRecord:
        return logging.LogRecord(name, logging.ERROR, "file.py", line, "Failed to export", (), None)

    assert seldom.filter(record("opentelemetry.exporter.otlp"))
    assert not seldom.filter(record("opentelemetry.exporter.otlp"))
    assert seldom.filter(record("opentelemetry.exporter.otlp", line=2))
    assert [seldom.filter(record("chat.streaming")) for _ in range(2)] == [True, True]
    now += 61
    later = record("opentelemetry.exporter.otlp")
    assert seldom.filter(later)
    assert later.__dict__["left_out_before"] == 1
