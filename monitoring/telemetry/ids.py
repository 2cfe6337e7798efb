"""Ids of a turn's own span and trace. They are made from the turn's own id, so that the web process that answers and
the worker that judges agree on them, and can be read back: who annotates a span elsewhere says of which turn.

A product with an odd number can be undone modulo 2**64. With this one, 2**64 by the golden ratio, the products of ids
that follow each other lie far apart (multiplicative hashing, Knuth, The Art of Computer Programming 3, 6.4). A key of
the site goes in first: several may send to one receiver, for which a span with an id that it knows is no new one.
"""

import hashlib
from functools import cache
from uuid import UUID

from django.conf import settings
from django.db.migrations.recorder import MigrationRecorder

SPANS = 1 << 64  # how many ids of spans there are
FACTOR = 0x9E3779B97F4A7C15
_UNDONE_BY = pow(FACTOR, -1, SPANS)
# No site has as many. A span that is no turn's looks like one of these once in 16 million times.
MOST_TURNS = 1 << 40


@cache
def site_key() -> int:
    """Return 64 bits of this site and its database: its secret key, and when the database was made. One query, once in
    a process."""
    migrations = MigrationRecorder.Migration.objects.filter(app="monitoring")
    made_at = migrations.order_by("id").values_list("applied", flat=True)[0]
    digest = hashlib.sha256(f"{settings.SECRET_KEY}/{made_at.timestamp()}".encode()).digest()
    return int.from_bytes(digest[:8]) | SPANS >> 1  # no turn's id, so that no span's is 0


def span_id_of(turn_id: int, key: int) -> int:
    """Return the 64 bits of a turn's span."""
    return (turn_id ^ key) * FACTOR % SPANS


def trace_id_of(turn_id: int, conversation_id: UUID, key: int) -> int:
    """Return the 128 bits of a turn's trace, where it has one of its own. The first half is its span's; samplers look
    at the second, which is as good as random."""
    digest = hashlib.sha256(f"{conversation_id}/{turn_id}".encode()).digest()
    return span_id_of(turn_id, key) * SPANS + int.from_bytes(digest[:8])


def turn_id_of_span(span_id: int, key: int) -> int | None:
    """Return whose span it is; None: no turn's of this site."""
    turn_id = (span_id * _UNDONE_BY % SPANS) ^ key
    return turn_id if 0 < turn_id < MOST_TURNS else None


def turn_id_of_trace(trace_id: int, key: int) -> int | None:
    """Return whose own trace it is; None: it is of a request, of another site or program."""
    return turn_id_of_span(trace_id // SPANS, key)
