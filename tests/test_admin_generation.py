"""Questions made from documents, in the admin: the order, what it would cost, its progress, and how it is stopped."""

import json

import pytest
from django.urls import reverse
from django_q.models import OrmQ

from chat.rag.config import Provider
from monitoring import tasks
from monitoring.datasets.drafts import ItemDraft, Relevant
from monitoring.datasets.names import create_dataset
from monitoring.datasets.versions import change_dataset
from monitoring.models import DatasetItem, GeneratedQuestion, Generation
from monitoring.synthetic.orders import resume_generation, start_generation, stop_generation, sweep_generations
from monitoring.synthetic.planning import Wish
from tests.admin_datasets import START, make_id, signed_in, text
from tests.factories import make_collection, make_document
from tests.fakes import FakeLLM

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client, django_user_model):
    """A browser in which an operator is signed in."""
    return signed_in(client, django_user_model, "operator")


@pytest.fixture
def golden():
    """Two versions: two questions about documents, one unanswerable; one was removed."""
    collection = make_collection(name="faq")
    documents = [make_document(collection=collection, source_id=name) for name in ("a", "b")]
    dataset = create_dataset(name="golden")
    relevant = [Relevant(row.source_id, row.pk, "faq") for row in documents]
    imported = {"source": DatasetItem.Source.IMPORTED, "collection_id": collection.pk}
    change_dataset(
        dataset=dataset,
        add=[
            ItemDraft("Who pays?", expected_answer="The office.", tags=("money",), relevant=(relevant[0],), **imported),
            ItemDraft("Who asks?", relevant=(relevant[1],), **imported),
            ItemDraft("Who is on Mars?", is_answerable=False, **imported),
            ItemDraft("Who left?", relevant=(relevant[0],), **imported),
        ],
        note="Begun.",
    )
    change_dataset(dataset=dataset, remove=[dataset.items.get(question="Who left?").pk], note="One less.")
    return dataset


WISH = {
    "per_document": 2, "multi_document_ratio": 0, "unanswerable_ratio": 0, "seed": 1, "is_checked": "", "model": "",
}  # fmt: skip


def test_questions_are_made_by_the_worker(operator, golden, django_capture_on_commit_callbacks):
    collection = make_id("faq")
    with django_capture_on_commit_callbacks(execute=True):
        response = operator.post(START, {"collection": collection, "name": "made", **WISH})

    generation = Generation.objects.get()
    assert response.url == generation.get_absolute_url()
    assert OrmQ.objects.count() == 1
    assert "Waiting for the worker" in text(operator.get(response.url))
    assert tasks.generate_questions(generation.pk) == "DONE"
    page = text(operator.get(response.url))
    assert "done" in page
    assert "templates" in page
    going = operator.get(reverse("admin:monitoring_generation_going", args=[generation.pk]))
    assert going["HX-Refresh"] == "true"
    assert tasks.generate_questions(generation.pk) == "stopped"


def test_the_page_of_an_order_shows_what_was_dropped_and_why(operator, golden):
    generation = start_generation(dataset_name="made", collection=golden.items.first().collection, wish=Wish(1, 0, 0))
    task = generation.tasks.first()
    for outcome, reason in (("KEPT", ""), ("COPIED", "all of its words are in one sentence")):
        GeneratedQuestion.objects.create(
            generation=generation, task=task, question=f"Is it {outcome}?", outcome=outcome, reason=reason
        )

    page = text(operator.get(generation.get_absolute_url(), {"outcome": "DROPPED"}))

    assert "Is it COPIED?" in page
    assert "copied from its document: all of its words are in one sentence" in page
    assert "Is it KEPT?" not in page


def test_the_form_says_what_it_would_cost(operator, golden, settings):
    with FakeLLM() as server:
        settings.PROVIDERS = {"fake": Provider("fake", server.base_url)}
        server.models = ("writer",)
        values = {"collection": make_id("faq"), "name": "", **WISH}

        templates = text(operator.post(reverse("admin:monitoring_generation_estimate"), values))
        model = text(operator.post(reverse("admin:monitoring_generation_estimate"), {**values, "model": "fake/writer"}))

    assert "<dd>4</dd>" in templates
    assert "<dd>none</dd>" in templates
    assert "unknown" in model
    assert not Generation.objects.exists()


def test_an_order_is_stopped_and_goes_on(operator, golden, django_capture_on_commit_callbacks):
    generation = start_generation(dataset_name="made", collection=golden.items.first().collection, wish=Wish(1, 0, 0))

    operator.post(reverse("admin:monitoring_generation_stop", args=[generation.pk]))
    generation.refresh_from_db()
    assert generation.status == "STOPPED"
    assert tasks.generate_questions(generation.pk) == "stopped"
    with django_capture_on_commit_callbacks(execute=True):
        operator.post(reverse("admin:monitoring_generation_resume", args=[generation.pk]))

    assert OrmQ.objects.count() == 1
    assert tasks.generate_questions(generation.pk) == "DONE"
    with pytest.raises(Exception, match="is not stopped"):
        resume_generation(generation=generation)


def test_a_stop_is_heard_between_two_requests(golden):
    generation = start_generation(dataset_name="made", collection=golden.items.first().collection, wish=Wish(1, 0, 0))
    Generation.objects.filter(pk=generation.pk).update(status="RUNNING")

    stop_generation(generation=generation)

    assert tasks.generate_questions(generation.pk) == "STOPPED"


def test_a_slice_that_is_over_waits_in_the_queue_again(golden):
    generation = start_generation(dataset_name="made", collection=golden.items.first().collection, wish=Wish(1, 0, 0))

    assert tasks.generate_questions(generation.pk, seconds=-1) == "QUEUED"

    assert OrmQ.objects.count() == 1


def test_an_order_whose_process_died_is_taken_up_again_only_if_it_is_the_workers(golden):
    mine, other = (
        start_generation(dataset_name=name, collection=golden.items.first().collection, wish=Wish(1, 0, 0))
        for name in ("mine", "other")
    )
    Generation.objects.update(status="RUNNING", heartbeat_at="2020-01-01T00:00Z")
    Generation.objects.filter(pk=other.pk).update(in_worker=False)

    assert sweep_generations() == 1
    assert sweep_generations() == 0

    assert json.dumps([task.task["args"] for task in OrmQ.objects.all()]) == f"[[{mine.pk}]]"


def test_without_documents_the_form_says_what_to_do(operator):
    assert "There are no documents yet" in text(operator.get(START))
