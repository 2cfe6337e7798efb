"""Ids of a turn's own span and trace. They are made from the turn's own id, so that the web process that answers and
the worker that judges agree on them, and can be read back: who annotates a span elsewhere says of which turn.

A product with an odd number can be undone modulo 2**64. With this one, 2**64 by the golden ratio, the products of ids
that follow each other lie far apart (multiplicative hashing, Knuth, The Art of Computer Programming 3, 6.4).
"""

import hashlib
from uuid import UUID

SPANS = 1 << 64  # how many ids of spans there are
FACTOR = 0x9E3779B97F4A7C15
_UNDONE_BY = pow(FACTOR, -1, SPANS)
# No site has as many. A span that is no turn's looks like one of these once in 16 million times.
MOST_TURNS = 1 << 40


def span_id_of(turn_id: int) -> int:
    """Return the 64 bits of a turn's span."""
    return turn_id * FACTOR % SPANS


def trace_id_of(turn_id: int, conversation_id: UUID) -> int:
    """Return the 128 bits of a turn's trace, where it has one of its own. The first half is its span's; samplers look
    at the second, which is as good as random."""
    digest = hashlib.sha256(f"{conversation_id}/{turn_id}".encode()).digest()
    return span_id_of(turn_id) * SPANS + int.from_bytes(digest[:8])


def turn_id_of_span(span_id: int) -> int | None:
    """Return whose span it is; None: no turn's."""
    turn_id = span_id * _UNDONE_BY % SPANS
    return turn_id if 0 < turn_id < MOST_TURNS else None


def turn_id_of_trace(trace_id: int) -> int | None:
    """Return whose own trace it is; None: it is of a request, or of another program."""
    return turn_id_of_span(trace_id // SPANS)
