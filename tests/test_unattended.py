"""Answers that nobody waits for: the same pipeline and record as in a conversation, stored when they are finished."""

import asyncio

import pytest

from chat.models import LLMCall, PipelineConfig, Turn
from chat.models.conversation import Origin
from chat.rag.config import LLMCall as CallData
from chat.rag.config import Provider, Purpose
from chat.services.answering import tools_of
from chat.services.turns import record_calls
from chat.services.unattended import answer, record_turn, request_of
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
    PipelineConfig.objects.update(model="fake/default")
    return PipelineConfig.objects.select_related("embedder").get(is_default=True)


def answered(config, question="How is the pump started?"):
    request = request_of(config, question=question, collection_id=None)
    return asyncio.run(answer(request, tools_of(config)))


def test_an_answer_is_recorded_with_hits_and_calls(config, fake_llm):
    fake_llm.enqueue("Press the green button [1].")

    turn = record_turn(answered=answered(config), config=config, origin=Origin.EVALUATION)

    assert (turn.status, turn.origin, turn.answer) == ("DONE", "EVALUATION", "Press the green button [1].")
    assert (turn.conversation.user, turn.conversation.origin) == (None, "EVALUATION")
    assert turn.hits.filter(is_cited=True).count() == 1
    assert [call.purpose for call in turn.calls.all()] == ["answer"]
    assert turn.total_seconds > 0


def test_a_failed_answer_is_recorded_as_failed(config, fake_llm):
    fake_llm.enqueue(Reply(status=400))

    turn = record_turn(answered=answered(config), config=config, origin=Origin.EVALUATION)

    assert turn.status == Turn.Status.FAILED
    assert turn.error_message
    assert turn.hits.exists()
    assert [call.error_code for call in turn.calls.all()] != [""]


def test_calls_beside_an_answer_are_no_part_of_its_cost(config, fake_llm):
    turn = record_turn(answered=answered(config), config=config, origin=Origin.EVALUATION)
    call = CallData(Purpose.JUDGE, "fake/judge", "judge_v1", "0" * 64, duration_seconds=1.0)

    record_calls(calls=[call], turn_id=turn.pk)
    record_calls(calls=[call], origin=Origin.EVALUATION)

    before, turn = turn.cost_usd, Turn.objects.get(pk=turn.pk)
    assert turn.cost_usd == before
    assert LLMCall.objects.filter(purpose="judge", turn=turn).count() == 1
    assert LLMCall.objects.filter(purpose="judge", turn=None).count() == 1
