"""Uploads that become rows that can be searched, and those that cannot."""

import pytest
from django.core.files.base import ContentFile
from django_q.models import OrmQ

from chat import tasks
from chat.models import Chunk, Collection, Document, Embedding
from chat.services.documents import queue_document
from tests.ingested import LONG, ingest, write
from tests.sample_files import make_pdf

pytestmark = pytest.mark.django_db


@pytest.fixture
def uploaded(tmp_path, settings):
    """Make a document with an uploaded file, as the admin does."""
    settings.MEDIA_ROOT = tmp_path / "uploads"
    collection = Collection.objects.create(name="uploads")

    def upload(name, data):
        return Document.objects.create(
            collection=collection, source_id=name, title="", upload=ContentFile(data, name=name)
        )

    return upload


def test_upload_becomes_searchable(uploaded):
    document = uploaded("report.pdf", make_pdf("Hello world", title="Annual report"))

    status = tasks.ingest_document(document.pk)

    document.refresh_from_db()
    assert (status, document.status, document.title, document.error) == ("READY", "READY", "Annual report", "")
    assert Embedding.objects.filter(chunk__document=document).count() == 1


def test_upload_may_be_taken_in_twice(uploaded):
    document = uploaded("a.md", b"# A\n\nText.")
    tasks.ingest_document(document.pk)
    chunks = list(document.chunks.values_list("pk", flat=True))

    tasks.ingest_document(document.pk)

    assert list(document.chunks.values_list("pk", flat=True)) == chunks
    document.refresh_from_db()
    assert document.status == "READY"


def test_bad_upload_keeps_its_reason(uploaded):
    document = uploaded("scan.pdf", make_pdf("", ""))

    assert tasks.ingest_document(document.pk) == "FAILED"

    document.refresh_from_db()
    assert document.status == "FAILED"
    assert "has 2 pages but no text" in document.error


def test_lost_upload_is_named(uploaded):
    document = uploaded("a.md", b"x")
    document.upload.storage.delete(document.upload.name)

    assert tasks.ingest_document(document.pk) == "FAILED"

    document.refresh_from_db()
    assert "is gone" in document.error


def test_uploaded_records_become_documents(uploaded):
    document = uploaded("faq.csv", b"title,text,views\nWhen?,Now.,3\nWhere?,Here.,4\n")

    assert tasks.ingest_document(document.pk) == "DIVIDED"

    document.refresh_from_db()
    assert (document.status, document.title, document.chunks.count()) == ("DIVIDED", "faq.csv", 0)
    when, where = document.records.order_by("pk")
    assert (when.title, when.text, when.status, when.collection) == ("When?", "Now.", "READY", document.collection)
    assert where.metadata == {"file": "faq.csv", "views": "4"}
    assert Embedding.objects.filter(chunk__document=when).count() == 1
    assert document.collection.documents.ready().count() == 2


def test_uploaded_records_are_the_documents_that_ingest_makes(uploaded, tmp_path):
    data = b"id,question,answer\n1,When?,Now.\n2,Where?,Here.\n"
    (tmp_path / "faq.csv").write_bytes(data)
    ingest(tmp_path / "faq.csv", collection="by command", id_field="id", title_field="question", text_field="answer")
    document = uploaded("faq.csv", data)
    document.metadata = {"columns": {"id_field": "id"}}
    document.save()

    tasks.ingest_document(document.pk)

    fields = ("source_id", "title", "text", "media_type", "metadata", "content_hash", "status")
    by_command = Document.objects.filter(collection__name="by command").order_by("source_id")
    assert list(document.records.order_by("source_id").values(*fields)) == list(by_command.values(*fields))


def test_replaced_upload_changes_adds_and_removes_records(uploaded):
    document = uploaded("faq.csv", b"id,text\n1,One.\n2,Two.\n3,Three.\n")
    document.metadata = {"columns": {"id_field": "id"}}
    document.save()
    tasks.ingest_document(document.pk)
    before = dict(document.records.values_list("source_id", "pk"))
    document.refresh_from_db()
    document.upload.save("faq.csv", ContentFile(b"id,text\n1,One.\n2,Other.\n4,Four.\n"))

    assert tasks.ingest_document(document.pk) == "DIVIDED"

    after = {row.source_id: row for row in document.records.all()}
    assert {name: row.text for name, row in after.items()} == {"1": "One.", "2": "Other.", "4": "Four."}
    assert (after["1"].pk, after["2"].pk) == (before["1"], before["2"])


def test_bad_records_of_an_upload_are_named_and_the_others_are_taken_in(uploaded):
    document = uploaded("faq.csv", b"id,text\n1,One.\n2,Two.\n")
    document.metadata = {"columns": {"id_field": "id"}}
    document.save()
    tasks.ingest_document(document.pk)
    document.refresh_from_db()
    document.upload.save("faq.csv", ContentFile(b"id,text\n1,Uno.\n,Two.\n3,\nfaq.csv,Four.\n"))

    assert tasks.ingest_document(document.pk) == "FAILED"

    document.refresh_from_db()
    assert document.error.startswith("1 records are taken in, 3 could not be: ")
    assert "faq.csv, line 3: the id is empty (field 'id'); faq.csv, line 4: the text is empty" in document.error
    assert "faq.csv, line 5: the id 'faq.csv' is that of an uploaded file; ids must differ" in document.error
    assert sorted(document.records.values_list("text", flat=True)) == ["Two.", "Uno."]  # whether 2 is gone is not known


def test_prune_keeps_records_of_uploads(uploaded, tmp_path):
    document = uploaded("faq.csv", b"title,text\nWhen?,Now.\n")
    tasks.ingest_document(document.pk)
    write(tmp_path / "files", a_md="# A\n\nText.")

    ingest(tmp_path / "files", collection="uploads", prune=True)

    assert document.records.count() == 1


@pytest.mark.parametrize("bad_row", [b"", b"Where?,\n"])
def test_file_that_was_one_document_is_left_to_its_records(uploaded, bad_row):
    document = uploaded("faq.csv", b"title,text\nWhen?,Now.\n" + bad_row)
    document.text, document.content_hash = "## When?\n\nNow.", "earlier"
    document.save()
    Chunk.objects.create(
        document=document, collection=document.collection, position=0, text="Now.", start=0, end=4, title="faq.csv"
    )

    tasks.ingest_document(document.pk)

    document.refresh_from_db()
    assert (document.text, document.chunks.count(), document.records.count()) == ("", 0, 1)


def test_uploaded_columns_are_read_again_when_tried_again(uploaded):
    document = uploaded("faq.csv", b"q,a,s\nWhen?,Now.,Dates\nWhere?,Here.,Places\n")
    document.metadata = {"columns": {"title_field": "q", "text_field": "a", "heading_fields": ["s"]}}
    document.save()

    assert [tasks.ingest_document(document.pk) for _ in range(2)] == ["DIVIDED", "DIVIDED"]

    assert list(document.records.order_by("pk").values_list("heading_path", "title")) == [
        ("Dates", "When?"),
        ("Places", "Where?"),
    ]


def test_chunk_size_of_an_upload_is_its_collections(uploaded):
    document = uploaded("a.md", LONG.encode())
    Collection.objects.update(chunk_tokens=64)

    tasks.ingest_document(document.pk)

    assert document.chunks.count() > 10


def test_replaced_upload_is_read_anew(uploaded):
    document = uploaded("a.md", b"# Old\n\nText.")
    tasks.ingest_document(document.pk)
    document.refresh_from_db()
    document.upload.save("a.md", ContentFile(b"# Fresh\n\nText."))

    assert tasks.ingest_document(document.pk) == "READY"

    document.refresh_from_db()
    assert document.title == "Fresh"
    assert [piece.text for piece in document.chunks.all()] == ["# Fresh\n\nText."]


def test_upload_that_is_gone_is_no_error():
    assert tasks.ingest_document(999_999) == "gone"


def test_queued_upload_is_given_to_the_worker(uploaded, django_capture_on_commit_callbacks):
    document = uploaded("a.md", b"x")

    with django_capture_on_commit_callbacks(execute=True):
        queue_document(document=document)

    (queued,) = OrmQ.objects.all()
    assert queued.func() == "chat.tasks.ingest_document"
    assert queued.args() == (document.pk,)
