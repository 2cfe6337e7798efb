"""Search by the API, over real vectors."""

import pytest

from chat.models import LLMCall, PipelineConfig
from chat.rag.config import Provider
from chat.services.spending import recount
from tests.api_clients import api_client
from tests.budgeted import make_budget
from tests.factories import make_collection, make_config, make_embedder
from tests.fake_replies import Reply
from tests.fakes import FakeLLM
from tests.knowledge import make_knowledge
from tests.test_api_base import assert_problem

pytestmark = pytest.mark.django_db
SEARCH = "/api/v1/search/"


def test_hits_say_how_they_were_found(alice):
    collection = make_knowledge()
    client = api_client(alice, ["read"])

    body = client.get(SEARCH, {"q": "How do I start the pump?", "limit": 2}).json()

    assert (body["mode"], body["embedder"], body["degraded"]) == ("hybrid", "local/all-MiniLM-L6-v2", "")
    assert body["is_relevant"] is True
    assert body["embed_seconds"] > 0
    assert body["search_seconds"] > 0
    first, second = body["results"]
    assert (first["rank"], first["document_title"]) == (1, "Pump manual")
    assert "green button" in first["text"]
    assert first["found_by"] == ["text", "vector"]
    assert 0 < first["similarity"] <= 1
    assert first["score"] >= second["score"]
    posted = client.post(
        SEARCH, {"q": "How do I start the pump?", "limit": 2, "collection": collection.pk}, format="json"
    )
    assert posted.json()["results"] == body["results"]


def test_text_search_embeds_nothing_and_looks_into_one_collection(alice):
    make_knowledge()
    client = api_client(alice)

    body = client.get(SEARCH, {"q": "wheel", "mode": "text"}).json()
    elsewhere = client.get(SEARCH, {"q": "wheel", "mode": "text", "collection": make_collection().pk}).json()

    assert (body["mode"], body["embedder"], body["embed_seconds"]) == ("text", "", None)
    assert [(hit["document_title"], hit["found_by"]) for hit in body["results"]] == [("Valve manual", ["text"])]
    assert elsewhere["results"] == []


def test_embedder_that_fails_leaves_text_search_and_in_vector_mode_a_problem(alice, settings):
    with FakeLLM() as fake_llm:
        settings.PROVIDERS = {"fake": Provider("fake", fake_llm.base_url)}
        make_knowledge()
        PipelineConfig.objects.update(is_default=False)
        make_config(is_default=True, embedder=make_embedder(name="fake/embed-64", dimensions=64))
        fake_llm.enqueue_embeddings(*(Reply(status=400) for _ in range(2)))
        client = api_client(alice)

        hybrid = client.get(SEARCH, {"q": "wheel"}).json()
        vector = client.get(SEARCH, {"q": "wheel", "mode": "vector"})

    assert (hybrid["mode"], hybrid["embedder"]) == ("text", "")
    assert "could not be embedded" in hybrid["degraded"]
    assert hybrid["results"][0]["document_title"] == "Valve manual"
    assert "fake/embed-64" in assert_problem(vector, 502, "embedding")["detail"]
    assert set(LLMCall.objects.exclude(error_code="").values_list("purpose", "origin")) == {("embedding", "API")}


def test_search_by_meaning_counts_for_the_budget_of_who_searches(alice, settings):
    with FakeLLM() as fake_llm:
        settings.PROVIDERS = {"fake": Provider("fake", fake_llm.base_url)}
        make_knowledge()
        PipelineConfig.objects.update(is_default=False)
        make_config(is_default=True, embedder=make_embedder(name="fake/embed-64", dimensions=64))
        budget = make_budget("0.01", user=alice)
        client = api_client(alice)

        assert client.get(SEARCH, {"q": "wheel"}).json()["mode"] == "hybrid"
        call = LLMCall.objects.get()
        LLMCall.objects.update(cost_usd="0.01")
        recount(budget)
        refused, by_words = client.get(SEARCH, {"q": "wheel"}), client.get(SEARCH, {"q": "wheel", "mode": "text"})

    assert (call.purpose, call.origin, call.user) == ("embedding", "API", alice)
    assert "your budget" in assert_problem(refused, 402, "budget_used_up")["detail"].lower()
    assert [hit["document_title"] for hit in by_words.json()["results"]] == ["Valve manual"]
    assert LLMCall.objects.count() == 1


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "q"),
        ("q=%20", "q"),
        ("q=x&mode=guess", "mode"),
        ("q=x&limit=51", "limit"),
        ("q=x&collection=x", "collection"),
    ],
)
def test_search_that_is_malformed_names_the_field(alice, query, field):
    body = assert_problem(api_client(alice).get(f"{SEARCH}?{query}"), 400, "invalid")

    assert [error["field"] for error in body["errors"]] == [field]


def test_who_may(alice):
    assert_problem(api_client().get(SEARCH, {"q": "x"}), 401, "not_authenticated")
    assert_problem(api_client(alice, ["chat"]).get(SEARCH, {"q": "x"}), 403, "scope_missing")
