"""From files on disk to rows that can be searched: the ingest and embed commands, and uploads."""

import io
import json

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.db import connection
from django_q.models import OrmQ

from chat import tasks
from chat.ingest.source import ReadOptions
from chat.models import Chunk, Collection, Document, Embedder, Embedding
from chat.rag.config import Provider
from chat.rag.embed import LOCAL_NAME
from chat.services.documents import queue_document
from chat.services.ingestion import ingest_paths
from chat.services.knowledge import active_embedders, register_embedder
from tests.fake_replies import Reply
from tests.fakes import FakeLLM
from tests.sample_files import make_pdf

pytestmark = pytest.mark.django_db


def ingest(*args, **options):
    """Run the command; return summary, problems, and whether it failed."""
    out, err = io.StringIO(), io.StringIO()
    failed = False
    try:
        call_command("ingest", *map(str, args), stdout=out, stderr=err, **options)
    except CommandError:
        failed = True
    return out.getvalue().strip(), err.getvalue().splitlines(), failed


def write(folder, **files):
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path = path.with_name(path.name.replace("_md", ".md").replace("_csv", ".csv").replace("_txt", ".txt"))
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


def snapshot():
    return (
        list(Document.objects.order_by("pk").values_list("pk", "source_id", "text", "status", "updated_at")),
        list(Chunk.objects.order_by("pk").values_list("pk", "text")),
        list(Embedding.objects.order_by("pk").values_list("pk", "chunk")),
    )


def test_folder_becomes_documents_with_chunks_and_vectors(tmp_path):
    write(tmp_path, a_md="# Trains\n\nTake the train.\n\n## Night\n\nSleep well.", sub__b_txt="Hotels are cheap.")

    summary, problems, failed = ingest(tmp_path, collection="travel")

    assert (summary, problems, failed) == (
        "2 added, 0 changed, 0 unchanged, 0 removed, 0 failed (3 chunks)",
        [],
        False,
    )
    trains = Document.objects.get(source_id="a.md")
    assert (trains.collection.name, trains.title, trains.status) == ("travel", "Trains", "READY")
    assert list(trains.chunks.values_list("position", "title", "heading_path", "text", "start", "end")) == [
        (0, "Trains", "", "# Trains\n\nTake the train.", 0, 25),
        (1, "Trains", "Night", "## Night\n\nSleep well.", 27, 48),
    ]
    assert Document.objects.get(source_id="sub/b.txt").title == "b"
    vectors = Embedding.objects.filter(embedder__name=LOCAL_NAME)
    assert vectors.count() == 3
    assert all(abs(np.linalg.norm(row.vector) - 1) < 1e-5 for row in vectors)


def test_vectors_belong_to_their_chunks(tmp_path):
    write(tmp_path, a_md="# A\n\nTrains and planes.\n\n## B\n\nSalt and pepper.", b_md="Shirts and trousers.")
    ingest(tmp_path)
    ((embedder_id, embedder),), _ = active_embedders()

    for query, expected in [("railway", "# A\n\nTrains"), ("spices", "## B\n\nSalt"), ("clothes", "Shirts")]:
        vector = embedder.embed_query(query).vector
        rows = Embedding.objects.filter(embedder=embedder_id).select_related("chunk")
        best = max(rows, key=lambda row: float(np.dot(row.vector, vector)))
        assert best.chunk.text.startswith(expected)


def test_second_run_changes_nothing(tmp_path):
    write(tmp_path, a_md="# A\n\nText.", faq_csv="id,text\n1,One\n2,Two\n")
    ingest(tmp_path)
    before = snapshot()

    summary, _, _ = ingest(tmp_path)

    assert summary == "0 added, 0 changed, 3 unchanged, 0 removed, 0 failed (0 chunks)"
    assert snapshot() == before


def test_changed_document_is_replaced_and_keeps_its_id(tmp_path):
    write(tmp_path, a_md="# A\n\nOld text.\n\n## More\n\nOf it.", b_md="Same.")
    ingest(tmp_path)
    before = Document.objects.get(source_id="a.md")
    write(tmp_path, a_md="# A\n\nFresh text.")

    summary, _, _ = ingest(tmp_path)

    after = Document.objects.get(source_id="a.md")
    assert summary == "0 added, 1 changed, 1 unchanged, 0 removed, 0 failed (1 chunks)"
    assert (after.pk, after.text) == (before.pk, "# A\n\nFresh text.")
    assert [piece.text for piece in after.chunks.all()] == ["# A\n\nFresh text."]
    assert Embedding.objects.count() == 2


def test_bad_files_are_named_and_the_rest_is_taken_in(tmp_path):
    write(tmp_path, a_md="Good.", empty_md="", rows_csv="id,text\n1,One\n2\n")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4")

    summary, problems, failed = ingest(tmp_path, tmp_path / "missing.md")

    assert failed
    assert summary == "2 added, 0 changed, 0 unchanged, 0 removed, 5 failed (2 chunks)"
    assert [problem.split(": ")[1] for problem in problems] == [
        str(tmp_path / "missing.md"),
        "broken.pdf",
        "empty.md",
        "latin.txt",
        "rows.csv, line 3",
    ]
    assert set(Document.objects.values_list("source_id", flat=True)) >= {"a.md"}


def test_file_that_became_unreadable_keeps_its_document(tmp_path):
    write(tmp_path, a_md="Good.", b_md="Other.")
    ingest(tmp_path)
    (tmp_path / "a.md").write_bytes(b"\xff")

    summary, _, failed = ingest(tmp_path, prune=True)

    assert failed
    assert summary == "0 added, 0 changed, 1 unchanged, 0 removed, 1 failed (0 chunks)"
    assert Document.objects.get(source_id="a.md").text == "Good."


def test_prune_removes_what_is_gone_from_this_collection_only(tmp_path):
    write(tmp_path, a_md="A.", b_md="B.")
    ingest(tmp_path, collection="one")
    ingest(tmp_path, collection="two")
    uploaded = Document.objects.create(
        collection=Collection.objects.get(name="one"), source_id="u.md", title="u", upload="documents/u.md"
    )
    (tmp_path / "b.md").unlink()

    kept, _, _ = ingest(tmp_path, collection="one")
    pruned, _, _ = ingest(tmp_path, collection="one", prune=True)

    assert "0 removed" in kept
    assert pruned == "0 added, 0 changed, 1 unchanged, 1 removed, 0 failed (0 chunks)"
    assert list(Document.objects.filter(collection__name="one").values_list("source_id", flat=True)) == ["a.md", "u.md"]
    assert Document.objects.filter(collection__name="two").count() == 2
    assert uploaded in Document.objects.all()
    assert Embedding.objects.count() == Chunk.objects.count() == 3


def test_prune_keeps_records_of_a_file_with_bad_rows(tmp_path):
    write(tmp_path, faq_csv="id,text\n1,One\n2,Two\n3,Three\n")
    ingest(tmp_path, id_field="id")
    write(tmp_path, faq_csv="id,text\n1,One\n2,Two,more\n")

    broken, problems, _ = ingest(tmp_path, id_field="id", prune=True)
    write(tmp_path, faq_csv="id,text\n1,One\n2,Two\n")
    mended, _, _ = ingest(tmp_path, id_field="id", prune=True)

    assert "0 removed, 1 failed" in broken
    assert "faq.csv, line 3" in problems[0]
    assert "1 removed, 0 failed" in mended


def test_prune_removes_nothing_when_a_path_is_missing_or_nothing_was_read(tmp_path):
    write(tmp_path, docs__a_md="A.", empty__b_png="")
    ingest(tmp_path / "docs")

    _, problems, _ = ingest(tmp_path / "docs" / "a.md", tmp_path / "gone", prune=True)
    _, more, _ = ingest(tmp_path / "empty", prune=True)

    assert "warning: prune: nothing is removed, because not every path could be opened" in problems
    assert "warning: prune: nothing was read, so nothing is removed" in more
    assert Document.objects.count() == 1


def test_same_name_from_two_folders_is_refused(tmp_path):
    write(tmp_path, x__a_md="From x.", y__a_md="From y.")

    _, problems, failed = ingest(tmp_path / "x", tmp_path / "y")

    assert failed
    assert problems == ["failed: a.md: the id 'a.md' is taken by a.md already; ids must differ"]
    assert Document.objects.get().text == "From x."


def test_records_go_to_the_collections_they_name(tmp_path):
    records = [
        {"id": "1", "question": "When?", "text": "Now.", "section": "Dates", "course": "a"},
        {"id": "1", "question": "Where?", "text": "Here.", "section": "Places", "course": "b"},
    ]
    (tmp_path / "faq.json").write_text(json.dumps(records))
    options = {
        "id_field": "id",
        "title_field": "question",
        "heading_fields": ["section"],
        "collection_field": "course",
    }

    summary, _, failed = ingest(tmp_path / "faq.json", **options)

    assert not failed
    assert summary.startswith("2 added")
    assert list(
        Chunk.objects.order_by("collection__name").values_list("collection__name", "title", "heading_path")
    ) == [
        ("a", "When?", "Dates"),
        ("b", "Where?", "Places"),
    ]


def test_record_with_comments_in_code_is_one_chunk(tmp_path):
    text = "Install it:\n\n# with pip\npip install x\n\n# or with conda\nconda install x"
    (tmp_path / "faq.jsonl").write_text(json.dumps({"title": "How?", "text": text}))
    (tmp_path / "guide.md").write_text(text)

    ingest(tmp_path)

    assert list(Chunk.objects.filter(title="How?").values_list("heading_path", "text")) == [("", text)]
    assert Chunk.objects.filter(title="with pip").count() == 3


def test_unknown_field_is_named(tmp_path):
    write(tmp_path, faq_csv="id,text\n1,One\n")

    _, problems, failed = ingest(tmp_path / "faq.csv", title_field="question")

    assert failed
    assert problems == ["failed: faq.csv: has no field 'question' for the title; its fields are: id, text"]


def test_dry_run_writes_nothing(tmp_path):
    write(tmp_path, a_md="A.")

    summary, _, _ = ingest(tmp_path, collection="dry", dry_run=True)

    assert summary == "Dry run: 1 added, 0 changed, 0 unchanged, 0 removed, 0 failed (1 chunks)"
    assert not Document.objects.exists()
    assert not Collection.objects.exists()


def test_language_decides_the_stems_and_can_be_changed(tmp_path):
    write(tmp_path, a_md="Die Häuser stehen.")
    ingest(tmp_path, collection="de")

    ingest(tmp_path, collection="de", language="german")

    piece = Chunk.objects.get()
    assert piece.language == "german"
    assert "'haus'" in str(piece.search_vector)


LONG = "# Trains\n\n" + "".join(f"The train number {number} leaves at noon. " for number in range(60))


def test_chunk_size_is_kept_with_the_collection_and_cuts_anew(tmp_path):
    write(tmp_path, a_md=LONG)
    ingest(tmp_path, collection="travel")
    before = Chunk.objects.count()

    summary, _, _ = ingest(tmp_path, collection="travel", chunk_tokens=64)
    again, _, _ = ingest(tmp_path, collection="travel")

    assert summary.startswith("0 added, 1 changed")
    assert again.startswith("0 added, 0 changed, 1 unchanged")
    assert Collection.objects.get().chunk_tokens == 64
    assert Chunk.objects.count() > 2 * before


def test_chunk_size_goes_back_to_the_default(tmp_path):
    write(tmp_path, a_md=LONG)
    ingest(tmp_path, collection="travel")
    chunks = list(Chunk.objects.order_by("position").values_list("text", flat=True))
    ingest(tmp_path, collection="travel", chunk_tokens=100)

    ingest(tmp_path, collection="travel", chunk_tokens=0)

    assert Collection.objects.get().chunk_tokens is None
    assert list(Chunk.objects.order_by("position").values_list("text", flat=True)) == chunks


def test_dry_run_with_another_chunk_size_says_what_it_would_change(tmp_path):
    write(tmp_path, a_md=LONG)
    ingest(tmp_path, collection="travel")

    summary, _, _ = ingest(tmp_path, collection="travel", chunk_tokens=64, dry_run=True)

    assert summary.startswith("Dry run: 0 added, 1 changed")
    assert Collection.objects.get().chunk_tokens is None


@pytest.mark.parametrize("size", [-1, 63, 8193])
def test_chunk_size_that_cannot_be_is_refused_in_words(tmp_path, size):
    write(tmp_path, a_md="Text.")

    with pytest.raises(CommandError, match=f"Chunks have 64 to 8192 tokens, not {size}; 0 stands for the default"):
        call_command("ingest", str(tmp_path), collection="travel", chunk_tokens=size)


@pytest.fixture
def fake_server(settings):
    """A server whose model embed-8 is the only embedder."""
    with FakeLLM() as server:
        settings.PROVIDERS = {"fake": Provider("fake", server.base_url, "")}
        register_embedder(name="fake/embed-8")
        yield server


def test_document_that_the_embedder_refuses_costs_itself_only(tmp_path, fake_server):
    write(tmp_path, a_md="A.", b_md="B.", c_md="C.")
    ok = Reply(status=200, body=None)
    fake_server.enqueue_embeddings(Reply(status=400), ok, Reply(status=400), ok)  # all at once, then one by one

    summary, problems, failed = ingest(tmp_path)

    assert failed
    assert summary == "2 added, 0 changed, 0 unchanged, 0 removed, 1 failed (2 chunks)"
    assert problems[0].startswith('failed: b.md: could not be stored: Embedder "fake/embed-8"')
    assert list(Document.objects.values_list("source_id", flat=True)) == ["a.md", "c.md"]
    assert Embedding.objects.count() == Chunk.objects.count() == 2


def test_embedder_that_is_down_stops_the_run_and_leaves_nothing_half_ingested(tmp_path, fake_server):
    write(tmp_path, a_md="A.", b_md="B.", c_md="C.")
    fake_server.enqueue_embeddings(*[Reply(status=401)] * 10)

    with pytest.raises(CommandError, match="refuses the key"):
        call_command("ingest", tmp_path, stdout=io.StringIO(), stderr=io.StringIO())

    assert not Document.objects.exists()
    assert not Chunk.objects.exists()
    fake_server.reset()
    assert ingest(tmp_path)[0].startswith("3 added")


def test_document_that_the_database_refuses_costs_itself_only(tmp_path):
    write(tmp_path, a_md="A.", b_md="B.")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE chat_chunk ADD CONSTRAINT no_b CHECK (text <> 'B.')")

    summary, problems, failed = ingest(tmp_path)

    assert failed
    assert summary.startswith("1 added, 0 changed, 0 unchanged, 0 removed, 1 failed")
    assert "b.md: could not be stored" in problems[0]
    assert Document.objects.get().source_id == "a.md"


def test_embed_makes_what_is_missing_and_can_be_run_again(tmp_path):
    write(tmp_path, a_md="# A\n\nOne.\n\n## B\n\nTwo.")
    ingest(tmp_path)
    Embedding.objects.first().delete()  # as after a stop in the middle
    out = io.StringIO()

    call_command("embed", embedder=LOCAL_NAME, stdout=out)
    call_command("embed", embedder=LOCAL_NAME, stdout=out)

    assert out.getvalue().splitlines() == [f"1 chunks embedded by {LOCAL_NAME}", f"0 chunks embedded by {LOCAL_NAME}"]
    assert Embedding.objects.count() == 2


@pytest.mark.django_db(transaction=True)  # an index is not made in a transaction that has written to its table
def test_second_embedder_is_filled_beside_the_first(tmp_path, settings):
    write(tmp_path, a_md="One.", b_md="Two.")
    ingest(tmp_path)
    with FakeLLM() as server:
        settings.PROVIDERS = {"fake": Provider("fake", server.base_url, "")}

        call_command("embed", embedder="fake/embed-8", stdout=io.StringIO())
        write(tmp_path, c_md="Three.")
        ingest(tmp_path)

    assert Embedding.objects.filter(embedder__name="fake/embed-8").count() == 3
    assert Embedding.objects.filter(embedder__name=LOCAL_NAME).count() == 3
    assert len(Embedding.objects.get(embedder__name="fake/embed-8", chunk__text="Two.").vector) == 8


def test_embedder_has_its_own_index():
    embedder = register_embedder(name=LOCAL_NAME)
    again = register_embedder(name=LOCAL_NAME)

    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = %s", [embedder.index_name])
        (definition,) = cursor.fetchone()
    assert again == embedder
    assert "hnsw" in definition
    assert "halfvec(384)" in definition
    assert f"embedder_id = {embedder.pk}" in definition


def test_unknown_embedder_is_refused():
    with pytest.raises(CommandError, match='Embedder "nowhere/model" is not known here'):
        call_command("embed", embedder="nowhere/model")
    assert not Embedder.objects.exists()


def test_embedder_that_is_not_set_up_any_more_is_named(tmp_path):
    write(tmp_path, a_md="A.")
    Embedder.objects.create(name="gone/model", dimensions=3)
    register_embedder(name=LOCAL_NAME)

    summary, problems, failed = ingest(tmp_path)

    assert not failed
    assert summary.startswith("1 added")
    assert problems == [
        "warning: embedder gone/model: is not set up here; when it is, run: manage.py embed --embedder gone/model"
    ]


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


def test_real_faq_is_taken_in_whole(real_data):
    options = ReadOptions("id", "question", "text", ("section",), "course")

    report = ingest_paths(paths=[real_data / "faq_documents.json"], collection_name="", options=options)

    assert (report.added, report.failed, report.warnings) == (947, 0, 1)
    assert Collection.objects.count() == 3
    assert Embedding.objects.count() == Chunk.objects.count() == report.chunks
