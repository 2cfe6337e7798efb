"""Search by words: what matches, in which language, and how it scores."""

from dataclasses import replace

import pytest

from chat.rag.config import DEFAULT_FUSION, Bm25, SearchMode
from tests.indexed_vectors import make_indexed_embedder
from tests.searched import MIDDLE, NEAR, chunk_ids, find, make_chunk, make_collection

pytestmark = pytest.mark.django_db


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
