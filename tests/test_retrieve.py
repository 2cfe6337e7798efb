"""Retrieval alone: the same steps as for an answer, without one; over real HTTP to the scripted model."""

import asyncio
from dataclasses import replace

import pytest

from chat.exceptions import EmbeddingError
from chat.models import PipelineConfig
from chat.rag.config import AnswerRequest, Exchange, Provider
from chat.rag.retrieve import Retrieval, retrieve
from chat.services.answering import tools_of
from tests.fake_replies import Reply
from tests.fakes import FakeLLM
from tests.knowledge import make_knowledge

pytestmark = pytest.mark.django_db(transaction=True)

HISTORY = (Exchange("How is the pump started?", "Press the green button [1]."),)


@pytest.fixture
def fake_llm(settings):
    with FakeLLM() as fake:
        settings.PROVIDERS = {"fake": Provider("fake", fake.base_url)}
        settings.LLM_MAX_ATTEMPTS = 1
        yield fake


@pytest.fixture
def knowledge():
    return make_knowledge()


def ask(question, *, history=(), **changes):
    """Return what is retrieved under the default config with `changes`, and the calls that were made."""
    config = PipelineConfig.objects.default()
    recipe = replace(config.recipe(), **changes)
    calls = []
    request = AnswerRequest(question=question, collection_id=None, recipe=recipe, history=history)
    return asyncio.run(retrieve(request, tools_of(config), calls.append)), calls


def test_hits_come_with_query_vector_and_times(knowledge):
    retrieved, calls = ask("How is the pump started?")

    assert retrieved.query == "How is the pump started?"
    assert [hit.rank for hit in retrieved.hits] == list(range(1, len(retrieved.hits) + 1))
    assert retrieved.hits[0].heading_path.endswith("Starting the pump")
    assert len(retrieved.vector) == 384
    assert retrieved.times.embed_seconds > 0 and retrieved.times.search_seconds > 0
    assert (retrieved.times.rewrite_seconds, retrieved.degraded, calls) == (None, "", [])


def test_follow_up_is_rewritten_by_the_model_and_the_call_recorded(knowledge, fake_llm):
    fake_llm.enqueue("How is the pump stopped?")

    retrieved, calls = ask("And stopped?", history=HISTORY, model="fake/default")

    assert retrieved.query == "How is the pump stopped?"
    assert [call.purpose for call in calls] == ["rewrite"]
    assert retrieved.times.rewrite_seconds > 0


def test_offline_follow_up_is_rewritten_by_the_rule(knowledge):
    retrieved, calls = ask("And stopped?", history=HISTORY)

    assert (retrieved.query, calls) == ("pump started And stopped?", [])


def test_what_was_done_before_a_failure_is_kept(knowledge, fake_llm):
    fake_llm.enqueue("How is the pump stopped?")
    fake_llm.enqueue_embeddings(Reply(status=400))
    config = PipelineConfig.objects.default()
    tools = tools_of(config)
    config.embedder.name = "fake/embed-384"
    recipe = replace(config.recipe(), search_mode="vector", model="fake/default")
    request = AnswerRequest("And stopped?", collection_id=None, recipe=recipe, history=HISTORY)
    calls = []
    retrieval = Retrieval(request, replace(tools, embedder=tools_of(config).embedder), calls.append)

    with pytest.raises(EmbeddingError):
        asyncio.run(retrieval.run())

    assert retrieval.retrieved.query == "How is the pump stopped?"
    assert retrieval.retrieved.hits == ()
    assert retrieval.retrieved.times.embed_seconds > 0
    assert [(call.purpose, call.error_code) for call in calls] == [("rewrite", ""), ("embedding", "embedding")]
