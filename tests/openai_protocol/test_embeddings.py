"""Vectors by OpenAI's protocol, with the official Python client where what it reads matters."""

import base64
import json

import numpy as np
import openai
import pytest

from chat.models import LLMCall, ModelPrice
from chat.rag.config import Provider
from chat.services.configs import ensure_default_config
from chat.services.spending import recount
from tests.api_clients import api_client
from tests.api_server import api_server
from tests.budgeted import make_budget, spend_before
from tests.factories import LOCAL_EMBEDDER, make_embedder
from tests.fakes import FakeLLM
from tests.openai_protocol.site import client_of

EMBEDDINGS = "/v1/embeddings"


@pytest.fixture
def fake_llm(settings):
    with FakeLLM() as fake:
        settings.PROVIDERS = {"fake": Provider("fake", fake.base_url)}
        yield fake


@pytest.fixture
def priced(fake_llm):
    """An embedder of a server, with a price."""
    ModelPrice.objects.create(
        model="fake/embed-64", input_usd_per_million=2, output_usd_per_million=0, valid_from="2020-01-01T00:00Z"
    )
    return make_embedder(name="fake/embed-64", dimensions=64)


def embed(user, text="The green button.", model="ragsite", **more):
    return api_client(user).post(EMBEDDINGS, {"model": model, "input": text, **more}, format="json")


def assert_refused(response, status, param, code=None):
    error = response.json()["error"]
    assert (response.status_code, error["param"], error["code"]) == (status, param, code)
    assert error["type"] == "invalid_request_error"


@pytest.mark.django_db(transaction=True)
def test_official_client_reads_vectors(alice):
    ensure_default_config()
    texts = ["The green button.", "A button that is green.", "Rain in spring."]

    with api_server() as url, client_of(url, alice) as client:
        reply = client.embeddings.create(model="ragsite", input=texts)  # packed, as it asks for by itself
        one = client.embeddings.create(model=LOCAL_EMBEDDER, input=texts[0], encoding_format="float")
        with pytest.raises(openai.NotFoundError):
            client.embeddings.create(model="text-embedding-3-small", input=texts)

    first, alike, other = (np.array(item.embedding) for item in reply.data)
    assert first @ alike > first @ other
    assert len(first) == 384
    assert one.data[0].embedding == pytest.approx(first)
    assert reply.usage is None  # the local model counts no tokens
    assert not LLMCall.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_server_s_vectors_are_counted_and_priced(alice, priced):
    response = embed(alice, ["The green button.", "Rain."], model="fake/embed-64", dimensions=64)

    body = response.json()
    assert [len(item["embedding"]) for item in body["data"]] == [64, 64]
    call = LLMCall.objects.get()
    assert body["usage"] == {"prompt_tokens": call.input_tokens, "total_tokens": call.input_tokens}
    assert (call.purpose, call.origin, call.model, call.user) == ("embedding", "API", "fake/embed-64", alice)
    assert call.cost_usd > 0


@pytest.mark.django_db(transaction=True)
def test_packed_vectors_are_the_same(alice, priced):
    plain = embed(alice, model="fake/embed-64").json()["data"][0]["embedding"]
    packed = embed(alice, model="fake/embed-64", encoding_format="base64").json()["data"][0]["embedding"]

    assert np.frombuffer(base64.b64decode(packed), "<f4").tolist() == pytest.approx(plain)


@pytest.mark.django_db(transaction=True)
def test_used_up_budget_makes_no_vectors(alice, priced, fake_llm):
    spend_before(alice, "0.02")
    recount(make_budget("0.01", user=alice))

    response = embed(alice, model="fake/embed-64")

    assert (response.status_code, response.json()["error"]["code"]) == (429, "insufficient_quota")
    assert not fake_llm.embedding_requests


@pytest.mark.django_db(transaction=True)
def test_failed_server_is_not_asked_again_by_the_client(alice, fake_llm):
    make_embedder(name="fake/http-400", dimensions=64)

    response = embed(alice, model="fake/http-400")

    assert (response.status_code, response.json()["error"]["code"]) == (503, "embedding")
    assert response["x-should-retry"] == "false"
    assert LLMCall.objects.get().error_code == "embedding"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": ""}, "input"),
        ({"input": ["one", ""]}, "input"),
        ({"input": [1, 2, 3]}, "input"),
        ({"input": [[1, 2], [3]]}, "input"),
        ({"input": [{"text": "one"}]}, "input"),
        ({"input": ["x"] * 2049}, "input"),
        ({"input": "\ud800"}, "input"),
        ({"dimensions": 100}, "dimensions"),
        ({"encoding_format": "int8"}, "encoding_format"),
        ({"model": ""}, "model"),
    ],
)
def test_what_cannot_be_embedded_is_refused_by_name(alice, fields, param):
    ensure_default_config()

    body = {"model": "ragsite", "input": "one", **fields}

    response = api_client(alice).post(EMBEDDINGS, json.dumps(body), content_type="application/json")

    assert_refused(response, 400, param)


@pytest.mark.django_db
def test_embedder_that_there_is_not_is_not_found(alice):
    assert_refused(embed(alice, model="nowhere/embed"), 404, "model", "model_not_found")


@pytest.mark.django_db
def test_vectors_need_the_scope_read(alice):
    response = api_client(alice, ["chat"]).post(EMBEDDINGS, {"model": "ragsite", "input": "one"}, format="json")

    assert_refused(response, 403, None, "scope_missing")
