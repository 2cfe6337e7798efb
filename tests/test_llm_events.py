"""Server-sent events, cut anywhere."""

import pytest

from chat.rag.llm_events import EventSplitter

STREAM = b': hello\r\n\r\ndata: {"a": 1}\n\nevent: x\ndata:{"a":\ndata: 2}\n\nid: 7\n\ndata: {"a": "\xc3\xa9"}\r\r'


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_events_are_the_same_however_their_bytes_are_cut(size):
    splitter = EventSplitter()
    chunks = []
    for begin in range(0, len(STREAM), size):
        chunks += splitter.feed(STREAM[begin : begin + size])
    chunks += splitter.end()

    assert chunks == [{"a": 1}, {"a": 2}, {"a": "é"}]
    assert not splitter.is_done


def test_nothing_counts_after_done():
    splitter = EventSplitter()

    assert list(splitter.feed(b"data: 1\n\ndata: [DONE]\n\ndata: 2\n\n")) == [1]
    assert list(splitter.feed(b"data: 3\n\n")) == []
    assert splitter.is_done


def test_the_last_event_needs_no_empty_line():
    splitter = EventSplitter()

    assert list(splitter.feed(b"data: 1")) == []
    assert list(splitter.end()) == [1]


def test_what_comes_before_an_event_that_is_no_json_is_given_out():
    chunks = EventSplitter().feed(b"data: 1\n\ndata: {oops\n\n")

    assert next(chunks) == 1
    with pytest.raises(ValueError, match="property name"):
        next(chunks)
