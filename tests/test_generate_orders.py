"""Orders for questions from documents: their cost, that nothing is paid twice, failures, and templates."""

import json
import random
from decimal import Decimal

import pytest
from django.db import connection

from chat.ingest.source import ReadOptions
from chat.models import Collection, LLMCall, ModelPrice
from chat.rag.config import Provider
from chat.services.ingestion import ingest_paths
from monitoring.models import Dataset, DatasetItem, Generation, GenerationTask
from monitoring.sole_process import Work
from monitoring.synthetic.filters import why_copied
from monitoring.synthetic.pace import Working
from monitoring.synthetic.passages import passages_of
from monitoring.synthetic.planning import Wish, plan_generation
from monitoring.synthetic.rarity import Rarity
from monitoring.synthetic.templates import template_questions
from monitoring.synthetic.working import work_on
from tests.factories import make_collection
from tests.fake_replies import Reply
from tests.fakes import FakeLLM
from tests.generated import SINGLE, TEXTS, generate, script

pytestmark = pytest.mark.django_db


@pytest.fixture
def travel(tmp_path):
    folder = tmp_path / "travel"
    folder.mkdir()
    for name, text in TEXTS.items():
        (folder / name).write_text(text)
    ingest_paths(paths=[folder], collection_name="travel", options=ReadOptions())
    return Collection.objects.get(name="travel")


@pytest.fixture
def fake_llm(settings):
    with FakeLLM() as server:
        settings.PROVIDERS = {"fake": Provider("fake", server.base_url)}
        settings.LLM_MAX_ATTEMPTS = 1
        yield server


def test_the_cost_is_shown_before_and_after(travel, fake_llm):
    ModelPrice.objects.create(
        model="fake/writer",
        input_usd_per_million=Decimal(2),
        output_usd_per_million=Decimal(10),
        valid_from="2020-01-01T00:00Z",
    )
    script(fake_llm, SINGLE)

    out, _, _ = generate()

    assert out[0].startswith("fake/writer: about 3 requests, ")
    assert "Estimated cost: $0.0" in out[0]
    spent = sum(call.cost_usd for call in LLMCall.objects.all())
    assert spent > 0
    assert out[-1] == f"3 calls, ${spent:.2g}"
    assert Generation.objects.get().estimated_cost_usd > 0


def test_an_unknown_price_is_unknown(travel, fake_llm):
    script(fake_llm, SINGLE)

    out, _, _ = generate()

    assert out[0].endswith("Estimated cost: unknown (the price of the model is not known).")
    assert out[-1] == "3 calls, $0.00, and 3 calls of unknown cost"


def test_nothing_is_asked_without_agreement(travel, fake_llm):
    _, _, error = generate(yes=False)

    assert error == "Nothing was asked yet. Add --yes to agree to the cost."
    assert fake_llm.chat_requests == []


def test_what_is_done_is_not_paid_again(travel, fake_llm):
    order = script(fake_llm, SINGLE)
    fake_llm._replies.clear()
    fake_llm.enqueue(json.dumps(SINGLE[order[0]]), Reply(status=500), json.dumps(SINGLE[order[2]]))

    _, _, first = generate()
    assert first.startswith("1 requests failed and can be tried again, such as: ")
    assert len(fake_llm.chat_requests) == 3
    fake_llm.enqueue(json.dumps(SINGLE[order[1]]))
    out, _, error = generate()

    assert error == ""
    assert len(fake_llm.chat_requests) == 4
    assert out[0].endswith("for golden: 2 of 3 requests are done.")
    assert DatasetItem.objects.count() == 6
    assert Generation.objects.filter(dataset__name="golden").count() == 1


def test_a_killed_process_loses_only_what_was_on_its_way(travel, fake_llm):
    order = script(fake_llm, SINGLE)
    generation = plan_generation(
        dataset_name="golden",
        collection=travel,
        wish=Wish(2, 0, 0, model="fake/writer", is_checked=False),
    )
    stopped = []

    def stop(tasks):
        stopped.append(tasks)
        if len(stopped) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work_on(generation.pk, Working(concurrency=1, on_progress=stop))
    assert list(generation.tasks.order_by("position").values_list("status", flat=True)) == ["DONE", "DONE", "WAITING"]
    # a process that is killed outright leaves the row as it was
    Generation.objects.filter(pk=generation.pk).update(status=Generation.Status.RUNNING)

    assert work_on(generation.pk, Working(concurrency=1)) == "DONE"

    assert len(fake_llm.chat_requests) == len(order)
    assert DatasetItem.objects.count() == 6
    assert work_on(generation.pk) is None


def test_two_processes_do_not_work_on_the_same_order(travel, fake_llm):
    generation = plan_generation(dataset_name="golden", collection=travel, wish=Wish(model="fake/writer"))
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s, %s)", [Work.GENERATION.value, generation.pk])
            assert work_on(generation.pk) is None
    finally:
        other.close()

    assert fake_llm.chat_requests == []


def test_a_model_that_always_fails_stops_the_order(travel, fake_llm, tmp_path):
    fake_llm.enqueue(*[Reply(status=401)] * 20)

    _, _, error = generate(per_document=1, unanswerable=1, multi_document=1)

    assert error.startswith("The model failed 5 times in a row: ")
    assert len(fake_llm.chat_requests) == 5


def test_an_answer_without_questions_is_a_failed_request(travel, fake_llm):
    fake_llm.enqueue("I cannot do that.", "No.", "Never.")

    _, _, error = generate()

    assert "the answer has no questions in it" in error
    assert GenerationTask.objects.filter(status="FAILED").count() == 3
    assert LLMCall.objects.count() == 3
    assert not DatasetItem.objects.exists()


def test_requests_run_at_once_up_to_the_limit(travel, fake_llm):
    fake_llm.enqueue(*[Reply(json.dumps(["What is this?"]), first_token_delay_seconds=0.2)] * 3)

    generate(concurrency=2)

    assert fake_llm.open_streams_max == 2


def test_without_a_model_templates_make_questions_that_cost_nothing(travel):
    out, _, error = generate(model="offline/extractive", per_document=4, unanswerable=0.25, multi_document=0.1)

    assert error == ""
    assert out[0].startswith("No model: questions are made by templates.")
    items = DatasetItem.objects.all()
    assert {item.source for item in items} == {"TEMPLATE"}
    answerable = [item for item in items if item.is_answerable]
    single = [item for item in answerable if "one document" in item.tags]
    assert len(single) >= 6
    for item in single:
        (relevant,) = item.relevant.all()
        assert relevant.end > relevant.start
        assert why_copied(item.question, passages_of([relevant.document_id])[relevant.document_id]) == ""
    assert any("two documents" in item.tags for item in answerable)
    assert any(not item.is_answerable for item in items)
    assert not LLMCall.objects.exists()


def test_templates_give_the_same_questions_for_the_same_seed(travel):
    passages = next(iter(passages_of(travel.documents.values_list("pk", flat=True)).values()))
    rarity = Rarity(TEXTS.values())

    made = [template_questions(passages, count=4, rarity=rarity, rng=random.Random(7)) for _ in range(2)]

    assert made[0] == made[1] != []


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"collection": "nowhere"}, 'There is no collection "nowhere"; known: travel.'),
        ({"per_document": 0}, "0 questions for a document: it has to be 1 to 50."),
        ({"unanswerable": 2.0}, "The share of unanswerable questions is 2; it has to be 0 to 1."),
        ({"limit_documents": 0}, "A limit of 0 documents leaves none; it has to be 1 or more."),
        ({"model": "nowhere/x"}, 'No model server "nowhere" is set up here; known: fake, offline.'),
        ({"model": "x"}, '"x" does not name a model. Write provider/model, for example "openai/gpt-4o-mini".'),
    ],
)
def test_a_wish_that_cannot_be_says_why(travel, fake_llm, options, error):
    assert generate(**options)[2] == error
    assert not Dataset.objects.exists()


def test_an_empty_collection_says_so():
    make_collection(name="travel")

    assert generate(model="")[2] == 'The collection "travel" has no documents that are ready; ingest some first.'


def test_what_the_dataset_asks_already_is_not_asked_again(travel, fake_llm):
    script(fake_llm, SINGLE)
    generate()
    script(fake_llm, SINGLE)

    out, _, _ = generate()

    assert "0 kept, 6 dropped (no new version)" in out
    assert "  6 dropped: says the same as another" in out
