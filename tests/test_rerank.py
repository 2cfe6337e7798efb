"""Re-ranking by the local model: tokens that look for each other, and pairs of words."""

import numpy as np
import pytest

from chat.rag.config import Hit
from chat.rag.minilm import DIMENSIONS, TokenVectors
from chat.rag.rerank import PAIR_WEIGHT, local_ranking, nearness
from chat.rag.word_pairs import count_pairs
from tests.factories import make_chunk, make_collection, make_document

RARE, COMMON, SIGN = 25_000, 1_996, 1_029


def tokens(**places):
    """Return tokens by their id, each a unit vector of its place: those at the same place are the same in meaning."""
    vectors = np.zeros((len(places), DIMENSIONS), np.float32)
    vectors[np.arange(len(places)), list(places.values())] = 1
    return TokenVectors(np.array([int(name.lstrip("_")) for name in places], np.int64), vectors)


def make_hit(rank, score):
    return Hit(rank, score, 100 + rank, rank, "Title", "", "Text.")


def test_each_token_looks_for_its_nearest():
    question = tokens(_25000=1, _25001=2)

    assert nearness(question, tokens(_7=2, _8=1, _9=3)) == pytest.approx(1.0)
    assert nearness(question, tokens(_7=2, _9=3)) == pytest.approx(0.5, abs=0.001)
    assert nearness(question, tokens(_9=3)) == 0


def test_rare_words_count_more_than_common_ones_and_signs():
    question = tokens(**{f"_{RARE}": 1, f"_{COMMON}": 2, f"_{SIGN}": 3})

    rare, common, sign = (nearness(question, tokens(_7=place)) for place in (1, 2, 3))

    assert rare > 0.9 > 0.1 > common > sign > 0


def test_text_without_tokens_is_near_to_nothing():
    assert nearness(tokens(), tokens(_7=1)) == nearness(tokens(_7=1), tokens()) == 0


def test_order_is_by_search_tokens_and_pairs_together():
    question = tokens(_25000=1)
    hits = [make_hit(1, 0.8), make_hit(2, 0.4), make_hit(3, 0.2)]
    near, far = tokens(_7=1), tokens(_7=2)

    def order(*passages, **pairs):
        counts = {100 + int(rank.lstrip("_")): count for rank, count in pairs.items()}
        return local_ranking(hits, question=question, passages=passages, pairs=counts)

    assert order(far, far, far) == [1, 2, 3]
    assert order(far, far, near) == [3, 1, 2]
    assert order(far, near, near) == [2, 3, 1]
    assert order(far, far, far, _2=round(1 / PAIR_WEIGHT)) == [2, 1, 3]
    assert order(far, near) == [2, 1]


@pytest.mark.parametrize("scores", [(0.0, 0.0), (-1.0, -2.0)])
def test_scores_of_zero_and_less_keep_their_order(scores):
    hits = [make_hit(rank, score) for rank, score in enumerate(scores, start=1)]
    far = tokens(_7=2)

    assert local_ranking(hits, question=tokens(_25000=1), passages=[far, far], pairs={}) == [1, 2]


@pytest.mark.django_db
def test_pairs_stand_side_by_side_and_in_order():
    texts = [
        "The mean reciprocal rank of the answers.",
        "A rank that is the reciprocal of a mean.",
        "Rank by the mean, which has a reciprocal.",
        "Ranks, reciprocally.",
    ]
    chunks = [make_chunk(text=text, title="") for text in texts]

    pairs = count_pairs(question="What is mean reciprocal rank?", chunk_ids=[chunk.pk for chunk in chunks])

    assert [pairs.get(chunk.pk, 0) for chunk in chunks] == [2, 0, 0, 0]


@pytest.mark.django_db
def test_pairs_see_through_fillers_and_endings():
    chunk = make_chunk(text="Filters are cleaned weekly.", title="")

    assert count_pairs(question="cleaning of the filter", chunk_ids=[chunk.pk]) == {}
    assert count_pairs(question="the filters were cleaned", chunk_ids=[chunk.pk]) == {chunk.pk: 1}
    assert count_pairs(question="Is a filter to be cleaned in a weekly rhythm?", chunk_ids=[chunk.pk]) == {chunk.pk: 2}


@pytest.mark.django_db
def test_pairs_are_in_the_language_of_the_chunk():
    german = make_document(["Die roten Häuser stehen."], collection=make_collection(language="german"))
    english = make_document(["Die roten Häuser stehen."])
    ids = [document.chunks.get().pk for document in (german, english)]

    assert count_pairs(question="Das rote Haus", chunk_ids=ids) == {ids[0]: 1}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "question", ["", "?!", "pump", "pump pump", "it's C:\\Users\\o'neil \\ ' & | ! <-> :*", "a\0b"]
)
def test_any_question_is_taken(question):
    chunk = make_chunk(text="The pump of o'neil.", title="")

    assert set(count_pairs(question=question, chunk_ids=[chunk.pk])) <= {chunk.pk}


@pytest.mark.django_db
def test_words_with_signs_of_queries_are_found_as_they_are():
    chunk = make_chunk(text="See /usr/local/o'bin:x twice & again.", title="")

    assert count_pairs(question="twice & again", chunk_ids=[chunk.pk]) == {}
    assert count_pairs(question="/usr/local/o'bin:x twice", chunk_ids=[chunk.pk])
