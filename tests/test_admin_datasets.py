"""Datasets in the admin: who may open which page, what it shows, what it changes, and at what cost in queries."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from monitoring.datasets.drafts import ItemDraft, Relevant
from monitoring.datasets.names import create_dataset
from monitoring.datasets.versions import change_dataset
from monitoring.models import Dataset, DatasetItem, Generation
from tests.admin_datasets import START, make_id, signed_in, text
from tests.factories import make_collection, make_document, make_run

pytestmark = pytest.mark.django_db

LIST = "/admin/monitoring/dataset/"

UPLOAD = "/admin/monitoring/dataset/upload/"


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


def test_an_empty_list_says_what_to_do(operator):
    page = text(operator.get(LIST))

    assert "There are no datasets yet" in page
    assert UPLOAD in page
    assert START in page


def test_the_list_shows_numbers_at_the_same_cost_for_many(operator, golden, django_assert_num_queries):
    make_run(dataset=golden)
    operator.get(LIST)  # what is remembered of the site

    page = text(operator.get(LIST))
    assert ">golden</a>" in page

    with django_assert_num_queries(6):
        operator.get(LIST)
    for number in range(5):
        create_dataset(name=f"other-{number}")
    with django_assert_num_queries(6):
        operator.get(LIST)


def test_a_dataset_shows_its_newest_version(operator, golden, django_assert_max_num_queries):
    with django_assert_max_num_queries(30):
        page = text(operator.get(golden.get_absolute_url()))

    assert all(part in page for part in ("Who pays?", "The office.", "Who asks?", "money", "One less.", "Begun."))
    assert "Who left?" not in page
    assert "unanswerable" in page


def test_an_earlier_version_shows_what_was_in_it_and_cannot_be_changed(operator, golden):
    page = text(operator.get(golden.get_absolute_url(), {"version": 1}))

    assert "Who left?" in page
    assert "version 1 of 2" in page
    assert "Remove the marked ones" not in page
    assert operator.get(golden.get_absolute_url(), {"version": 3}).status_code == 404


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"words": "ask"}, {"Who asks?"}),
        ({"tag": "money"}, {"Who pays?"}),
        ({"answerable": "no"}, {"Who is on Mars?"}),
        ({"source": "MODEL"}, set()),
        ({"collection": "x"}, set()),
        ({}, {"Who pays?", "Who asks?", "Who is on Mars?"}),
    ],
)
def test_questions_are_filtered(operator, golden, query, found):
    page = text(operator.get(golden.get_absolute_url(), query))

    assert {
        question for question in ("Who pays?", "Who asks?", "Who is on Mars?") if f">{question}</a>" in page
    } == found
    assert ("No question matches" in page) is not bool(found)


def test_questions_are_filtered_by_split(operator, golden):
    golden.items.filter(question="Who pays?").update(split="DEV")
    golden.items.exclude(question="Who pays?").update(split="TEST")

    page = text(operator.get(golden.get_absolute_url(), {"split": "DEV"}))

    assert "Who pays?" in page
    assert "Who asks?" not in page


def test_marked_questions_are_removed_as_a_version(operator, golden):
    ids = golden.items.filter(question__in=["Who pays?", "Who asks?"]).values_list("pk", flat=True)

    response = operator.post(reverse("admin:monitoring_dataset_remove", args=[golden.pk]), {"item": list(ids)})

    assert response.status_code == 302
    assert list(golden.items.current().values_list("question", flat=True)) == ["Who is on Mars?"]
    version = golden.versions.get(number=3)
    assert (version.note, version.created_by.username) == ("Removed 2 items.", "one-operator")


def test_a_question_is_added_by_hand(operator, golden):
    values = {
        "question": "Who sells?",
        "documents": "a",
        "collection": make_id("faq"),
        "is_answerable": "on",
        "tags": "x, y",
    }

    response = operator.post(reverse("admin:monitoring_dataset_add_item", args=[golden.pk]), values)

    item = golden.items.get(question="Who sells?")
    assert (response.status_code, item.source, item.tags, item.added_in) == (302, "MANUAL", ["x", "y"], 3)
    assert list(item.relevant.values_list("source_id", flat=True)) == ["a"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"question": "question1"}, "is a placeholder"),
        ({"question": "Who?", "documents": "z"}, "There is no document &#x27;z&#x27; in any collection."),
        (
            {"question": "Who?", "documents": "a", "is_answerable": ""},
            "A question that nothing answers has no documents",
        ),
        ({"question": ""}, "This field is required"),
    ],
)
def test_a_question_that_cannot_be_added_says_why(operator, golden, values, said):
    url = reverse("admin:monitoring_dataset_add_item", args=[golden.pk])

    response = operator.post(url, {"is_answerable": "on", **values})

    assert response.status_code == 422
    assert said in text(response)
    assert golden.versions.count() == 2


def test_a_question_is_corrected_and_earlier_versions_keep_it(operator, golden):
    item = golden.items.get(question="Who pays?")
    url = reverse("admin:monitoring_dataset_item", args=[item.pk])
    assert "The office." in text(operator.get(url))
    values = {
        "question": "Who pays then?", "expected_answer": "You.", "documents": "a", "collection": make_id("faq"),
        "is_answerable": "on", "split": item.split,
    }  # fmt: skip

    assert operator.post(url, values).status_code == 302

    new = golden.items.get(question="Who pays then?")
    item.refresh_from_db()
    assert (new.expected_answer, new.split, new.source, new.added_in, item.removed_in) == (
        "You.", item.split, "IMPORTED", 3, 3,
    )  # fmt: skip
    assert "cannot be changed" in text(operator.get(url))
    assert operator.post(url, values).status_code == 200
    assert golden.versions.count() == 3


def test_a_correction_that_is_refused_removes_nothing(operator, golden):
    item = golden.items.get(question="Who pays?")
    values = {"question": "Who is on Mars?", "collection": make_id("faq"), "is_answerable": "on"}

    response = operator.post(reverse("admin:monitoring_dataset_item", args=[item.pk]), values)

    assert "in the dataset already" in text(response)
    assert golden.items.current().filter(pk=item.pk).exists()


def test_a_dataset_is_described(operator, golden):
    operator.post(reverse("admin:monitoring_dataset_describe", args=[golden.pk]), {"description": " For search. "})

    golden.refresh_from_db()
    assert golden.description == "For search."


def upload(client, content, **values):
    file = SimpleUploadedFile("questions.csv", content.encode())
    return client.post(UPLOAD, {"file": file, "name": "golden", **values})


def test_an_upload_without_problems_leads_to_the_dataset(operator, golden):
    response = upload(operator, "question,document,collection\nWho sells?,a,faq\n")

    assert response.url == golden.get_absolute_url()
    assert golden.items.filter(question="Who sells?", added_in=3).exists()


def test_problems_of_an_upload_are_listed_on_the_page(operator, golden):
    response = upload(
        operator, "q,document\nWho sells?,a\nquestion1,a\nWho?,z\n", question_column="q", collection=make_id("faq")
    )

    page = text(response)
    assert "1 added, 0 changed, 0 already there, 2 left out (golden, version 3)." in page
    assert "the question &#x27;question1&#x27; is a placeholder" in page
    assert "there is no document &#x27;z&#x27; in collection &#x27;faq&#x27;" in page
    assert golden.items.filter(question="Who sells?").exists()


def test_a_check_and_a_strict_upload_import_nothing(operator, golden):
    content = "question,document\nWho sells?,a\nquestion1,a\n"

    checked = text(upload(operator, content, collection=make_id("faq"), check="1"))
    strict = text(upload(operator, content, collection=make_id("faq"), strict="on"))

    for page in (checked, strict):
        assert "Nothing is imported. It would be: 1 added, 0 changed, 0 already there, 1 left out." in page
    assert golden.versions.count() == 2


def test_an_upload_that_cannot_be_read_says_why(operator, golden):
    response = upload(operator, "text\nWho?\n")

    assert response.status_code == 422
    assert "There is no column &quot;question&quot;" in text(response)


def test_a_file_that_is_too_large_is_refused(operator, settings):
    settings.UPLOAD_MAX_MB = 0.00001

    assert "manage.py import_dataset reads larger files" in text(upload(operator, "question\nWho sells?\n"))


@pytest.mark.parametrize(
    ("query", "name", "first"),
    [
        ({"format": "csv"}, "golden-v2.csv", "question,answer,document"),
        ({"format": "jsonl", "version": 1, "split": "DEV"}, "golden-v1-dev.jsonl", '{"question": "Who'),
        ({"format": "exe"}, "golden-v2.csv", "question,answer,document"),
    ],
)
def test_a_version_is_downloaded(operator, golden, query, name, first):
    golden.items.update(split="DEV")

    response = operator.get(reverse("admin:monitoring_dataset_download", args=[golden.pk]), query)

    assert response["Content-Disposition"] == f'attachment; filename="{name}"'
    assert b"".join(response.streaming_content).decode().startswith(first)


def test_a_version_that_is_not_there_is_not_downloaded(operator, golden):
    response = operator.get(reverse("admin:monitoring_dataset_download", args=[golden.pk]), {"version": 9})

    assert response.url == golden.get_absolute_url()


def addresses(dataset):
    item = dataset.items.first()
    generation = Generation.objects.create(
        dataset=dataset,
        collection=item.collection,
        per_document=1,
        unanswerable_ratio=0,
        multi_document_ratio=0,
        seed=1,
    )
    names = ("going", "stop", "resume")
    return {
        "view": [
            LIST, dataset.get_absolute_url(), reverse("admin:monitoring_dataset_item", args=[item.pk]),
            reverse("admin:monitoring_dataset_download", args=[dataset.pk]), generation.get_absolute_url(),
        ],
        "change": [UPLOAD, START, reverse("admin:monitoring_dataset_add_item", args=[dataset.pk])],
        "post": [
            reverse("admin:monitoring_dataset_remove", args=[dataset.pk]),
            reverse("admin:monitoring_dataset_describe", args=[dataset.pk]),
            reverse("admin:monitoring_generation_estimate"),
            *(reverse(f"admin:monitoring_generation_{name}", args=[generation.pk]) for name in names[1:]),
        ],
    }  # fmt: skip


def test_a_reviewer_reads_and_changes_nothing(client, django_user_model, golden):
    reviewer, pages = signed_in(client, django_user_model, "reviewer"), addresses(golden)

    assert {reviewer.get(url).status_code for url in pages["view"]} == {200}
    assert {reviewer.get(url).status_code for url in pages["change"]} == {403}
    assert {reviewer.post(url).status_code for url in pages["post"]} == {403}
    page = text(reviewer.get(golden.get_absolute_url()))
    assert "Remove the marked ones" not in page
    assert "Upload" not in page


def test_others_see_nothing(client, django_user_model, golden):
    pages = addresses(golden)
    client.force_login(django_user_model.objects.create_user("mallory"))

    assert {client.get(url).status_code for url in [*pages["view"], *pages["change"]]} == {302}
    client.force_login(django_user_model.objects.create_user("clerk", is_staff=True))
    assert {client.get(url).status_code for url in [*pages["view"], *pages["change"]]} == {403}


def test_changes_are_posted(operator, golden):
    assert {operator.get(url).status_code for url in addresses(golden)["post"]} == {405}


def test_a_dataset_that_was_evaluated_is_not_deleted(client, staff, golden):
    make_run(dataset=golden)
    client.force_login(staff)
    url = reverse("admin:monitoring_dataset_delete", args=[golden.pk])

    assert "Run " in text(client.get(url))
    client.post(url, {"post": "yes"})

    assert Dataset.objects.filter(pk=golden.pk).exists()
    golden.runs.all().delete()
    client.post(url, {"post": "yes"})
    assert not Dataset.objects.filter(pk=golden.pk).exists()
