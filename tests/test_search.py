"""Search by meaning and by both words and meaning, against vectors small enough to work out by hand."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings

from chat.exceptions import RetrievalError
from chat.rag.config import DEFAULT_FUSION, Fusion, FusionMethod, Hit, Query, SearchMode
from chat.rag.embed import LOCAL_NAME
from chat.rag.embedders import get_embedder
from chat.rag.search import is_relevant, search_many
from tests.indexed_vectors import make_indexed_embedder
from tests.searched import FAR, MIDDLE, NEAR, chunk_ids, find, make_chunk, make_collection

pytestmark = pytest.mark.django_db


@pytest.fixture
def embedder(db):
    return make_indexed_embedder()


@pytest.fixture
def guide(db):
    return make_collection()


def test_vector_ranks_by_cosine(guide, embedder):
    far = make_chunk(guide, "One.", vectors=[(embedder, FAR)])
    near = make_chunk(guide, "Two.", vectors=[(embedder, NEAR)])
    middle = make_chunk(guide, "Three.", vectors=[(embedder, MIDDLE)])

    hits = find("", SearchMode.VECTOR, embedder=embedder)

    assert chunk_ids(hits) == [near.pk, middle.pk, far.pk]
    assert [hit.similarity for hit in hits] == pytest.approx([1, 0.6, 0])
    assert [hit.score for hit in hits] == pytest.approx([1, 0.6, 0])
    assert [(hit.vector_rank, hit.text_rank, hit.text_score) for hit in hits] == [
        (1, None, None),
        (2, None, None),
        (3, None, None),
    ]


def test_vectors_of_two_embedders_of_different_length_do_not_meet(guide, embedder):
    other = make_indexed_embedder("test/three-numbers", 3)
    chunk = make_chunk(guide, "One.", vectors=[(embedder, NEAR), (other, (0.0, 0.0, 1.0))])
    make_chunk(guide, "Two.", vectors=[(embedder, NEAR)])

    hits = find("", SearchMode.VECTOR, embedder=other, vector=(0.0, 0.0, 1.0))

    assert chunk_ids(hits) == [chunk.pk]


def test_hybrid_adds_reciprocal_ranks_of_both_legs(guide, embedder):
    by_both = make_chunk(guide, "A backup of the server.", vectors=[(embedder, MIDDLE)])
    by_vector = make_chunk(guide, "Nothing.", vectors=[(embedder, NEAR)])
    by_text = make_chunk(guide, "A backup backup.")

    hits = find("backup", SearchMode.HYBRID, embedder=embedder, fusion=Fusion(FusionMethod.RRF, text_weight=0.5))

    found = {hit.chunk_id: (hit.text_rank, hit.vector_rank, hit.score) for hit in hits}
    assert hits[0].chunk_id == by_both.pk
    assert found[by_both.pk] == (2, 2, pytest.approx((1 / 62 + 1 / 62) / 2))
    assert found[by_vector.pk] == (None, 1, pytest.approx(1 / 61 / 2))
    assert found[by_text.pk] == (1, None, pytest.approx(1 / 61 / 2))
    assert [hit.similarity for hit in hits if hit.chunk_id == by_vector.pk] == [pytest.approx(1)]


def test_hybrid_sums_the_score_by_words_and_similarity(guide, embedder):
    by_both = make_chunk(guide, "A backup of the server.", vectors=[(embedder, MIDDLE)])
    by_vector = make_chunk(guide, "Nothing.", vectors=[(embedder, NEAR)])
    by_text = make_chunk(guide, "A backup backup.")

    hits = {hit.chunk_id: hit for hit in find("backup", SearchMode.HYBRID, embedder=embedder)}

    both, vector, text = hits[by_both.pk], hits[by_vector.pk], hits[by_text.pk]
    assert both.score == pytest.approx(both.text_score / 30 + 0.3)
    assert (vector.score, vector.text_score) == (pytest.approx(0.5), None)
    assert (text.score, text.similarity) == (pytest.approx(text.text_score / 30), None)
    assert both.text_score == find("backup", SearchMode.TEXT, embedder=embedder)[1].text_score


def test_hybrid_can_count_the_best_score_by_words_as_one(guide, embedder):
    by_both = make_chunk(guide, "A backup of the server.", vectors=[(embedder, MIDDLE)])
    by_text = make_chunk(guide, "A backup backup.")

    fusion = Fusion(FusionMethod.CONVEX, text_weight=0.4)
    hits = {hit.chunk_id: hit for hit in find("backup", SearchMode.HYBRID, embedder=embedder, fusion=fusion)}

    best = hits[by_text.pk]
    assert best.score == pytest.approx(0.4)
    assert hits[by_both.pk].score == pytest.approx(0.4 * hits[by_both.pk].text_score / best.text_score + 0.6 * 0.6)


def test_a_leg_that_did_not_find_a_chunk_scores_it_all_the_same(guide, embedder):
    for _ in range(3):
        make_chunk(guide, "A backup backup backup.", vectors=[(embedder, FAR)])
    near = make_chunk(guide, "A backup of the server at night.", vectors=[(embedder, NEAR)])

    fusion = replace(DEFAULT_FUSION, depth=1)
    hits = find("backup", SearchMode.HYBRID, embedder=embedder, fusion=fusion, top_k=1)

    assert chunk_ids(hits) == [near.pk]
    assert (hits[0].text_rank, hits[0].vector_rank) == (None, 1)
    assert hits[0].text_score == find("backup", SearchMode.TEXT, embedder=embedder)[3].text_score


def test_hybrid_without_words_ranks_as_vector_does(guide, embedder):
    far = make_chunk(guide, "One.", vectors=[(embedder, FAR)])
    near = make_chunk(guide, "Two.", vectors=[(embedder, NEAR)])

    assert chunk_ids(find("what is it", SearchMode.HYBRID, embedder=embedder)) == [near.pk, far.pk]


@pytest.mark.parametrize("mode", list(SearchMode))
def test_equal_scores_are_ordered_by_chunk(guide, embedder, mode):
    chunks = [make_chunk(guide, "A backup.", vectors=[(embedder, NEAR)]) for _ in range(4)]

    hits = find("backup", mode, embedder=embedder, top_k=3)

    assert chunk_ids(hits) == [chunk.pk for chunk in chunks[:3]]


@pytest.mark.parametrize("mode", list(SearchMode))
def test_only_the_named_collection_is_searched(guide, embedder, mode):
    make_chunk(make_collection("Other"), "A backup.", vectors=[(embedder, NEAR)])
    chunk = make_chunk(guide, "A backup at night.", vectors=[(embedder, MIDDLE)])

    hits = find("backup", mode, embedder=embedder, collection=guide)

    assert chunk_ids(hits) == [chunk.pk]
    assert len(find("backup", mode, embedder=embedder)) == 2


@pytest.mark.parametrize("mode", list(SearchMode))
def test_an_empty_knowledge_base_has_no_hits(embedder, mode):
    assert find("backup", mode, embedder=embedder) == []


def test_a_missing_vector_is_refused_where_it_is_needed(embedder):
    with pytest.raises(RetrievalError, match="mode vector needs"):
        find("backup", SearchMode.VECTOR, embedder=embedder, vector=None)
    with pytest.raises(RetrievalError, match="mode hybrid needs"):
        find("backup", SearchMode.HYBRID, embedder=embedder, vector=None)


def test_a_vector_of_the_wrong_length_is_refused(embedder):
    with pytest.raises(RetrievalError, match="has 3 numbers, the embedder's vectors have 2"):
        find("backup", SearchMode.TEXT, embedder=embedder, vector=(1.0, 0.0, 0.0))


def test_relevance_is_judged_by_the_best_similarity():
    def hit(similarity):
        return Hit(1, 1.0, 1, 1, "", "", "", similarity=similarity)

    assert is_relevant([hit(0.2), hit(0.4)], min_similarity=0.4)
    assert not is_relevant([hit(0.2), hit(0.39)], min_similarity=0.4)
    assert is_relevant([hit(None), hit(0.4)], min_similarity=0.4)
    assert is_relevant([hit(None)], min_similarity=0.4)
    assert not is_relevant([], min_similarity=-1)


def test_real_questions_find_their_answer_among_five_hits(real_data):
    """The 138 entries of one real FAQ collection, and the questions to them."""
    course = "mlops-zoomcamp"
    documents = json.loads((real_data / "faq_documents.json").read_text())
    entries = [entry for entry in documents if entry["course"] == course]
    with (real_data / "faq_questions_dev.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["course"] == course]
    local = get_embedder(LOCAL_NAME, cache_dir=Path(settings.MODEL_CACHE_DIR), providers={})
    embedder, collection = make_indexed_embedder(LOCAL_NAME, local.dimensions), make_collection(course)
    vectors = local.embed_documents([f"{entry['question']}\n{entry['section']}\n{entry['text']}" for entry in entries])
    for entry, vector in zip(entries, vectors.vectors, strict=True):
        title, heading_path = entry["question"], entry["section"]
        make_chunk(collection, entry["text"], title=title, heading_path=heading_path, vectors=[(embedder, vector)])
    titles = {entry["id"]: entry["question"] for entry in entries}
    questions = local.embed_documents([row["question"] for row in rows])

    found = dict.fromkeys(SearchMode, 0)
    for row, vector in zip(rows, questions.vectors, strict=True):
        for mode in SearchMode:
            hits = find(row["question"], mode, embedder=embedder, collection=collection, vector=vector)
            found[mode] += titles[row["document"]] in [hit.document_title for hit in hits]

    assert found[SearchMode.TEXT] / len(rows) >= 0.95
    assert found[SearchMode.VECTOR] / len(rows) >= 0.9
    assert found[SearchMode.HYBRID] / len(rows) >= 0.95


@pytest.mark.parametrize("mode", list(SearchMode))
def test_many_questions_at_once_find_what_each_finds_alone(guide, embedder, mode):
    other = make_collection("Other")
    for number, vector in enumerate([NEAR, MIDDLE, FAR] * 3):
        make_chunk(guide, f"A backup of server {number} at night.", vectors=[(embedder, vector)])
        make_chunk(other, f"A server for backup {number}.", title="Backup", vectors=[(embedder, vector)])
    questions = ["backup", "server at night", "what is it", "server 3", "backup"]
    asked = [
        Query(question, (0.8, 0.6), collection and collection.pk)
        for question in questions
        for collection in (guide, None, other)
    ]
    one_by_one = [
        find(query.question, mode, embedder=embedder, vector=query.vector, collection_id=query.collection_id)
        for query in asked
    ]

    wanted = {"queries": asked, "mode": mode, "embedder_id": embedder.pk, "dimensions": 2, "top_k": 5}

    assert search_many(**wanted, with_text=True) == one_by_one
    assert search_many(**wanted) == [[replace(hit, text="") for hit in hits] for hits in one_by_one]


@pytest.mark.parametrize("mode", list(SearchMode))
def test_no_questions_find_nothing(embedder, mode):
    assert search_many(queries=[], mode=mode, embedder_id=embedder.pk, dimensions=2, top_k=5) == []


def test_a_question_without_vector_among_many_is_refused(embedder):
    queries = [Query("backup", NEAR, None), Query("backup", None, None)]

    with pytest.raises(RetrievalError, match="mode hybrid needs"):
        search_many(queries=queries, mode=SearchMode.HYBRID, embedder_id=embedder.pk, dimensions=2, top_k=5)
