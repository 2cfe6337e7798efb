"""The ledger of calls: whose they are, what they cost, and how certain that is. Embeddings over real HTTP to the
scripted server; expected costs are written out."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from chat import streaming
from chat.exceptions import EmbeddingError
from chat.models import LLMCall, ModelPrice
from chat.rag.config import LLMCall as CallData
from chat.rag.config import Provider, Purpose, Usage
from chat.services.answering import tools_of
from chat.services.conversations import start_conversation
from chat.services.knowledge import fill_embeddings, register_embedder
from chat.services.turns import record_calls
from chat.services.unattended import answer, record_turn, request_of
from tests.factories import make_call, make_config, make_document, make_turn
from tests.fake_replies import Reply
from tests.fakes import FakeLLM
from tests.knowledge import make_knowledge

EMBEDDER = "fake/embed-64"


@pytest.fixture
def fake_llm(settings):
    with FakeLLM() as fake:
        settings.PROVIDERS = {"fake": Provider("fake", fake.base_url)}
        settings.LLM_MAX_ATTEMPTS = 1
        yield fake


def make_price(model: str, **overrides) -> ModelPrice:
    values = {"input_usd_per_million": 2, "output_usd_per_million": 8, "valid_from": timezone.now() - timedelta(days=1)}
    return ModelPrice.objects.create(model=model, **(values | overrides))


def make_data(**overrides) -> CallData:
    values = {
        "purpose": Purpose.JUDGE,
        "model": "fake/judge",
        "prompt_name": "judge_v1",
        "prompt_sha256": "0" * 64,
        "duration_seconds": 1.0,
    }
    return CallData(**(values | overrides))


# Tokens and certainty


@pytest.mark.django_db
def test_reasoning_tokens_are_stored_as_part_of_the_output():
    turn = make_turn()

    record_calls(calls=[make_data(usage=Usage(100, 50, reasoning_tokens=30))], turn_id=turn.pk)
    record_calls(calls=[make_data(usage=Usage(100, 50, estimated=True))], turn_id=turn.pk)

    assert list(turn.calls.values_list("output_tokens", "reasoning_tokens")) == [(50, 30), (50, None)]


@pytest.mark.django_db
def test_more_thoughts_than_output_are_refused_by_the_database():
    with pytest.raises(IntegrityError, match="chat_llmcall_reasoning"), transaction.atomic():
        make_call(output_tokens=10, reasoning_tokens=11)


@pytest.mark.django_db
def test_each_call_is_exact_estimated_or_unknown():
    turn = make_turn()
    exact = make_call(turn=turn)
    estimated = make_call(turn=turn, tokens_estimated=True)
    unknown = make_call(turn=turn, cost_usd=None)
    both = make_call(turn=turn, cost_usd=None, tokens_estimated=True)

    calls = LLMCall.objects.order_by("pk")

    assert list(calls.exact()) == [exact]
    assert list(calls.estimated()) == [estimated]
    assert list(calls.unknown()) == [unknown, both]
    assert [call.certainty for call in calls] == ["exact", "estimated", "unknown", "unknown"]


# Prices


@pytest.mark.django_db(transaction=True)
def test_a_price_from_a_later_date_changes_no_old_call(alice, fake_llm):
    make_knowledge()
    make_price("fake/default")
    usage = {"prompt_tokens": 1000, "completion_tokens": 100, "prompt_tokens_details": {"cached_tokens": 400}}
    fake_llm.enqueue(Reply("Press the button [1].", usage=usage), Reply("Press the button [1].", usage=usage))

    def ask() -> LLMCall:
        turn = start_conversation(user=alice, question="How is the pump started?", model="fake/default")
        asyncio.run(streaming.produce_now(turn.pk, wait_seconds=10))
        turn.refresh_from_db()
        assert turn.cost_usd == turn.calls.get().cost_usd
        return turn.calls.get()

    before = ask()
    make_price("fake/default", valid_from=timezone.now() + timedelta(days=1), input_usd_per_million=200)
    after = ask()

    before.refresh_from_db()
    # 1000 at 2 dollars a million, cached ones as the others, and 100 at 8
    assert before.cost_usd == after.cost_usd == Decimal("0.0028")
    assert before.input_usd_per_million == after.input_usd_per_million == 2


# Origins


@pytest.mark.django_db
def test_a_call_without_a_turn_says_what_it_was_made_for():
    record_calls(calls=[make_data()], origin="EVALUATION")
    with pytest.raises(IntegrityError, match="chat_llmcall_has_origin"), transaction.atomic():
        record_calls(calls=[make_data()])

    assert LLMCall.objects.get().origin == "EVALUATION"


# Embeddings


def embedding_usage(tokens: int) -> Reply:
    data = [{"object": "embedding", "index": 0, "embedding": [1.0] * 64}]
    return Reply(body={"object": "list", "data": data, "usage": {"prompt_tokens": tokens, "total_tokens": tokens}})


@pytest.mark.django_db(transaction=True)
def test_documents_embedded_by_a_server_are_calls_with_a_cost(fake_llm):
    make_price(EMBEDDER, input_usd_per_million=Decimal("0.02"), output_usd_per_million=0)
    make_document(["The pump is started by the green button."])
    fake_llm.enqueue_embeddings(embedding_usage(1), embedding_usage(2_000_000))

    fill_embeddings(row=register_embedder(name=EMBEDDER))

    rows = LLMCall.objects.order_by("pk").values_list("purpose", "origin", "turn", "input_tokens", "cost_usd")
    assert list(rows) == [
        ("embedding", "USER", None, 1, Decimal("0.00000002")),
        ("embedding", "USER", None, 2_000_000, Decimal("0.04")),
    ]


@pytest.mark.django_db(transaction=True)
def test_an_embedding_that_fails_is_a_call_of_unknown_cost(fake_llm):
    make_document(["The pump is started by the green button."])
    row = register_embedder(name=EMBEDDER)
    fake_llm.enqueue_embeddings(Reply(status=400))

    with pytest.raises(EmbeddingError):
        fill_embeddings(row=row)

    call = LLMCall.objects.last()
    assert (call.purpose, call.error_code, call.cost_usd) == ("embedding", "embedding", None)


@pytest.mark.django_db
def test_the_local_embedder_makes_no_calls():
    make_knowledge()

    assert not LLMCall.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_embedding_of_a_question_is_its_turns_and_part_of_its_cost(fake_llm):
    make_price(EMBEDDER, input_usd_per_million=Decimal("0.5"), output_usd_per_million=0)
    make_price("fake/default")
    make_document(["The pump is started by the green button."])
    row = register_embedder(name=EMBEDDER)
    config = make_config(embedder=row, model="fake/default", min_similarity=-1.0)
    fill_embeddings(row=row)
    fake_llm.enqueue_embeddings(embedding_usage(1000))
    fake_llm.enqueue(Reply("The button [1].", usage={"prompt_tokens": 1000, "completion_tokens": 100}))
    asked = request_of(config, question="How is the pump started?", collection_id=None)
    turn = record_turn(answered=asyncio.run(answer(asked, tools_of(config))), config=config, origin="API")

    costs = dict(turn.calls.values_list("purpose", "cost_usd"))
    assert costs == {"embedding": Decimal("0.0005"), "answer": Decimal("0.0028")}
    assert turn.cost_usd == Decimal("0.0033")
    assert not turn.calls.exclude(origin=None).exists()
