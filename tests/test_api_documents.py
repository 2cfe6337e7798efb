"""Documents by the API: lists, one, its text, upload, another try, deletion."""

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django_q.models import OrmQ

from chat import tasks
from chat.models import Document
from tests.api_clients import api_client
from tests.factories import make_collection, make_document
from tests.test_api_base import assert_problem

pytestmark = pytest.mark.django_db
DOCUMENTS = "/api/v1/documents/"


@pytest.fixture(autouse=True)
def uploads(tmp_path, settings):
    settings.MEDIA_ROOT = tmp_path


def file(name="pump.md", content=b"# Pump\n\nPress the green button."):
    return SimpleUploadedFile(name, content)


def test_list_shows_what_is_ready_and_administrators_all(alice, staff, django_assert_num_queries):
    ready = make_document(texts=["One.", "Two."])
    failed = make_document(texts=(), status="FAILED", error="is no PDF")
    make_document(texts=(), status="QUEUED", collection=ready.collection)
    client = api_client(alice)
    client.get(DOCUMENTS)

    with django_assert_num_queries(3):  # token, count of requests, rows
        (row,) = client.get(DOCUMENTS).json()["results"]

    assert (row["id"], row["chunk_count"], row["status"]) == (ready.pk, 2, "READY")
    assert "text" not in row
    by_staff = api_client(staff)
    assert len(by_staff.get(DOCUMENTS).json()["results"]) == 3
    assert by_staff.get(DOCUMENTS, {"status": "FAILED", "fields": "id,error"}).json()["results"] == [
        {"id": failed.pk, "error": "is no PDF"}
    ]
    of_one = by_staff.get(DOCUMENTS, {"collection": ready.collection_id}).json()["results"]
    assert {document["collection"] for document in of_one} == {ready.collection_id}
    assert len(of_one) == 2
    body = assert_problem(by_staff.get(DOCUMENTS, {"collection": 123456, "status": "LOST"}), 400, "invalid")
    assert {error["field"] for error in body["errors"]} == {"collection", "status"}


def test_upload_is_taken_once_under_its_key_and_known_by_its_content(staff):
    collection, client, headers = make_collection().pk, api_client(staff), {"Idempotency-Key": "key-1"}

    def upload(**changes):
        form = {"file": file(), "collection": collection, "heading_fields": ["part", "chapter"], **changes}
        return client.post(DOCUMENTS, form, format="multipart", headers=headers)

    first, second = upload(), upload()

    assert (first.status_code, second.status_code, first.json()) == (202, 202, second.json())
    assert second["Idempotent-Replayed"] == "true"
    assert LogEntry.objects.count() == 1
    with Document.objects.get().upload.open() as kept:
        assert kept.read() == b"# Pump\n\nPress the green button."
    for changes in ({"file": file(content=b"# Other")}, {"file": file("other.md")}, {"heading_fields": ["chapter"]}):
        assert_problem(upload(**changes), 422, "idempotency_key_reused")


def test_document_and_its_text_are_read_by_everybody_once_ready(alice, staff):
    document = make_document(texts=["One.", "Two."])
    client = api_client(alice)

    body = client.get(f"{DOCUMENTS}{document.pk}/").json()
    text = client.get(f"{DOCUMENTS}{document.pk}/text/")

    assert (body["title"], body["chunk_count"]) == (document.title, 2)
    assert text.json()["text"] == "One.\n\nTwo."
    again = client.get(f"{DOCUMENTS}{document.pk}/text/", headers={"If-None-Match": text["ETag"]})
    assert again.status_code == 304
    Document.objects.update(status="PROCESSING")
    assert_problem(client.get(f"{DOCUMENTS}{document.pk}/"), 404, "not_found")
    assert_problem(client.get(f"{DOCUMENTS}{document.pk}/text/"), 404, "not_found")
    assert api_client(staff).get(f"{DOCUMENTS}{document.pk}/").json()["status"] == "PROCESSING"


def test_uploaded_file_is_queued_then_ready_and_replaced_under_its_name(staff, django_capture_on_commit_callbacks):
    collection = make_collection()
    client = api_client(staff)

    with django_capture_on_commit_callbacks(execute=True):
        first = client.post(DOCUMENTS, {"file": file(), "collection": collection.pk})
        second = client.post(DOCUMENTS, {"file": file(), "collection": collection.pk})

    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["id"] == second.json()["id"]
    assert (first.json()["status"], first.json()["source_id"]) == ("QUEUED", "pump.md")
    assert OrmQ.objects.count() == 2
    tasks.ingest_document(first.json()["id"])
    body = client.get(f"{DOCUMENTS}{first.json()['id']}/").json()
    assert (body["status"], body["title"], body["chunk_count"]) == ("READY", "Pump", 1)


def test_columns_of_records_are_found_or_named(staff):
    collection = make_collection()
    content = b"key;chapter;how\n1;Pump;Press the green button.\n"
    client = api_client(staff)

    lacking = client.post(DOCUMENTS, {"file": file("a.csv", content), "collection": collection.pk})
    named = {"id_field": "key", "text_field": "how", "heading_fields": ["chapter"]}
    taken = client.post(DOCUMENTS, {"file": file("a.csv", content), "collection": collection.pk, **named})

    assert "key, chapter, how" in assert_problem(lacking, 422, "ingest")["detail"]
    assert taken.status_code == 202
    assert Document.objects.get().metadata["columns"] == named


@pytest.mark.parametrize(
    ("values", "status", "told"),
    [
        ({}, 400, "file"),
        ({"file": "pump.md"}, 400, "file"),
        ({"file": SimpleUploadedFile("empty.md", b"")}, 400, "empty"),
        ({"file": SimpleUploadedFile("pump.exe", b"MZ")}, 422, "known formats"),
    ],
)
def test_upload_that_cannot_be_read_is_refused(staff, values, status, told):
    values = {"collection": make_collection().pk, **values}

    response = api_client(staff).post(DOCUMENTS, values)

    assert told in assert_problem(response, status, "invalid" if status == 400 else "ingest")["detail"]
    assert not Document.objects.exists()


def test_upload_too_large_and_no_form_are_refused(staff, settings):
    settings.UPLOAD_MAX_MB = 0
    values = {"file": file(), "collection": make_collection().pk}

    assert "at most 0 MB" in assert_problem(api_client(staff).post(DOCUMENTS, values), 422, "ingest")["detail"]
    as_json = api_client(staff).post(DOCUMENTS, {"collection": 1}, format="json")
    assert_problem(as_json, 415, "unsupported_media_type")


def test_only_what_failed_is_tried_again(staff):
    document = make_document(texts=(), status="FAILED", error="is no PDF")
    url = f"{DOCUMENTS}{document.pk}/retry/"
    client = api_client(staff)

    assert client.post(url).json()["status"] == "QUEUED"
    assert_problem(client.post(url), 409, "conflict")


def test_document_is_deleted(staff):
    document = make_document()
    client = api_client(staff)

    assert client.delete(f"{DOCUMENTS}{document.pk}/").status_code == 204
    assert LogEntry.objects.get().object_repr == str(document)
    assert_problem(client.delete(f"{DOCUMENTS}{document.pk}/"), 404, "not_found")


def test_who_may(alice, staff):
    document = make_document()
    values = {"file": file(), "collection": document.collection_id}

    assert_problem(api_client().get(DOCUMENTS), 401, "not_authenticated")
    assert_problem(api_client(alice, ["chat"]).get(DOCUMENTS), 403, "scope_missing")
    assert_problem(api_client(staff, ["read"]).post(DOCUMENTS, values), 403, "scope_missing")
    for response, permission in (
        (api_client(alice).post(DOCUMENTS, values), "chat.add_document"),
        (api_client(alice).delete(f"{DOCUMENTS}{document.pk}/"), "chat.delete_document"),
        (api_client(alice).post(f"{DOCUMENTS}{document.pk}/retry/"), "chat.change_document"),
    ):
        assert permission in assert_problem(response, 403, "permission_missing")["detail"]
