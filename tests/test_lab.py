"""The search lab: who may see it, and what it shows of one question in three modes."""

import pytest
from django.urls import reverse

from chat.models import PipelineConfig
from chat.services.knowledge import register_embedder
from tests.factories import make_collection, make_embedder
from tests.indexed_vectors import fill, make_indexed_embedder
from tests.knowledge import make_knowledge

pytestmark = pytest.mark.django_db


@pytest.fixture
def url():
    return reverse("chat:search-lab")


@pytest.fixture
def lab(client, staff, url):
    """A function from a query to the page, for staff."""
    client.force_login(staff)
    return lambda **query: client.get(url, query)


def test_the_anonymous_are_sent_to_sign_in(client, url):
    response = client.get(url)

    assert response.status_code == 302
    assert response.headers["Location"].startswith(reverse("account_login"))


def test_for_users_there_is_no_such_page(client, alice, url):
    client.force_login(alice)

    assert client.get(url, {"q": "pump"}).status_code == 404


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_the_wrong_method_is_refused(client, staff, url, method):
    client.force_login(staff)

    assert getattr(client, method)(url).status_code == 405


def test_without_documents_it_says_how_to_get_some(lab):
    assert "manage.py ingest" in lab().content.decode()
    assert lab(q="pump").status_code == 200


def test_without_a_question_it_invites_one(lab):
    make_embedder()

    response = lab()

    assert response.status_code == 200
    assert "Ask something" in response.content.decode()


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"q": ""}, "This field is required"),
        ({"q": "pump", "collection": "999"}, "not one of the available choices"),
        ({"q": "pump", "collection": "x"}, "not one of the available choices"),
        ({"q": "pump", "embedder": "999"}, "not one of the available choices"),
        ({"q": "pump", "k": "0"}, "greater than or equal to 1"),
        ({"q": "pump", "k": "51"}, "less than or equal to 50"),
        ({"q": "pump\0"}, "Null characters are not allowed"),
        ({"q": "x" * 4001}, "at most 4000 characters"),
    ],
)
def test_a_wrong_entry_is_named(lab, query, message):
    make_embedder()

    response = lab(**query)

    assert response.status_code == 422
    assert message in response.content.decode()


def test_the_three_modes_stand_side_by_side(lab):
    collection = make_knowledge()

    response = lab(q="How do I start the pump?", collection=str(collection.pk), k="3")

    comparison = response.context["comparison"]
    columns = {column.mode.value: column for column in comparison.columns}
    assert list(columns) == ["text", "vector", "hybrid"]
    assert all("green button" in column.hits[0].hit.text for column in columns.values())
    assert len(columns["vector"].hits) == len(columns["hybrid"].hits) == 3
    assert all(column.is_relevant and column.best_similarity > 0.5 for column in columns.values())
    assert all(column.search_seconds > 0 for column in columns.values())
    assert comparison.embed_seconds > 0
    assert response.content.decode().count("Would be answered") == 3


def test_the_same_chunk_has_the_same_letter_and_says_where_else_it_is(lab):
    make_knowledge()

    response = lab(q="How do I start the pump?")

    text, vector, hybrid = response.context["comparison"].columns
    first = text.hits[0]
    assert (first.letter, first.tone) == ("A", 0)
    assert [(hit.letter, hit.tone) for hit in (vector.hits[0], hybrid.hits[0])] == [("A", 0), ("A", 0)]
    assert first.elsewhere == (("vector", 1), ("hybrid", 1))
    assert (hybrid.hits[0].hit.text_rank, hybrid.hits[0].hit.vector_rank) == (1, 1)
    assert "text #1" in response.content.decode()
    assert "in hybrid #1" in response.content.decode()


def test_a_hit_links_to_its_place_in_the_document(lab):
    make_knowledge()

    response = lab(q="How do I start the pump?")

    hit = response.context["comparison"].columns[0].hits[0]
    assert hit.url == f"/documents/{hit.hit.document_id}/?chunk={hit.hit.chunk_id}#chunk-{hit.hit.chunk_id}"
    assert f'href="{hit.url}"' in response.content.decode()


def test_a_small_knowledge_base_has_no_recall_to_measure(lab):
    make_knowledge()

    assert "lab-recall" not in lab(q="pump", recall="on").content.decode()


def test_recall_of_the_index_is_measured_when_asked_for(lab):
    fill(make_collection(name="Large"), make_indexed_embedder())

    offered = lab(q="pump").content.decode()
    measured = lab(q="pump", recall="on")

    assert '<a href="?q=pump&amp;recall=on">' in offered
    recall = measured.context["comparison"].recall
    assert recall.neighbours == 200
    assert f"{recall.found} of 200" in measured.content.decode()


def test_it_shows_what_would_be_refused(lab):
    make_knowledge()
    PipelineConfig.objects.update(min_similarity=0.99)

    content = lab(q="How do I start the pump?").content.decode()

    assert content.count("Would be refused") == 3
    assert "0.99" in content


def test_a_collection_without_documents_has_no_hits(lab):
    make_knowledge()

    content = lab(q="pump", collection=str(make_collection().pk)).content.decode()

    assert content.count("No hits") == 3


def test_an_embedder_that_is_not_set_up_leaves_text_search_and_says_why(lab):
    make_knowledge()
    gone = make_embedder(name="gone/model", dimensions=3)

    response = lab(q="How do I start the pump?", embedder=str(gone.pk))

    comparison = response.context["comparison"]
    assert response.status_code == 200
    assert "gone" in comparison.error
    assert comparison.embed_seconds is None
    assert [bool(column.hits) for column in comparison.columns] == [True, False, False]
    assert "needs the question&#x27;s vector" in response.content.decode()


def test_an_embedder_without_vectors_finds_nothing_by_meaning(lab):
    make_knowledge()
    register_embedder(name="local/all-MiniLM-L6-v2").embeddings.all().delete()

    response = lab(q="How do I start the pump?")

    assert [bool(column.hits) for column in response.context["comparison"].columns] == [True, False, True]


def test_what_is_asked_and_found_is_shown_as_text(lab):
    make_knowledge()

    content = lab(q="<script>alert(1)</script> pump").content.decode()

    assert "<script>alert(1)" not in content
    assert 'style="' not in content
