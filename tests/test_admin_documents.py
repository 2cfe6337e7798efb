"""Uploading documents in the admin, and what follows."""

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django_q.models import OrmQ

from chat.models import Chunk, Collection, Document, Embedding
from chat.services.uploaded import ingest_upload
from chat.services.uploads import queue_upload
from tests.factories import make_chunk, make_collection, make_document, make_embedding

pytestmark = pytest.mark.django_db

ADD = "admin:chat_document_add"


@pytest.fixture(autouse=True)
def uploads(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


@pytest.fixture
def admin(client, staff):
    client.force_login(staff)
    return client


def _file(name="guide.md", content=b"# Guide\n\nRead this first.") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def _tasks() -> list[tuple[str, tuple[int, ...]]]:
    return [(row.task["func"], row.task["args"]) for row in OrmQ.objects.order_by("pk")]


def _content(document: Document) -> bytes:
    with document.upload.open("rb") as file:
        return file.read()


def test_upload_stores_files_and_queues_a_task_for_each(admin, django_capture_on_commit_callbacks):
    collection = make_collection()

    with django_capture_on_commit_callbacks(execute=True):
        response = admin.post(
            reverse(ADD), {"documents": [_file(), _file("notes.txt", b"Notes.")], "collection": collection.pk}
        )

    assert response.status_code == 302
    guide, notes = Document.objects.order_by("source_id")
    assert (guide.source_id, guide.status, guide.collection) == ("guide.md", "QUEUED", collection)
    assert _content(notes) == b"Notes."
    task = "chat.tasks.ingest_document"
    assert sorted(_tasks()) == [(task, (guide.pk,)), (task, (notes.pk,))]


def test_upload_to_a_new_collection_makes_it(admin):
    admin.post(reverse(ADD), {"documents": [_file()], "new_collection": "Handbook"})

    assert Document.objects.get().collection == Collection.objects.get(name="Handbook")


def test_upload_keeps_the_columns_that_were_named(admin):
    admin.post(
        reverse(ADD),
        {
            "documents": [_file("faq.csv", b"q,a,part,chapter\nWhy?,Because.,I,1\n")],
            "new_collection": "FAQ",
            "title_field": "q",
            "text_field": "a",
            "heading_fields": "part, chapter",
        },
    )

    assert Document.objects.get().metadata == {
        "columns": {"title_field": "q", "text_field": "a", "heading_fields": ["part", "chapter"]}
    }


def test_upload_finds_columns_by_their_usual_names(admin):
    admin.post(
        reverse(ADD),
        {
            "documents": [_file("faq.csv", b"ID,question,Answer,views\n1,Why?,Because.,7\n"), _file()],
            "new_collection": "FAQ",
        },
    )

    assert Document.objects.get(source_id="faq.csv").metadata == {
        "columns": {"id_field": "ID", "title_field": "question", "text_field": "Answer"}
    }
    assert Document.objects.get(source_id="guide.md").metadata == {"columns": {}}


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"title_field": "nope"}, "faq.csv has no field &#x27;nope&#x27; for the title; its fields are: q, a"),
        ({}, "faq.csv has no field for the text that is named one of"),
    ],
)
def test_missing_column_is_refused_with_those_that_there_are(admin, columns, message):
    file = _file("faq.csv", b"q,a\nWhy?,Because.\n")

    page = admin.post(reverse(ADD), {"documents": [file], "new_collection": "FAQ", **columns}).content.decode()

    assert message in page
    assert "its fields are: q, a" in page
    assert '<details class="rs-fields" open>' in page
    assert not Document.objects.exists()


def test_uploaded_file_leads_to_its_records_which_go_with_it(admin):
    file = make_document(texts=(), source_id="faq.csv", title="faq.csv", upload="documents/faq.csv", status="DIVIDED")
    record = make_document(title="Why?", part_of=file, collection=file.collection)
    page = admin.get(reverse("admin:chat_document_change", args=[file.pk])).content.decode()
    records = f"{reverse('admin:chat_document_changelist')}?part_of__id__exact={file.pk}"
    assert f'href="{records}">See its 1 record</a>' in page
    assert [row.pk for row in admin.get(records).context["cl"].result_list] == [record.pk]
    delete = reverse("admin:chat_document_delete", args=[file.pk])
    assert "Documents: 2" in admin.get(delete).content.decode()

    admin.post(delete, {"post": "yes"})

    assert not Document.objects.exists()


def test_same_name_replaces_the_earlier_upload(admin, django_capture_on_commit_callbacks):
    collection = make_collection()
    with django_capture_on_commit_callbacks(execute=True):
        first = queue_upload(file=_file(content=b"Old."), collection=collection)
    earlier = first.upload.name

    with django_capture_on_commit_callbacks(execute=True):
        admin.post(reverse(ADD), {"documents": [_file(content=b"New.")], "collection": collection.pk})

    document = Document.objects.get()
    assert document.pk == first.pk
    assert _content(document) == b"New."
    assert not default_storage.exists(earlier)


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (_file("picture.png", b"\x89PNG"), "files that end in &quot;.png&quot; cannot be read; known formats: .csv"),
        (_file("README", b"text"), "files without a suffix cannot be read"),
        (_file("large.txt", b"x" * (2**20 + 1)), "large.txt has 1.0 MB; at most 1 MB are possible."),
        (_file("empty.txt", b""), "empty"),
    ],
)
def test_refused_file_is_named_with_its_reason(admin, settings, file, message):
    settings.UPLOAD_MAX_MB = 1

    response = admin.post(reverse(ADD), {"documents": [_file(), file], "new_collection": "Mixed"})

    assert message in response.content.decode()
    assert Document.objects.count() == 0


@pytest.mark.parametrize("choice", [{}, {"collection": True, "new_collection": "Other"}])
def test_upload_wants_one_collection(admin, choice):
    if "collection" in choice:
        choice = {**choice, "collection": make_collection().pk}

    response = admin.post(reverse(ADD), {"documents": [_file()], **choice})

    assert "one of the two" in response.content.decode()
    assert Document.objects.count() == 0


def test_upload_without_a_file_is_refused(admin):
    response = admin.post(reverse(ADD), {"new_collection": "Empty"})

    assert "This field is required." in response.content.decode()


def test_failed_document_shows_its_error_and_is_tried_again(admin, django_capture_on_commit_callbacks):
    document = make_document(texts=(), status="FAILED", error="broken.pdf is not a PDF", upload="documents/broken.pdf")
    page = reverse("admin:chat_document_change", args=[document.pk])
    assert "broken.pdf is not a PDF" in admin.get(page).content.decode()

    with django_capture_on_commit_callbacks(execute=True):
        response = admin.post(reverse("admin:chat_document_retry", args=[document.pk]))

    document.refresh_from_db()
    assert response.url == page
    assert (document.status, document.error) == ("QUEUED", "")
    assert _tasks() == [("chat.tasks.ingest_document", (document.pk,))]


def test_action_tries_failed_documents_again_and_leaves_the_rest(admin, django_capture_on_commit_callbacks):
    failed = make_document(status="FAILED")
    ready = make_document()

    with django_capture_on_commit_callbacks(execute=True):
        admin.post(
            reverse("admin:chat_document_changelist"),
            {"action": "try_again", "_selected_action": [failed.pk, ready.pk]},
        )

    assert list(Document.objects.order_by("pk").values_list("status", flat=True)) == ["QUEUED", "READY"]


def test_retry_wants_post(admin):
    assert admin.get(reverse("admin:chat_document_retry", args=[make_document().pk])).status_code == 405


def test_list_follows_while_something_is_queued(admin):
    document = make_document(status="QUEUED")
    html = admin.get(reverse("admin:chat_document_changelist")).content.decode()
    assert 'hx-select="#rs-progress"' in html

    document.status = "READY"
    document.save(update_fields=["status"])

    assert 'hx-select="#rs-progress"' not in admin.get(reverse("admin:chat_document_changelist")).content.decode()


def test_deleting_a_document_removes_chunks_vectors_and_file(admin, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        document = queue_upload(file=_file(), collection=make_collection())
    make_embedding(chunk=make_chunk(document=document))
    stored = document.upload.name
    delete = reverse("admin:chat_document_delete", args=[document.pk])
    assert "Chunks with their vectors: 1" in admin.get(delete).content.decode()

    with django_capture_on_commit_callbacks(execute=True):
        admin.post(delete, {"post": "yes"})

    assert (Document.objects.count(), Chunk.objects.count(), Embedding.objects.count()) == (0, 0, 0)
    assert not default_storage.exists(stored)


def test_deleting_a_collection_removes_its_files(admin, django_capture_on_commit_callbacks):
    collection = make_collection()
    with django_capture_on_commit_callbacks(execute=True):
        document = queue_upload(file=_file(), collection=collection)

    with django_capture_on_commit_callbacks(execute=True):
        admin.post(reverse("admin:chat_collection_delete", args=[collection.pk]), {"post": "yes"})

    assert Collection.objects.count() == 0
    assert not default_storage.exists(document.upload.name)


def test_another_language_is_taken_on_by_the_chunks(admin):
    chunk = make_chunk()
    collection = chunk.collection

    admin.post(
        reverse("admin:chat_collection_change", args=[collection.pk]),
        {"name": "Renamed", "language": "german", "chunk_tokens": "128"},
    )

    collection.refresh_from_db()
    chunk.refresh_from_db()
    assert (collection.name, collection.language, chunk.language) == ("Renamed", "german", "german")
    assert collection.chunk_tokens == 128


def test_uploaded_records_are_read_by_their_columns(django_capture_on_commit_callbacks):
    document = queue_upload(
        file=_file("faq.csv", b"q,a\nWhy is the sky blue?,Rayleigh scattering.\n"),
        collection=make_collection(),
        columns={"title_field": "nope"},
    )

    assert ingest_upload(document_id=document.pk) == Document.Status.FAILED

    document.refresh_from_db()
    assert "has no field 'nope' for the title; its fields are: q, a" in document.error
