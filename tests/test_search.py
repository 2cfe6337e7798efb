"""Search by words, by meaning and by both, against vectors small enough to work out by hand."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from chat.exceptions import RetrievalError
from chat.models import Chunk, Collection, Document, Embedding
from chat.rag.config import DEFAULT_FUSION, Bm25, Fusion, FusionMethod, Hit, Query, SearchMode
from chat.rag.embed import LOCAL_NAME, get_embedder
from chat.rag.recall import Recall, measure_recall
from chat.rag.search import is_relevant, search, search_many
from tests.indexed_vectors import fill, make_indexed_embedder

pytestmark = pytest.mark.django_db

# A chunk's vector; the question's is (1, 0), so that the cosine is the first number.
NEAR, MIDDLE, FAR = (1.0, 0.0), (0.6, 0.8), (0.0, 1.0)


def make_collection(name="Guide", language="english"):
    return Collection.objects.create(name=name, language=language)


def make_chunk(collection, text, *, title="Notes", heading_path="", vectors=()):
    """A document of one chunk, with a vector for each (embedder, vector)."""
    source_id = str(Document.objects.count())
    document = Document.objects.create(collection=collection, source_id=source_id, title=title, text=text)
    chunk = Chunk.objects.create(
        document=document,
        collection=collection,
        position=0,
        title=title,
        heading_path=heading_path,
        text=text,
        start=0,
        end=len(text),
        content_hash="",
        language=collection.language,
    )
    for embedder, vector in vectors:
        Embedding.objects.create(chunk=chunk, embedder=embedder, collection=collection, vector=list(vector))
    return chunk


def find(question, mode, *, embedder, collection=None, collection_id=None, vector=(1.0, 0.0), top_k=5, **options):
    return search(
        question=question,
        query_vector=vector,
        mode=mode,
        collection_id=collection.pk if collection else collection_id,
        embedder_id=embedder.pk,
        dimensions=embedder.dimensions,
        top_k=top_k,
        **options,
    )


def chunk_ids(hits):
    return [hit.chunk_id for hit in hits]


@pytest.fixture
def embedder(db):
    return make_indexed_embedder()


@pytest.fixture
def guide(db):
    return make_collection()


def test_text_finds_any_of_the_words_stemmed_and_ranks_more_of_them_higher(guide, embedder):
    one = make_chunk(guide, "Restarting the server takes a minute.")
    both = make_chunk(guide, "A backup of the server is made at night.")
    make_chunk(guide, "Nothing of the kind.")

    hits = find("How do I back up servers? A backup!", SearchMode.TEXT, embedder=embedder)

    assert chunk_ids(hits) == [both.pk, one.pk]
    assert [(hit.rank, hit.text_rank, hit.vector_rank) for hit in hits] == [(1, 1, None), (2, 2, None)]
    assert hits[0].score == hits[0].text_score > hits[1].score > 0


def test_text_scores_by_bm25(guide, embedder):
    chunk = make_chunk(guide, "A backup.", title="Notes")  # 3 words: one in the title counts 2
    make_chunk(guide, "Disk, night, server, restart.", title="Notes")  # 6 words

    (hit,) = find("backup", SearchMode.TEXT, embedder=embedder)

    idf = 0.693147  # ln(1 + (2 - 1 + 0.5) / (1 + 0.5))
    assert hit.chunk_id == chunk.pk
    assert hit.text_score == pytest.approx(idf * 2.2 / (1 + 1.2 * (0.25 + 0.75 * 3 / 4.5)), abs=1e-5)


def test_a_word_is_as_rare_as_in_all_collections_searched_that_speak_its_language(embedder):
    make_chunk(make_collection("One"), "A backup.")
    make_chunk(make_collection("Two"), "A disk.")
    make_chunk(make_collection("Drei", "german"), "Ein Turm.")

    (hit,) = find("backup", SearchMode.TEXT, embedder=embedder)

    assert hit.text_score == pytest.approx(0.693147, abs=1e-5)  # ln(1 + (2 - 1 + 0.5) / (1 + 0.5)) * 2.2 / 2.2


def test_words_that_stand_together_as_in_the_question_count_more(guide, embedder):
    reverse = make_chunk(guide, "The rank, reciprocal and mean.")
    apart = make_chunk(guide, "The mean, then the reciprocal or the rank.")
    together = make_chunk(guide, "The mean reciprocal rank, then.")

    hits = find("What is the mean reciprocal of the rank?", SearchMode.TEXT, embedder=embedder)

    scores = {hit.chunk_id: hit.text_score for hit in hits}
    assert chunk_ids(hits)[0] == together.pk
    assert scores[together.pk] == pytest.approx(scores[reverse.pk] + 2 * 1.5)
    assert scores[apart.pk] == scores[reverse.pk]


@pytest.mark.parametrize("question", ["it's ''a b'' \\ c:\\d", "a'b c'd", "don't 'quote' me", "<-> & | !a :*"])
def test_pairs_with_signs_of_the_query_language_are_only_words(guide, embedder, question):
    make_chunk(guide, question)

    assert len(find(question, SearchMode.HYBRID, embedder=embedder)) <= 1


def test_frequent_words_score_what_rare_ones_find(guide, embedder):
    for number in range(30):
        make_chunk(guide, f"The server restarts at {number}.")
    rare = [make_chunk(guide, f"A backup of the server{' and the server' * number}.") for number in range(3)]
    asked = {"question": "backup server", "mode": SearchMode.TEXT, "embedder": embedder, "top_k": 40}
    thrifty = replace(DEFAULT_FUSION, bm25=Bm25(min_postings=1, max_postings=1, scored_chunks=2))

    all_hits, hits = find(**asked), find(**asked, fusion=thrifty)

    assert len(all_hits) == 33
    assert sorted(chunk_ids(hits)) == sorted(chunk.pk for chunk in rare)
    assert [(hit.chunk_id, hit.score) for hit in hits] == [(hit.chunk_id, hit.score) for hit in all_hits[:3]]


def test_words_joined_by_signs_are_found_one_by_one(guide, embedder):
    chunk = make_chunk(guide, "Change docker-compose.yml, or pip.main.Install_it.")

    for question in ("docker", "compose", "yml file", "install", "docker-compose.yml"):
        assert chunk_ids(find(question, SearchMode.TEXT, embedder=embedder)) == [chunk.pk]


def test_text_finds_words_of_title_and_headings(guide, embedder):
    by_title = make_chunk(guide, "See below.", title="Passwords")
    by_heading = make_chunk(guide, "See below.", heading_path="Users > Passwords")

    hits = find("password", SearchMode.TEXT, embedder=embedder)

    assert sorted(chunk_ids(hits)) == sorted([by_title.pk, by_heading.pk])


@pytest.mark.parametrize("question", ["", "   ", "what is it and how", "?!", "' & | ! ( \\ :* <->", "\0"])
def test_text_without_a_word_finds_nothing(guide, embedder, question):
    make_chunk(guide, "A backup of the server.")

    assert find(question, SearchMode.TEXT, embedder=embedder) == []


@pytest.mark.parametrize(
    "question", ["it's c:\\backup\\'x'", "backup & | !(", "http://a.b/backup?x=1&y=2 backup", "x\0backup"]
)
def test_text_with_signs_of_the_query_language_is_only_text(guide, embedder, question):
    chunk = make_chunk(guide, "A backup of the server.")

    assert chunk_ids(find(question, SearchMode.TEXT, embedder=embedder)) == [chunk.pk]


def test_each_collection_is_searched_in_its_own_language(embedder):
    german = make_chunk(make_collection("Handbuch", "german"), "Die Bücher stehen im Regal.")
    english = make_chunk(make_collection("Manual", "english"), "The shelves hold books.")

    assert chunk_ids(find("Buch", SearchMode.TEXT, embedder=embedder)) == [german.pk]
    assert chunk_ids(find("book", SearchMode.TEXT, embedder=embedder)) == [english.pk]
    assert find("Buch", SearchMode.TEXT, embedder=embedder, collection=english.collection) == []


def test_text_works_without_a_vector_and_then_has_no_similarity(guide, embedder):
    make_chunk(guide, "A backup of the server.", vectors=[(embedder, NEAR)])

    (hit,) = find("backup", SearchMode.TEXT, embedder=embedder, vector=None)

    assert hit.similarity is None


def test_text_hits_carry_their_similarity_where_they_are_embedded(guide, embedder):
    embedded = make_chunk(guide, "A backup of the server.", vectors=[(embedder, MIDDLE)])
    bare = make_chunk(guide, "A backup.")

    similarity = {hit.chunk_id: hit.similarity for hit in find("backup", SearchMode.TEXT, embedder=embedder)}

    assert similarity[embedded.pk] == pytest.approx(0.6)
    assert similarity[bare.pk] is None


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


@pytest.fixture
def large(embedder):
    """A collection over the limit of exact scans whose vectors are all nearer than the few of another one."""
    large, small = fill(make_collection("Large"), embedder), make_collection("Small")
    for number in range(7):
        make_chunk(small, f"Number {number}", vectors=[(embedder, (-1.0, number / 10))])
    with connection.cursor() as cursor:
        # At this size the planner may still sort; what is asked is whether it can use the index.
        cursor.execute("ANALYZE chat_embedding, chat_chunk")
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off")
    return large


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
