"""Small-to-big: hits grow by the text around them, within the room, without a text twice."""

import pytest

from chat.models import Chunk, Document
from chat.rag.config import ContextSize, Hit
from chat.rag.context import Span, grow, widen
from tests.factories import make_chunk, make_document

CHARS = 10


def spans(*headings):
    """Return the chunks of document 1: ids from 100, ten characters each, under these headings."""
    return [
        Span(100 + position, 1, position, heading, position * CHARS, (position + 1) * CHARS)
        for position, heading in enumerate(headings)
    ]


def grown(found, around, size, max_chars=10_000):
    """Return first and last position of each found chunk that grew."""
    result = grow(found, around, size=size, max_chars=max_chars)
    return {chunk_id: (first.position, last.position) for chunk_id, (first, last) in result.items()}


def test_neighbours_are_one_chunk_on_each_side():
    assert grown([102], spans(*"aaaaa"), ContextSize.NEIGHBOURS) == {102: (1, 3)}
    assert grown([100], spans(*"aaaaa"), ContextSize.NEIGHBOURS) == {100: (0, 1)}
    assert grown([104], spans(*"aaaaa"), ContextSize.NEIGHBOURS) == {104: (3, 4)}


def test_section_ends_where_the_heading_changes():
    assert grown([103], spans(*"abbbbca"), ContextSize.SECTION) == {103: (1, 4)}


def test_section_that_comes_again_elsewhere_is_another_one():
    assert grown([101], spans(*"aabaa"), ContextSize.SECTION) == {101: (0, 1)}


def test_chunk_between_two_hits_goes_to_the_better_one_and_no_text_is_twice():
    assert grown([102, 100], spans(*"aaaaa"), ContextSize.NEIGHBOURS) == {102: (1, 3)}
    assert grown([101, 105], spans(*"aaaaaaa"), ContextSize.SECTION) == {101: (0, 3), 105: (4, 6)}


def test_hits_beside_each_other_grow_outwards():
    assert grown([102, 101], spans(*"aaaaa"), ContextSize.NEIGHBOURS) == {102: (2, 3), 101: (0, 1)}


def test_growth_stops_where_the_room_ends():
    around = spans(*"aaaaaaa")

    assert grown([103], around, ContextSize.SECTION, max_chars=3 * CHARS) == {103: (2, 4)}
    assert grown([103], around, ContextSize.SECTION, max_chars=CHARS) == {}
    assert grown([103], around, ContextSize.SECTION, max_chars=4 * CHARS) == {103: (1, 4)}


def test_each_hit_gets_its_neighbours_before_one_gets_its_whole_section():
    around = [*spans(*"aaaaa"), Span(200, 2, 0, "x", 0, CHARS), Span(201, 2, 1, "x", CHARS, 2 * CHARS)]

    assert grown([102, 200], around, ContextSize.SECTION, max_chars=5 * CHARS) == {102: (1, 3), 200: (0, 1)}


def test_found_chunk_that_is_gone_is_left_out():
    assert grown([999, 101], spans(*"aa"), ContextSize.NEIGHBOURS) == {101: (0, 1)}


pages = pytest.mark.django_db


def make_page():
    """Return a document of five chunks: an introduction, and a section of four."""
    texts = ["Introduction.", "First step.", "Second step.", "Third step.", "Last step."]
    document = make_document(texts=())
    Document.objects.filter(pk=document.pk).update(text="\n\n".join(texts))
    start = 0
    for position, text in enumerate(texts):
        heading = "Steps" if position else ""
        make_chunk(document=document, position=position, text=text, start=start, heading_path=heading)
        start += len(text) + 2
    return document


def hit(document, position, rank=1):
    chunk = Chunk.objects.get(document=document, position=position)
    return Hit(rank, 0.5, chunk.pk, document.pk, document.title, chunk.heading_path, chunk.text)


@pages
@pytest.mark.parametrize(
    ("size", "text"),
    [
        (ContextSize.CHUNK, "First step."),
        (ContextSize.NEIGHBOURS, "Introduction.\n\nFirst step.\n\nSecond step."),
        (ContextSize.SECTION, "First step.\n\nSecond step.\n\nThird step.\n\nLast step."),
    ],
)
def test_text_is_the_documents_own_with_all_between(size, text):
    [wider] = widen([hit(make_page(), 1)], size=size, max_chars=1000)

    assert wider.text == text


@pages
def test_hits_of_several_documents_grow_and_keep_their_ranks(django_assert_num_queries):
    hits = [hit(make_page(), 3), hit(make_page(), 0, rank=2)]

    with django_assert_num_queries(2):
        wider = widen(hits, size=ContextSize.NEIGHBOURS, max_chars=1000)

    assert [(hit.rank, hit.text) for hit in wider] == [
        (1, "Second step.\n\nThird step.\n\nLast step."),
        (2, "Introduction.\n\nFirst step."),
    ]
    assert [hit.chunk_id for hit in wider] == [hit.chunk_id for hit in hits]


@pages
def test_document_that_is_gone_or_was_replaced_leaves_the_chunk():
    gone, replaced = make_page(), make_page()
    hits = [hit(gone, 2), hit(replaced, 2, rank=2)]
    gone.delete()
    Document.objects.filter(pk=replaced.pk).update(text="Another text of any length, which is not that of the chunks.")

    assert widen(hits, size=ContextSize.SECTION, max_chars=1000) == hits


@pages
def test_nothing_found_needs_no_query(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert widen([], size=ContextSize.SECTION, max_chars=1000) == []
