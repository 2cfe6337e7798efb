"""Embedders of what is ingested: one that fails, one more beside the first, and the embed command."""

import io

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from chat.models import Chunk, Document, Embedder, Embedding
from chat.rag.config import Provider
from chat.rag.embed import LOCAL_NAME
from chat.services.knowledge import register_embedder
from tests.fake_replies import Reply
from tests.fakes import FakeLLM
from tests.ingested import ingest, write

pytestmark = pytest.mark.django_db


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
