"""The trace that a request is part of: the W3C `traceparent` header, kept for as long as the request is worked on.

Whoever lets requests in says so once (`joining`), and each question asked meanwhile is stored with it, whichever door
it came through. What is no `traceparent` is as good as none.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

HEADER = "traceparent"
# Version, trace id, parent's span id, flags; a later version may have more behind them.
GRAMMAR = re.compile(r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})")

_incoming: ContextVar[str] = ContextVar("incoming_traceparent", default="")


def read_traceparent(header: str) -> str:
    """Return a header in the form of version 00, "" for what is none by the W3C's grammar."""
    header = header.strip()
    match = GRAMMAR.match(header)
    if match is None or match["version"] == "ff" or not match["trace"].strip("0") or not match["span"].strip("0"):
        return ""
    more = header[match.end() :]
    if more and (match["version"] == "00" or not more.startswith("-")):
        return ""
    return f"00-{match['trace']}-{match['span']}-{match['flags']}"


def incoming_traceparent() -> str:
    """Return the trace of the request that is worked on; "" for none."""
    return _incoming.get()


@contextmanager
def joining(header: str) -> Iterator[None]:
    """Let what is asked in here be part of the trace of a header."""
    token = _incoming.set(read_traceparent(header))
    try:
        yield
    finally:
        _incoming.reset(token)
