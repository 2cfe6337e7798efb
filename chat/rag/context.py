"""Small-to-big: small chunks are found precisely, a model understands more of the text around them.

Each hit grows by the chunks beside it, one at a time on both sides, the hits in turn, until there is no room. A chunk
goes to one hit only, the one it is nearest to, so no text stands in a prompt twice, and each source keeps its number
and has its own chunk in it. What is found, recorded and cited stays the chunk.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.db import connection

from chat.rag.config import ContextSize, Hit

# Chunks before and behind a hit that are looked at. A section longer than that is longer than the room for sources.
REACH = {ContextSize.CHUNK: 0, ContextSize.NEIGHBOURS: 1, ContextSize.SECTION: 60}

AROUND_SQL = """
SELECT DISTINCT chunk.id,
                chunk.document_id,
                chunk.position,
                chunk.heading_path,
                chunk.start,
                chunk.end
           FROM chat_chunk AS found
           JOIN chat_chunk AS chunk
             ON chunk.document_id = found.document_id
            AND chunk.position BETWEEN found.position - %(reach)s AND found.position + %(reach)s
          WHERE found.id = ANY(%(chunk_ids)s)
       ORDER BY chunk.document_id, chunk.position
"""

TEXTS_SQL = """
SELECT span.rank,
       substr(document.text, span.first + 1, span.last - span.first)
  FROM unnest(%(ranks)s::int[], %(document_ids)s::bigint[], %(starts)s::int[], %(ends)s::int[])
       AS span (rank, document_id, first, last)
  JOIN chat_document AS document
    ON document.id = span.document_id
"""


@dataclass(frozen=True, slots=True)
class Span:
    """A chunk's place: its number in its document, its section, and its characters in the document's text."""

    chunk_id: int
    document_id: int
    position: int
    heading_path: str
    start: int
    end: int


def widen(hits: Sequence[Hit], *, size: ContextSize, max_chars: int) -> list[Hit]:
    """Return the hits with the text around them, all together at most `max_chars` unless their own text is longer.

    Two queries; none for single chunks. A hit whose document was deleted or replaced meanwhile keeps its own text.
    """
    if size is ContextSize.CHUNK or not hits:
        return list(hits)
    with connection.cursor() as cursor:
        cursor.execute(AROUND_SQL, {"chunk_ids": [hit.chunk_id for hit in hits], "reach": REACH[size]})
        spans = [Span(*row) for row in cursor.fetchall()]
        grown = grow([hit.chunk_id for hit in hits], spans, size=size, max_chars=max_chars)
        wider = [(hit, *grown[hit.chunk_id]) for hit in hits if hit.chunk_id in grown]
        cursor.execute(
            TEXTS_SQL,
            {
                "ranks": [hit.rank for hit, _, _ in wider],
                "document_ids": [hit.document_id for hit, _, _ in wider],
                "starts": [first.start for _, first, _ in wider],
                "ends": [last.end for _, _, last in wider],
            },
        )
        texts = dict(cursor.fetchall())
    return [replace(hit, text=text) if hit.text in (text := texts.get(hit.rank, "")) else hit for hit in hits]


def grow(
    chunk_ids: Sequence[int], spans: Sequence[Span], *, size: ContextSize, max_chars: int
) -> dict[int, tuple[Span, Span]]:
    """Return the first and last chunk that each found chunk grows to, by its id; found chunks best first.

    `spans` hold the found chunks and those around them. Only chunks that others were added to are returned.
    """
    at = {(span.document_id, span.position): span for span in spans}
    by_id = {span.chunk_id: span for span in spans}
    found = [by_id[chunk_id] for chunk_id in chunk_ids if chunk_id in by_id]
    taken = {span.chunk_id for span in found}
    room = max_chars - sum(span.end - span.start for span in found)
    first = {span.chunk_id: span for span in found}
    last = dict(first)
    growing = [(span, side, step) for span in found for side, step in ((first, -1), (last, 1))]
    for _ in range(REACH[size]):
        still_growing = []
        for span, side, step in growing:
            edge = side[span.chunk_id]
            beside = at.get((edge.document_id, edge.position + step))
            if beside is None or beside.chunk_id in taken:
                continue
            if size is ContextSize.SECTION and beside.heading_path != span.heading_path:
                continue
            added = abs(beside.end - edge.end) if step > 0 else abs(edge.start - beside.start)
            if added > room:
                continue
            room -= added
            taken.add(beside.chunk_id)
            side[span.chunk_id] = beside
            still_growing.append((span, side, step))
        growing = still_growing
    return {
        span.chunk_id: (first[span.chunk_id], last[span.chunk_id])
        for span in found
        if first[span.chunk_id] is not last[span.chunk_id]
    }
