"""Searching the knowledge base without asking a model: the hits alone, and how they were found."""

import time
from dataclasses import dataclass

from chat.exceptions import EmbeddingError
from chat.models import Embedder
from chat.rag.config import Hit, SearchMode
from chat.rag.search import is_relevant, search
from chat.services.budgets import check_budgets
from chat.services.configs import default_config, ensure_default_config
from chat.services.embedding import embed_query
from chat.services.knowledge import embedder_of


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found, best first. `mode`: as searched, which `degraded` explains where it is not as asked for."""

    mode: SearchMode
    embedder: str  # empty: nothing was embedded
    hits: tuple[Hit, ...]
    is_relevant: bool  # by the default config's threshold: an answer would be tried
    min_similarity: float
    embed_seconds: float | None
    search_seconds: float
    degraded: str = ""


def search_documents(
    *,
    question: str,
    mode: str = "",
    collection_id: int | None = None,
    limit: int | None = None,
    origin: str,
    user_id: int | None = None,
) -> Found:
    """Search as the default config does, with a mode or number of hits of one's own, and without its further stages
    (phrasings, re-ranking).

    `user_id`: whose budget the vector of the question counts for. Where the question cannot be embedded, hybrid search
    falls back to text, as in an answer. Raises EmbeddingError in vector mode then, ConfigurationError where the
    embedder is not set up, and BudgetUsedUpError where it costs and a budget has no room; text mode costs nothing.
    """
    config = default_config() or ensure_default_config()
    recipe, asked_mode = config.recipe(), SearchMode(mode or config.search_mode)
    vector, embed_seconds, degraded = None, None, ""
    if asked_mode is not SearchMode.TEXT:
        if user_id is not None:
            check_budgets(user_id=user_id, models=[config.embedder.name])
        begun = time.perf_counter()
        try:
            vector = _vector(config.embedder, question, origin, user_id)
            embed_seconds = time.perf_counter() - begun
        except EmbeddingError:
            if asked_mode is SearchMode.VECTOR:
                raise
            degraded = "the question could not be embedded, only text was searched"
    searched = asked_mode if vector is not None else SearchMode.TEXT
    begun = time.perf_counter()
    hits = search(
        question=question,
        query_vector=vector,
        mode=searched,
        collection_id=collection_id,
        embedder_id=config.embedder.pk,
        dimensions=config.embedder.dimensions,
        top_k=limit or config.top_k,
        fusion=recipe.fusion,
    )
    return Found(
        mode=searched,
        embedder=config.embedder.name if vector is not None else "",
        hits=tuple(hits),
        is_relevant=is_relevant(hits, min_similarity=config.min_similarity),
        min_similarity=config.min_similarity,
        embed_seconds=embed_seconds,
        search_seconds=time.perf_counter() - begun,
        degraded=degraded,
    )


def _vector(row: Embedder, question: str, origin: str, user_id: int | None) -> list[float]:
    embedded = embed_query(embedder_of(row), question, origin=origin, user_id=user_id)
    return [float(number) for number in embedded.vector]
