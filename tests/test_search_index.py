"""Search of a large collection by the index of its vectors, and how much of what is near the index finds."""

import pytest
from django.db import connection, transaction

from chat.models import Collection
from chat.rag.config import SearchMode
from chat.rag.recall import Recall, measure_recall
from tests.indexed_vectors import fill, make_indexed_embedder
from tests.searched import find, make_chunk, make_collection

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker):
    """Make what the tests of this file search, once: it takes seconds. Each test is a savepoint in its transaction."""
    with django_db_blocker.unblock(), transaction.atomic():
        embedder = make_indexed_embedder()
        # Over the limit of exact scans, and all its vectors are nearer than the few of another one.
        large, small = fill(make_collection("Large"), embedder), make_collection("Small")
        for number in range(7):
            make_chunk(small, f"Number {number}", vectors=[(embedder, (-1.0, number / 10))])
        with connection.cursor() as cursor:
            # At this size the planner may still sort; what is asked is whether it can use the index.
            cursor.execute("ANALYZE chat_embedding, chat_chunk")
            cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
            cursor.execute("SET LOCAL enable_sort = off")
        yield embedder, large
        transaction.set_rollback(True)


@pytest.fixture
def embedder(world, db):
    return world[0]


@pytest.fixture
def large(world, db):
    return world[1]


def test_a_large_collection_is_searched_by_its_index_and_in_order(large, embedder):
    with connection.execute_wrapper(explain := Explain()):
        hits = find("", SearchMode.VECTOR, embedder=embedder, collection=large, top_k=5)

    assert embedder.index_name in explain.plan
    similarities = [hit.similarity for hit in hits]
    assert similarities == sorted(similarities, reverse=True)
    assert len(hits) == 5
    assert similarities[-1] > 0.999


def test_hybrid_uses_the_index_too(large, embedder):
    with connection.execute_wrapper(explain := Explain()):
        hits = find("number", SearchMode.HYBRID, embedder=embedder, collection=large, top_k=5)

    assert embedder.index_name in explain.plan
    assert len(hits) == 5


def test_a_question_takes_few_queries(large, embedder, django_assert_num_queries):
    small = Collection.objects.get(name="Small")

    with django_assert_num_queries(1):
        find("number", SearchMode.TEXT, embedder=embedder, collection=large)
    with django_assert_num_queries(2):  # count the vectors, search
        find("number", SearchMode.HYBRID, embedder=embedder, collection=small)
    with django_assert_num_queries(5):  # count, set the breadth and search in a transaction, which is two
        find("number", SearchMode.HYBRID, embedder=embedder, collection=large)


@pytest.mark.parametrize("mode", [SearchMode.VECTOR, SearchMode.HYBRID])
def test_a_collection_far_from_the_question_gives_all_hits_asked_for(large, embedder, mode):
    small = Collection.objects.get(name="Small")

    assert len(find("", mode, embedder=embedder, collection=small, top_k=7)) == 7


def test_recall_of_the_index_is_measured_on_a_sample(large, embedder):
    recall = measure_recall(embedder_id=embedder.pk, dimensions=2, collection_id=large.pk)

    assert (recall.sample, recall.neighbours) == (20, 200)
    assert 0 < recall.found < 200  # numbers of half precision cannot tell such near neighbours apart
    low, high = recall.interval
    assert 0 < low < recall.value < high < 1


def test_where_all_vectors_are_scanned_there_is_no_recall_to_measure(large, embedder):
    small = Collection.objects.get(name="Small")

    assert measure_recall(embedder_id=embedder.pk, dimensions=2, collection_id=small.pk) is None


@pytest.mark.parametrize(("found", "low", "high"), [(200, 0.9812, 1.0), (190, 0.9104, 0.9726), (0, 0.0, 0.0188)])
def test_the_interval_of_recall_is_wilsons(found, low, high):
    assert Recall(found, 200, 20).interval == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


class Explain:
    """Asks for the plan of each search statement; there are two where the index alone gave too few hits."""

    plan = ""

    def __call__(self, execute, statement, parameters, many, context):
        result = execute(statement, parameters, many, context)
        if "nearest AS" in str(statement):
            with context["connection"].connection.cursor() as cursor:
                cursor.execute(b"EXPLAIN " + statement.as_bytes(cursor), parameters)
                self.plan += "\n".join(row[0] for row in cursor.fetchall())
        return result
