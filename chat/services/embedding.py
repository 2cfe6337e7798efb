"""Vectors made outside an answer, such as those of documents: what a server is paid for them is stored as a call."""

import time
from collections.abc import Sequence

from chat.exceptions import EmbeddingError
from chat.rag.embed import Embedded, TextEmbedder
from chat.rag.stage_calls import embedding_call
from chat.services.prices import price_overrides
from chat.services.turns import record_calls


def embed_documents(
    embedder: TextEmbedder, texts: Sequence[str], *, origin: str, user_id: int | None = None
) -> Embedded:
    """Embed texts patiently, and store the call with its cost; the local embedder makes none.

    `origin` says what the vectors are for, `user_id` whose budget they count for. Raises EmbeddingError, whose call is
    stored too, and ConfigurationError.
    """
    begun = time.perf_counter()
    try:
        embedded = embedder.embed_documents(texts)
    except EmbeddingError as error:
        _record(embedder, begun, None, origin, error.code, user_id=user_id)
        raise
    _record(embedder, begun, embedded, origin, user_id=user_id)
    return embedded


def embed_query(embedder: TextEmbedder, text: str, *, origin: str, user_id: int | None = None) -> Embedded:
    """Embed one question while somebody waits; else as `embed_documents`."""
    begun = time.perf_counter()
    try:
        embedded = embedder.embed_query(text)
    except EmbeddingError as error:
        _record(embedder, begun, None, origin, error.code, user_id=user_id)
        raise
    _record(embedder, begun, embedded, origin, user_id=user_id)
    return embedded


def _record(
    embedder: TextEmbedder,
    begun: float,
    embedded: Embedded | None,
    origin: str,
    error_code: str = "",
    *,
    user_id: int | None = None,
) -> None:
    call = embedding_call(embedder.name, begun, embedded, overrides=price_overrides(), error_code=error_code)
    if call:
        record_calls(calls=[call], origin=origin, user_id=user_id)
