"""Datasets by the API: versions, items, and files in and out."""

import csv
import io
import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from monitoring.models import Dataset, DatasetItem
from tests.api_clients import api_client
from tests.factories import make_collection, make_dataset, make_document, make_item, make_run
from tests.review_rows import make_member
from tests.test_api_base import assert_problem

pytestmark = pytest.mark.django_db
DATASETS = "/api/v1/datasets/"
ITEMS = "/api/v1/dataset-items/"


@pytest.fixture
def client():
    return api_client(make_member("operator"))


def upload(client, text, name="questions.csv", **fields):
    file = SimpleUploadedFile(name, text.encode())
    return client.post(f"{DATASETS}import/", {"file": file, **fields}, format="multipart")


def test_dataset_is_made_described_and_deleted(client, staff):
    made = client.post(DATASETS, {"name": "faq", "dev_ratio": 0.5, "test_ratio": 0.5}, format="json")
    address = f"{DATASETS}{made.json()['id']}/"

    assert made.status_code == 201
    assert (made.json()["latest_version"], made.json()["item_count"]) == (None, 0)
    assert client.patch(address, {"description": "What people ask."}, format="json").json()["description"] == (
        "What people ask."
    )
    assert_problem(client.post(DATASETS, {"name": "faq"}, format="json"), 422, "dataset")
    assert_problem(client.post(DATASETS, {"name": "a b"}, format="json"), 422, "dataset")
    assert_problem(client.delete(address), 403, "permission_missing")
    assert api_client(staff).delete(address).status_code == 204


def test_dataset_that_was_evaluated_stays(staff):
    run = make_run()

    assert_problem(api_client(staff).delete(f"{DATASETS}{run.dataset_id}/"), 409, "in_use")


def test_items_are_added_corrected_and_removed_as_versions(client):
    document = make_document(source_id="guide.md")
    dataset = make_dataset()
    address = f"{DATASETS}{dataset.pk}/items/"
    said = {"question": "How do I start?", "documents": ["guide.md"], "tags": ["start"]}

    added = client.post(address, said, format="json")
    corrected = client.put(f"{ITEMS}{added.json()['id']}/", {**said, "expected_answer": "Press it."}, format="json")
    removed = client.delete(f"{ITEMS}{corrected.json()['id']}/")

    assert (added.status_code, corrected.status_code, removed.status_code) == (201, 200, 204)
    assert added.json()["relevant"][0] | {"relevance": 1} == added.json()["relevant"][0]
    assert added.json()["relevant"][0]["document"] == document.pk
    assert corrected.json()["expected_answer"] == "Press it."
    versions = client.get(f"{DATASETS}{dataset.pk}/versions/").json()["results"]
    assert versions[0]["note"].startswith("Removed")
    assert client.get(address).json()["results"] == []
    assert [one["id"] for one in client.get(address, {"version": versions[1]["number"]}).json()["results"]] == [
        corrected.json()["id"]
    ]
    assert_problem(client.put(f"{ITEMS}{added.json()['id']}/", said, format="json"), 422, "dataset")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"question": "x" * 8001}, 400),
        ({"question": "How?", "split": "MOON"}, 400),
        ({"question": "How?", "collection": 987654}, 400),
        ({"question": "How?", "documents": ["no-such-document"]}, 422),
        ({"question": "How?", "tags": ["x" * 61]}, 400),
    ],
)
def test_item_that_cannot_be_is_refused(client, body, status):
    response = client.post(f"{DATASETS}{make_dataset().pk}/items/", body, format="json")

    assert response.status_code == status, response.content
    assert not DatasetItem.objects.exists()


def test_items_are_listed_in_pages_and_filtered(client, django_assert_max_num_queries):
    dataset = make_dataset()
    collection = make_collection()
    first = make_item(dataset=dataset, question="What is red?", tags=["colour"], collection=collection, split="DEV")
    second = make_item(dataset=dataset, question="What is two?", split="TEST")
    make_item(dataset=dataset, question="What is three?", is_answerable=False)
    address = f"{DATASETS}{dataset.pk}/items/"

    def ids(**query):
        return [one["id"] for one in client.get(address, query).json()["results"]]

    with django_assert_max_num_queries(9):
        assert len(ids()) == 3
    assert ids(tag="colour") == ids(words="red") == ids(collection=collection.pk) == [first.pk]
    assert ids(split="TEST", answerable="yes") == [second.pk]
    page = client.get(address, {"limit": 2}).json()
    assert len(page["results"] + client.get(page["next"]).json()["results"]) == 3
    assert_problem(client.get(address, {"version": 99}), 400, "invalid")
    assert_problem(client.get(address, {"colour": "red"}), 400, "invalid")


@pytest.mark.parametrize("file_format", ["csv", "jsonl"])
def test_what_is_exported_imports_to_the_same_items(client, file_format):
    make_document(source_id="guide.md")
    rows = [{"question": "How do I start?", "answer": "Press it.", "document": "guide.md", "tags": "a;b"}]
    rows.append({"question": "Who wrote it?", "answer": "", "document": "", "tags": ""})
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    assert upload(client, text.getvalue(), dataset="one").status_code == 201
    one = Dataset.objects.get(name="one")

    response = client.get(f"{DATASETS}{one.pk}/export/", {"format": file_format})
    exported = b"".join(response.streaming_content).decode()
    report = upload(client, exported, f"one.{file_format}", dataset="two").json()

    assert f'one-v1.{file_format}"' in response["Content-Disposition"]
    assert (report["added"], report["left_out"], report["saved"], report["version"]) == (2, 0, True, 1)
    again = client.get(f"{DATASETS}{Dataset.objects.get(name='two').pk}/export/", {"format": file_format})
    assert b"".join(again.streaming_content).decode() == exported


def test_import_names_rows_that_cannot_be_used(client):
    text = "question,document\nHow do I start?,\n,\nWho?,no-such-document\n"

    dry = upload(client, text, dataset="faq", dry_run="true")
    strict = upload(client, text, dataset="faq", strict="true")
    done = upload(client, text, dataset="faq")

    assert (dry.status_code, dry.json()["saved"], dry.json()["added"]) == (200, False, 1)
    assert [problem["line"] for problem in dry.json()["problems"]] == [3, 4]
    assert len(assert_problem(strict, 400, "invalid")["errors"]) == 2
    assert (done.status_code, done.json()["added"], done.json()["left_out"]) == (201, 1, 2)


def test_import_reads_named_columns(client):
    response = upload(client, "q,a\nHow?,So.\n", dataset="faq", question_column="q", answer_column="a", split="DEV")

    assert response.status_code == 201, response.content
    item = DatasetItem.objects.get()
    assert (item.question, item.expected_answer, item.split) == ("How?", "So.", "DEV")


@pytest.mark.parametrize(
    ("text", "fields", "status"),
    [
        ("q\nHow?\n", {"dataset": "faq"}, 422),
        ("question\nHow?\n", {}, 400),
        ("question\nHow?\n", {"dataset": "a b"}, 422),
        ("question\nHow?\n", {"dataset": "faq", "collection": "no such"}, 400),
        ("question\n\n", {"dataset": "faq"}, 400),
    ],
)
def test_import_that_cannot_be_read_is_refused(client, text, fields, status):
    assert upload(client, text, **fields).status_code == status
    assert not DatasetItem.objects.exists()


def test_file_that_is_too_large_is_refused(client, settings):
    settings.UPLOAD_MAX_MB = 0

    assert_problem(upload(client, "question\nHow?\n", dataset="faq"), 400, "invalid")


def test_repeated_request_adds_one_item(client):
    address, headers = f"{DATASETS}{make_dataset().pk}/items/", {"Idempotency-Key": "one"}

    for _ in range(2):
        assert client.post(address, {"question": "How?"}, format="json", headers=headers).status_code == 201

    assert DatasetItem.objects.count() == 1


def test_datasets_are_for_who_may_see_or_change_them(alice):
    dataset = make_dataset()
    address = f"{DATASETS}{dataset.pk}/"
    reviewer = make_member("reviewer")

    assert_problem(api_client().get(DATASETS), 401, "not_authenticated")
    assert_problem(api_client(alice).get(address), 403, "permission_missing")
    assert_problem(api_client(alice).get(f"{address}export/"), 403, "permission_missing")
    assert json.loads(api_client(reviewer).get(address).content)["name"] == dataset.name
    assert_problem(api_client(reviewer).patch(address, {"description": ""}, format="json"), 403, "permission_missing")
    assert_problem(upload(api_client(make_member("operator"), ["read"]), "", dataset="x"), 403, "scope_missing")
    assert_problem(api_client(reviewer).get(f"{DATASETS}987654/items/"), 404, "not_found")
