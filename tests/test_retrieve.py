"""Retrieval alone: the same steps as for an answer, without one; over real HTTP to the scripted model."""

import asyncio
from dataclasses import replace

import pytest

from chat.exceptions import EmbeddingError
from chat.models import PipelineConfig
from chat.rag.config import AnswerRequest, Exchange, Provider, Reranker
from chat.rag.embed import LocalEmbedder
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


def test_further_phrasings_are_searched_too_and_fused(knowledge, fake_llm):
    fake_llm.enqueue('{"queries": ["turning the wheel", "filter cleaning"]}')

    retrieved, [call] = ask("How is the pump started?", model="fake/default", query_count=3, search_mode="text")

    assert retrieved.phrasings == ("How is the pump started?", "turning the wheel", "filter cleaning")
    assert retrieved.query == "How is the pump started?"
    assert "Valve manual" in {hit.document_title for hit in retrieved.hits}
    assert (call.purpose, call.prompt_name) == ("rewrite", "multi_query_v1")
    assert fake_llm.chat_requests[0].body["response_format"]["json_schema"]["name"] == "rewrite"
    assert (retrieved.times.expand_seconds > 0, retrieved.degraded) == (True, "")


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply("I cannot help with that."), "further phrasings left out: the reply has none"),
        (Reply(status=500), "further phrasings left out: fake/default failed (server_error)"),
    ],
)
def test_without_further_phrasings_the_question_alone_is_searched(knowledge, fake_llm, reply, reason):
    fake_llm.enqueue(reply)

    retrieved, calls = ask("How is the pump started?", model="fake/default", query_count=2)

    assert retrieved.degraded == reason
    assert retrieved.hits == ask("How is the pump started?")[0].hits
    assert len(calls) == 1


class PickyEmbedder:
    """The local embedder, but for one text that it fails for."""

    name = "local/all-MiniLM-L6-v2"

    def __init__(self, embedder, refuses):
        self.embedder, self.refuses = embedder, refuses

    async def aembed_query(self, text):
        if text == self.refuses:
            raise EmbeddingError("too many requests")
        return await self.embedder.aembed_query(text)


def test_phrasing_that_cannot_be_embedded_is_left_out(knowledge, fake_llm):
    fake_llm.enqueue('{"queries": ["turning the wheel", "switch the pump on"]}')
    config = PipelineConfig.objects.default()
    tools = tools_of(config)
    tools = replace(tools, embedder=PickyEmbedder(tools.embedder, "turning the wheel"))
    recipe = replace(config.recipe(), model="fake/default", query_count=3)
    request = AnswerRequest("How is the pump started?", collection_id=None, recipe=recipe)

    retrieved = asyncio.run(retrieve(request, tools, [].append))

    assert retrieved.phrasings == ("How is the pump started?", "switch the pump on")
    assert retrieved.degraded == "1 of the further phrasings could not be embedded and were left out"


def test_document_with_many_hits_leaves_room_for_others(knowledge):
    unlimited, _ = ask("Press the button of the pump", top_k=2)
    limited, _ = ask("Press the button of the pump", top_k=2, max_per_document=1)

    assert [hit.document_title for hit in unlimited.hits] == ["Pump manual", "Pump manual"]
    assert [hit.document_title for hit in limited.hits] == ["Pump manual", "Valve manual"]
    assert [hit.rank for hit in limited.hits] == [1, 2]
    assert limited.hits[0] == unlimited.hits[0]


def test_model_puts_the_hits_into_its_order(knowledge, fake_llm):
    fake_llm.enqueue('{"ranking": [3, 1]}')

    before, _ = ask("How is the pump started?", top_k=4)
    retrieved, [call] = ask("How is the pump started?", top_k=2, rerank=Reranker.LLM, model="fake/default")

    assert [hit.chunk_id for hit in retrieved.hits] == [before.hits[2].chunk_id, before.hits[0].chunk_id]
    assert [(hit.rank, hit.search_rank) for hit in retrieved.hits] == [(1, 3), (2, 1)]
    assert retrieved.hits[0].score == before.hits[2].score
    assert (call.purpose, call.prompt_name, call.error_code) == ("rerank", "rerank_v1", "")
    assert (retrieved.times.rerank_seconds > 0, retrieved.degraded) == (True, "")


def test_reranker_sees_so_many_hits_and_no_more(knowledge, fake_llm):
    fake_llm.enqueue('{"ranking": [4, 3, 2]}')

    retrieved, _ = ask("How is the pump started?", top_k=4, rerank=Reranker.LLM, rerank_depth=2, model="fake/default")

    assert fake_llm.chat_requests[0].last_user_message.count("<source>") == 2
    assert [hit.search_rank for hit in retrieved.hits] == [2, 1, 3, 4]


def test_model_of_the_reranker_may_be_another_one(knowledge, fake_llm):
    fake_llm.enqueue("2, 1")

    retrieved, [call] = ask("How is the pump started?", rerank=Reranker.LLM, rerank_model="fake/small")

    assert (call.model, retrieved.hits[0].search_rank) == ("fake/small", 2)


@pytest.mark.parametrize(
    ("model", "reply", "reason"),
    [
        ("fake/default", Reply("They are all good."), "re-ranking left out: the reply is no ranking"),
        ("fake/default", Reply('{"ranking": [77]}'), "re-ranking left out: the reply is no ranking"),
        ("fake/default", Reply(status=401), "re-ranking left out: fake/default failed (authentication)"),
        ("gone/default", Reply(), "re-ranking left out: gone/default failed (configuration)"),
        ("offline/extractive", Reply(), "re-ranking left out: it needs a language model"),
    ],
)
def test_without_a_new_order_that_of_the_search_stays(knowledge, fake_llm, model, reply, reason):
    fake_llm.enqueue(reply)

    retrieved, _ = ask("How is the pump started?", rerank=Reranker.LLM, model=model)

    assert retrieved.degraded == reason
    assert retrieved.hits == ask("How is the pump started?")[0].hits
    assert retrieved.times.rerank_seconds is not None


def test_where_nothing_is_found_nothing_is_reranked(knowledge, fake_llm):
    retrieved, calls = ask("Wie wird das Wetter?", rerank=Reranker.LLM, model="fake/default", min_similarity=0.99)

    assert (retrieved.nothing_found, calls, retrieved.times.rerank_seconds) == (True, [], None)
    assert not ask("How is the pump started?")[0].nothing_found


def test_reranker_that_is_silent_holds_the_answer_up_for_its_limit_only(knowledge, fake_llm, settings):
    settings.LLM_TOTAL_TIMEOUT_SECONDS = 0.3
    fake_llm.enqueue(Reply(hang_after_tokens=0))

    retrieved, [call] = ask("How is the pump started?", rerank=Reranker.LLM, model="fake/default")

    assert retrieved.degraded == "re-ranking left out: fake/default failed (timeout)"
    assert call.error_code == "timeout"
    assert retrieved.hits


def test_local_model_puts_the_hits_into_its_order(knowledge):
    question = "How often is the filter cleaned with warm water?"
    before, _ = ask(question, top_k=4)

    retrieved, calls = ask(question, top_k=4, rerank=Reranker.LOCAL)

    assert retrieved.hits[0].heading_path.endswith("Cleaning")
    assert [hit.rank for hit in retrieved.hits] == [1, 2, 3, 4]
    assert {hit.search_rank: hit.chunk_id for hit in retrieved.hits} == {hit.rank: hit.chunk_id for hit in before.hits}
    assert (calls, retrieved.degraded) == ([], "")
    assert retrieved.times.rerank_seconds > 0


def test_local_model_that_cannot_be_loaded_leaves_the_order_of_the_search(knowledge, tmp_path):
    (tmp_path / "models").write_text("not a folder")
    config = PipelineConfig.objects.default()
    tools = replace(tools_of(config), reranker=LocalEmbedder(tmp_path / "models"))
    request = AnswerRequest(
        "How is the pump started?", collection_id=None, recipe=replace(config.recipe(), rerank=Reranker.LOCAL)
    )

    retrieved = asyncio.run(retrieve(request, tools, [].append))

    assert retrieved.degraded == "re-ranking left out: the local model failed (configuration)"
    assert retrieved.hits == ask("How is the pump started?")[0].hits
