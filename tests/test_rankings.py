"""Rankings of hits: fused, limited, put into another order."""

from chat.rag.config import Hit
from chat.rag.rankings import fuse_rankings, limit_per_document, reordered


def ranking(*chunk_ids, documents=None):
    """Return hits of these chunks in order; each is its own document unless `documents` says otherwise."""
    documents = documents or chunk_ids
    return [
        Hit(rank, 1 / rank, chunk_id, document_id, "Title", "", f"Text {chunk_id}")
        for rank, (chunk_id, document_id) in enumerate(zip(chunk_ids, documents, strict=True), start=1)
    ]


def chunks(hits):
    return [(hit.rank, hit.chunk_id) for hit in hits]


def test_what_several_rankings_have_goes_before_what_one_has():
    fused = fuse_rankings([ranking(1, 2, 3), ranking(4, 3, 5)])

    assert chunks(fused) == [(1, 3), (2, 1), (3, 4), (4, 2), (5, 5)]
    assert fused[0].score == 1 / 63 + 1 / 62
    assert fused[1].score == fused[2].score == 1 / 61


def test_hit_is_that_of_the_first_ranking_which_has_it():
    own, other = ranking(1), [*ranking(2, 1)]

    fused = fuse_rankings([own, other])

    assert fused[0].chunk_id == 1
    assert fused[0].text_rank is own[0].text_rank


def test_one_ranking_keeps_its_scores():
    assert fuse_rankings([ranking(3, 1)]) == ranking(3, 1)


def test_nothing_fused_is_nothing():
    assert fuse_rankings([[], []]) == []


def test_a_document_has_so_many_hits_and_no_more():
    hits = ranking(1, 2, 3, 4, 5, documents=(7, 7, 8, 7, 8))

    assert chunks(limit_per_document(hits, 1)) == [(1, 1), (2, 3)]
    assert chunks(limit_per_document(hits, 2)) == [(1, 1), (2, 2), (3, 3), (4, 5)]
    assert limit_per_document(hits, 5) == hits


def test_new_order_goes_first_and_the_rest_follows_as_it_was():
    hits = reordered(ranking(11, 12, 13, 14), [3, 1])

    assert chunks(hits) == [(1, 13), (2, 11), (3, 12), (4, 14)]
    assert [hit.search_rank for hit in hits] == [3, 1, 2, 4]


def test_ranks_that_do_not_exist_and_second_mentions_change_nothing():
    assert chunks(reordered(ranking(11, 12), [9, 2, 2, 0, 1])) == [(1, 12), (2, 11)]
