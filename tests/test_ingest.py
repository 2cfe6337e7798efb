"""From files on disk to rows that can be searched: the ingest command."""

import json

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from chat.ingest.source import ReadOptions
from chat.models import Chunk, Collection, Document, Embedding
from chat.rag.embed import LOCAL_NAME
from chat.services.ingestion import ingest_paths
from chat.services.knowledge import active_embedders
from tests.ingested import LONG, ingest, write

pytestmark = pytest.mark.django_db


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


def test_real_faq_is_taken_in_whole(real_data):
    options = ReadOptions("id", "question", "text", ("section",), "course")

    report = ingest_paths(paths=[real_data / "faq_documents.json"], collection_name="", options=options)

    assert (report.added, report.failed, report.warnings) == (947, 0, 1)
    assert Collection.objects.count() == 3
    assert Embedding.objects.count() == Chunk.objects.count() == report.chunks
