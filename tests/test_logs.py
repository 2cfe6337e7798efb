"""The logs: who, what, how long; never what was said."""

import asyncio
import io
import json
import logging
import logging.config
import time

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.test import AsyncClient
from django.urls import path

from chat import streaming
from chat.rag.config import Provider
from chat.services.conversations import start_conversation
from monitoring.judging.worker import work_on_due
from monitoring.models import JudgeRule
from ragsite import urls
from tests.api_clients import api_client
from tests.fake_replies import Reply
from tests.fakes import FakeLLM
from tests.judged import make_rule
from tests.knowledge import make_knowledge

pytestmark = pytest.mark.django_db


def broken(request):
    raise RuntimeError("broken")


urlpatterns = [path("broken/", broken), *urls.urlpatterns]


@pytest.fixture
def lines():
    """The JSON lines of all logs, by a handler made from the settings; call it for those so far."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    formatter = dict(settings.LOGGING["formatters"]["json"])
    factory = logging.config.DictConfigurator({}).resolve(formatter.pop("()"))
    handler.setFormatter(factory(formatter.pop("format"), **formatter))
    for name in settings.LOGGING["handlers"]["stderr"]["filters"]:
        path = settings.LOGGING["filters"][name]["()"]
        handler.addFilter(logging.config.DictConfigurator({}).resolve(path)())
    root = logging.getLogger()
    root.addHandler(handler)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.removeHandler(handler)


def requests_in(lines) -> list[dict]:
    return [line for line in lines() if line["message"] == "request"]


def test_request_is_logged_with_its_user(client, staff, lines):
    client.force_login(staff)

    client.get("/admin/", headers={"accept": "text/html"})

    (line,) = requests_in(lines)
    assert line["method"] == "GET"
    assert line["path"] == "/admin/"
    assert line["status"] == 200
    assert line["user_id"] == staff.pk
    assert 0 < line["duration_seconds"] < 10


def test_program_is_logged_as_its_user(alice, lines):
    api_client(alice).get("/api/v1/me/")

    assert [(line["path"], line["user_id"]) for line in requests_in(lines)] == [("/api/v1/me/", alice.pk)]


def test_stranger_has_no_id(client, lines):
    client.get("/accounts/login/")

    assert [(line["status"], line["user_id"]) for line in requests_in(lines)] == [(200, None)]


def test_query_string_is_never_logged(client, lines):
    client.get("/no-such-page/?q=my-secret-question")
    client.get("/accounts/login/?next=my-secret-question")

    assert [line["status"] for line in requests_in(lines)] == [404, 200]
    assert "secret" not in json.dumps(lines())


def test_error_is_logged_with_its_traceback_and_without_its_query(client, lines, settings):
    settings.ROOT_URLCONF = __name__
    client.raise_request_exception = False

    client.get("/broken/?q=my-secret-question")

    assert [line["status"] for line in requests_in(lines)] == [500]
    errors = [line for line in lines() if line["level"] == "ERROR"]
    assert ["RuntimeError: broken" in line["exc_info"] for line in errors] == [True]
    assert "secret" not in json.dumps(lines())


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/static/ragsite/site.css"])
def test_machines_that_look_are_not_logged(client, lines, settings, path):
    settings.SERVESTATIC_USE_FINDERS = True

    client.get(path)

    assert requests_in(lines) == []


@pytest.mark.django_db(transaction=True)
def test_request_by_asgi_is_logged(lines):
    response = async_to_sync(AsyncClient().get)("/accounts/login/?next=my-secret-question")

    assert response.status_code == 200
    assert [line["path"] for line in requests_in(lines)] == ["/accounts/login/"]


QUESTION = "How is the pump started, says my-secret-question?"
KEY = "sk-my-secret-key"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("reply", "status"),
    [
        ("My secret answer: press the green button [1].", "DONE"),
        (Reply(status=401, error={"message": "wrong key sk-my-secret-key for my-secret-question"}), "FAILED"),
        (Reply("My secret answer", break_after_tokens=2), "FAILED"),
    ],
)
def test_turn_is_logged_by_its_ids_and_times_alone(alice, lines, settings, reply, status):
    make_knowledge()
    with FakeLLM() as fake:
        settings.PROVIDERS = {"fake": Provider("fake", fake.base_url, KEY)}
        settings.LLM_MAX_ATTEMPTS = 1
        fake.enqueue(reply)
        turn = start_conversation(user=alice, question=QUESTION, model="fake/default")

        asyncio.run(streaming.produce_now(turn.pk, wait_seconds=20))

    (line,) = [line for line in lines() if line["message"] == "turn finished"]
    assert line["turn_id"] == turn.pk
    assert line["conversation_id"] == str(turn.conversation_id)
    assert line["status"] == status
    assert line["search_seconds"] > 0
    assert "secret" not in json.dumps(lines()).lower()


@pytest.mark.django_db(transaction=True)
def test_one_turn_can_be_followed_through_web_and_worker(alice, lines, settings):
    JudgeRule.objects.all().delete()
    make_rule(judge="groundedness")
    make_knowledge()
    with FakeLLM() as fake:
        settings.PROVIDERS = {"fake": Provider("fake", fake.base_url)}
        settings.REVIEW_SAMPLE_RATE = 1.0
        fake.enqueue("My secret answer: press the green button [1].", "My secret thought, and no verdict.")
        turn = start_conversation(user=alice, question=QUESTION, model="fake/default")
        other = start_conversation(user=alice, question=QUESTION, model="fake/default")

        asyncio.run(streaming.produce_now(turn.pk, wait_seconds=20))
        work_on_due(time.monotonic() + 20)

    of_turn = [line for line in lines() if line.get("turn_id") == turn.pk]
    assert [line["message"].partition(" model=")[0] for line in of_turn] == [
        "llm call",  # in the web process
        "turn finished",
        "llm call",  # in the worker
        "verdict stored",
        "flag raised",
    ]
    in_worker = of_turn[2:]
    assert {line["conversation_id"] for line in [of_turn[1], *in_worker]} == {str(turn.conversation_id)}
    assert (in_worker[1]["judge"], in_worker[1]["is_scored"]) == ("groundedness", False)
    assert in_worker[2]["reason"] == "SAMPLE"
    assert other.pk not in {line.get("turn_id") for line in lines()}
    assert "secret" not in json.dumps(lines()).lower()
