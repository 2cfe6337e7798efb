"""OpenAI's protocol, by the official Python client over real HTTP: what a client reads, what is stored, and what is
refused."""

import asyncio
import json

import httpx2
import openai
import pytest
from django.utils import timezone

from chat.models import LLMCall, ModelPrice, PipelineConfig, Turn
from chat.services.configs import default_config
from tests.api_clients import secret_of
from tests.budgeted import make_budget, spend_before
from tests.experimented import make_experiment, variant
from tests.factories import make_config
from tests.fake_replies import Reply
from tests.openai_protocol.site import GREEN, QUESTION, ask, client_of, say

pytestmark = pytest.mark.django_db(transaction=True)


def test_question_is_answered_and_stored(client, alice, llm):
    llm.enqueue("Press the green button [1], never the red one [9].")

    completion = ask(client, QUESTION, temperature=0.7, max_tokens=5)

    turn = Turn.objects.get()
    assert completion.object == "chat.completion"
    assert completion.choices[0].message.content == "Press the green button [1], never the red one."
    assert completion.choices[0].finish_reason == "stop"
    assert (completion.model, completion.system_fingerprint) == ("ragsite", "default:1")
    assert (turn.origin, turn.status, turn.conversation.user) == ("API", "DONE", alice)
    call = turn.calls.get()
    assert completion.usage.prompt_tokens == call.input_tokens > 0
    assert completion.usage.total_tokens == call.input_tokens + call.output_tokens
    details = completion.model_extra["ragsite"]
    assert details["turn_id"] == turn.pk
    assert details["conversation_id"] == str(turn.conversation_id)
    assert details["ignored"] == ["max_tokens", "temperature"]
    assert (details["nothing_found"], details["degraded"], details["usage_is_estimated"]) == (False, "", False)
    (citation,) = details["citations"]
    assert (citation["number"], citation["title"]) == (1, "Pump manual")
    assert citation["url"].endswith(f"/documents/{citation['document']}/?chunk={turn.hits.get(rank=1).chunk_id}")
    assert "temperature" not in llm.chat_requests[0].body


def test_answer_streams(client, llm):
    llm.enqueue(GREEN)

    chunks = list(ask(client, QUESTION, stream=True, stream_options={"include_usage": True}))

    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == Turn.objects.get().answer == GREEN
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-2].model_extra["ragsite"]["citations"][0]["number"] == 1
    assert chunks[-1].choices == []
    assert chunks[-1].usage.total_tokens > 0
    assert all(chunk.usage is None for chunk in chunks[:-1])
    assert len({chunk.id for chunk in chunks}) == 1


def test_no_text_ends_a_line_of_a_stream(url, alice, llm):
    text = "one\x85two\u2028three\u2029four\r\nfive"
    llm.enqueue(text)
    headers = {"Authorization": f"Bearer {secret_of(alice)}"}
    body = {"model": "ragsite", "messages": say(QUESTION), "stream": True}

    with httpx2.stream("POST", f"{url}/v1/chat/completions", json=body, headers=headers, timeout=60) as response:
        lines = [line for line in response.iter_lines() if line]

    assert lines.pop() == "data: [DONE]"
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines]
    assert "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"]) == text


def test_usage_is_sent_in_a_stream_only_where_it_is_asked_for(client, llm):
    chunks = list(ask(client, QUESTION, stream=True))

    assert chunks[-1].choices[0].finish_reason == "stop"
    assert "usage" not in chunks[-1].model_fields_set


def test_many_ask_at_once_by_the_async_client(url, alice, llm):
    llm.enqueue(*[Reply(GREEN, token_delay_seconds=0.01)] * 6)
    secret = secret_of(alice)

    async def text_of(client, number):
        stream = await ask(client, f"{QUESTION} ({number})", stream=True)
        return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    async def all_texts():
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=secret) as client:
            return await asyncio.gather(*(text_of(client, number) for number in range(6)))

    assert asyncio.run(all_texts()) == [GREEN] * 6
    assert Turn.objects.filter(status="DONE").values("conversation").distinct().count() == 6


def test_models_are_what_one_may_ask(client, url, staff, llm, settings):
    config = make_config(name="careful", model="fake/echo")
    make_config(name="hidden")
    PipelineConfig.objects.filter(pk=config.pk).update(is_offered=True)
    llm.models = ("default", "echo")

    everybody = [model.id for model in client.models.list()]
    with client_of(url, staff) as root:
        administrator = [model.id for model in root.models.list()]
    settings.USER_CHOICES = frozenset()

    with_models = ["ragsite/offline/extractive", "ragsite/fake/default", "ragsite/fake/echo"]
    assert everybody == ["ragsite", "careful", "careful:1", *with_models]
    assert administrator[1:-3] == ["careful", "careful:1", "default", "default:1", "hidden", "hidden:1"]
    assert [model.id for model in client.models.list()] == ["ragsite", "careful", "careful:1"]
    assert client.models.retrieve("careful:1").owned_by == "ragsite"


def test_config_and_model_are_asked_by_name(client, llm):
    make_config(name="careful", model="fake/echo")
    make_config(name="careful", version=2, model="fake/echo")
    PipelineConfig.objects.filter(name="careful").update(is_offered=True)

    newest = ask(client, QUESTION, model="careful")
    first = ask(client, QUESTION, model="careful:1")
    other = ask(client, QUESTION, model="ragsite/fake/echo")

    assert (newest.model, newest.system_fingerprint) == ("careful", "careful:2")
    assert first.system_fingerprint == "careful:1"
    assert other.system_fingerprint == "default:1"
    assert list(Turn.objects.order_by("pk").values_list("model", flat=True)) == ["fake/echo"] * 3


def test_model_that_there_is_not_is_not_found(client):
    with pytest.raises(openai.NotFoundError) as refused:
        ask(client, QUESTION, model="gpt-4o")

    assert (refused.value.code, refused.value.param) == ("model_not_found", "model")
    assert not Turn.objects.exists()


def test_experiment_takes_questions_of_the_api(client, alice):
    default_config.forget()
    configs = [make_config(name="a", model="fake/echo"), make_config(name="b", model="fake/echo")]
    experiment = make_experiment(configs=configs, shares=(1, 9999), origin="API", unit="USER")

    completion = ask(client, QUESTION)

    assert completion.system_fingerprint == "b:1"
    assert variant(experiment, "B").exposures.get().user_id == alice.pk


def test_options_under_one_key_choose_collection_and_search(client):
    options = {"ragsite": {"collection": "manuals", "search_mode": "text"}}

    ask(client, QUESTION, extra_body=options)

    turn = Turn.objects.get()
    assert (turn.collection.name, turn.search_mode) == ("manuals", "text")


def test_token_must_be_known_and_have_the_scope(client, url, alice):
    with client_of(url, alice, scopes=("read",)) as reader, pytest.raises(openai.PermissionDeniedError) as refused:
        ask(reader, QUESTION)
    with pytest.raises(openai.AuthenticationError) as unknown:
        ask(client.with_options(api_key="sk-nothing"), QUESTION)

    assert refused.value.code == "scope_missing"
    assert (unknown.value.code, unknown.value.type) == ("invalid_api_key", "invalid_request_error")
    assert httpx2.get(f"{url}/v1/models").json()["error"]["code"] == "invalid_api_key"


def test_requests_are_limited_and_counted_as_openai_does(client, settings):
    settings.API_REQUESTS_PER_MINUTE = settings.API_REQUESTS_PER_MINUTE | {"chat": 1}

    raw = client.chat.completions.with_raw_response.create(model="ragsite", messages=say(QUESTION))
    with pytest.raises(openai.RateLimitError) as refused:
        ask(client, QUESTION)

    assert raw.headers["x-ratelimit-limit-requests"] == "1"
    assert raw.headers["x-ratelimit-remaining-requests"] == "0"
    assert raw.headers["x-ratelimit-reset-requests"].endswith("s")
    assert raw.headers["x-request-id"].startswith("req_")
    assert refused.value.code == "rate_limit_exceeded"
    assert int(refused.value.response.headers["retry-after"]) >= 1


def test_used_up_budget_is_no_quota_and_is_not_tried_again(client, url, alice):
    ModelPrice.objects.create(
        model="fake/default", input_usd_per_million=2, output_usd_per_million=8, valid_from=timezone.now()
    )
    make_budget("0.01", user=alice)
    spend_before(alice, "0.02")

    with pytest.raises(openai.RateLimitError) as refused:
        ask(client.with_options(max_retries=3), QUESTION)

    assert (refused.value.code, refused.value.type) == ("insufficient_quota", "insufficient_quota")
    assert refused.value.response.headers["x-should-retry"] == "false"
    assert "budget" in refused.value.message
    assert Turn.objects.filter(origin="API").count() == 0


def test_tokens_that_a_server_does_not_count_are_estimated_and_say_so(client, llm):
    llm.enqueue(Reply(GREEN, usage={}))

    completion = ask(client, QUESTION)

    assert completion.model_extra["ragsite"]["usage_is_estimated"] is True
    assert completion.usage.total_tokens > 0
    assert completion.usage.prompt_tokens_details is None
    assert completion.usage.completion_tokens_details is None


def test_answer_without_a_model_costs_no_tokens(client):
    PipelineConfig.objects.update(model="offline/extractive")
    default_config.forget()

    completion = ask(client, QUESTION)

    assert completion.usage.total_tokens == 0
    assert "green button" in completion.choices[0].message.content
    assert not LLMCall.objects.exists()
