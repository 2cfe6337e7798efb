"""Postings, terms and totals always say what a count of the chunks as they are says, whatever happened to these."""

import random
import threading
from pathlib import Path

import pytest
from django.db import connection, connections, transaction

from chat.ingest.source import ReadOptions, SourceDocument
from chat.models import Chunk, Collection, CollectionTotals, Document, Posting, Term
from chat.services.documents import make_ready, write_documents
from chat.services.ingestion import ingest_paths
from chat.services.knowledge import ensure_collection, rebuild_postings
from chat.services.uploads import delete_collection, delete_documents
from tests.factories import make_chunk, make_collection

WORDS = [
    "backup",
    "server",
    "servers",
    "night",
    "restart",
    "disk",
    "the",
    "of",
    "Häuser",
    "C++",
    "3.11",
    "a-b",
    "don't",
]


def stored():
    """All that is counted, in words instead of ids."""
    postings = Posting.objects.values_list(
        "term__collection_id",
        "term__lexeme",
        "chunk_id",
        "title_count",
        "heading_count",
        "body_count",
        "title_length",
        "heading_length",
        "body_length",
    )
    return (
        set(postings),
        set(Term.objects.values_list("collection_id", "lexeme", "chunk_count")),
        set(CollectionTotals.objects.values_list()),
    )


def assert_as_if_rebuilt():
    kept = stored()
    rebuild_postings()
    assert kept == stored()


def source(source_id, text, *, title="Notes", heading_path=""):
    return SourceDocument(
        source_id=source_id,
        title=title,
        text=text,
        heading_path=heading_path,
        file=source_id,
        media_type="text/markdown",
    )


def write(collection, *sources):
    """Add or replace documents without vectors."""
    known = dict(Document.objects.filter(collection=collection).values_list("source_id", "pk"))
    write_documents(
        documents=[
            make_ready(collection=collection, source=each, document_id=known.get(each.source_id)) for each in sources
        ],
        vectors={},
    )


@pytest.mark.django_db
def test_each_word_is_counted_by_field_with_the_length_of_the_fields():
    chunk = make_chunk(
        title="Backup of servers", heading_path="Night > Backups", text="The backup server keeps one backup."
    )

    postings, terms, totals = stored()

    collection = chunk.collection_id
    assert (collection, "backup", chunk.pk, 1, 1, 2, 2, 2, 5) in postings
    assert (collection, "server", chunk.pk, 1, 0, 1, 2, 2, 5) in postings
    assert (collection, "night", chunk.pk, 0, 1, 0, 2, 2, 5) in postings
    assert terms == {(collection, word, 1) for word in ["backup", "server", "night", "keep", "one"]}
    assert totals == {(collection, 1, 2, 2, 5)}


@pytest.mark.django_db
def test_a_chunk_without_a_word_counts_as_a_chunk():
    chunk = make_chunk(title="The", heading_path="", text="of the?!")

    assert stored() == (set(), set(), {(chunk.collection_id, 1, 0, 0, 0)})
    assert_as_if_rebuilt()


@pytest.mark.django_db
def test_deleting_the_last_chunk_leaves_nothing():
    chunk = make_chunk()

    delete_collection(collection=chunk.collection)

    assert stored() == (set(), set(), set())


@pytest.mark.django_db
def test_another_language_counts_other_stems():
    collection = make_collection(name="Haus", language="english")
    make_chunk(document=make_document_in(collection), title="Wohnen", text="Die Häuser und das Haus.")

    ensure_collection(name="Haus", language="german")

    lexemes = set(Term.objects.values_list("lexeme", "chunk_count"))
    assert ("haus", 1) in lexemes
    assert "die" not in dict(lexemes)
    assert_as_if_rebuilt()


def make_document_in(collection):
    return Document.objects.create(collection=collection, source_id="x", title="x", text="x")


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(6))
def test_after_any_changes_they_equal_a_rebuild(seed, tmp_path: Path):
    dice = random.Random(seed)
    collections = [make_collection(name=name) for name in ("One", "Two")]

    def text():
        sections = (
            f"# {' '.join(dice.choices(WORDS, k=2))}\n\n{' '.join(dice.choices(WORDS, k=dice.randint(0, 30)))}"
            for _ in range(dice.randint(1, 4))
        )
        return "\n\n".join(sections)

    def add_or_replace():
        write(dice.choice(collections), *(source(str(dice.randrange(8)), text()) for _ in range(1)))

    def add_to_both():
        for collection in collections:
            write(collection, source("both", text(), title=dice.choice(WORDS)))

    def delete_some():
        delete_documents(documents=Document.objects.order_by("?")[: dice.randint(0, 3)])

    def prune():
        name = dice.choice(collections).name
        (tmp_path / "kept.md").write_text(text())
        ingest_paths(paths=[tmp_path], collection_name=name, options=ReadOptions(), prune=True)

    def change_language():
        ensure_collection(name=dice.choice(collections).name, language=dice.choice(["english", "german", "simple"]))

    def delete_all_of_one():
        chosen = dice.choice(collections)
        delete_collection(collection=Collection.objects.get(pk=chosen.pk))
        collections[collections.index(chosen)] = make_collection(name=chosen.name)

    def move_chunks():
        Chunk.objects.filter(document=Document.objects.order_by("?").first()).update(
            collection=dice.choice(collections), title=dice.choice(WORDS)
        )

    def change_and_think_better_of_it():
        with transaction.atomic():
            add_to_both()
            delete_all_of_one()
            transaction.set_rollback(True)
        collections[:] = Collection.objects.order_by("name")

    steps = [add_or_replace] * 4 + [add_to_both, delete_some, prune, change_language, move_chunks]
    steps += [delete_all_of_one, change_and_think_better_of_it]
    for _ in range(25):
        dice.choice(steps)()

    assert_as_if_rebuilt()


@pytest.mark.django_db(transaction=True)
def test_emptying_the_table_of_chunks_leaves_nothing():
    make_chunk()

    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE chat_chunk CASCADE")

    assert stored() == (set(), set(), set())


@pytest.mark.django_db(transaction=True)
def test_writers_of_the_same_collections_at_once_lose_no_count_and_do_not_lock_each_other_out():
    collections = [make_collection(name=name) for name in ("One", "Two", "Three")]
    failures = []

    def work(number):
        dice = random.Random(number)
        try:
            for round_ in range(8):
                known = dict(Document.objects.filter(source_id__startswith=f"{number}-").values_list("source_id", "pk"))
                ready = [
                    make_ready(
                        collection=collection,
                        source=source(source_id, " ".join(dice.choices(WORDS, k=20))),
                        document_id=known.get(source_id),
                    )
                    for collection in dice.sample(collections, 3)
                    for source_id in [f"{number}-{collection.name}-{round_ // 2}"]
                ]
                write_documents(documents=ready, vectors={})
                mine = Document.objects.filter(source_id__startswith=f"{number}-").order_by("?")[:2]
                delete_documents(documents=mine)
        except Exception as exc:
            failures.append(exc)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert_as_if_rebuilt()
