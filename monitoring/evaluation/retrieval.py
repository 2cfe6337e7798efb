"""Rankings of many questions by one config, fast: each distinct question is embedded once for all configs that use the
same embedder, and questions are searched in batches, by the code that searches for live answers."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chat.models import PipelineConfig
from chat.rag.config import Hit, LLMCall, Query, Recipe, SearchMode
from chat.rag.retrieve import Tools
from chat.rag.rewrite import follow_up_query
from chat.rag.search import search_many
from chat.rag.stage_calls import Record, embedding_call
from chat.services.answering import tools_of
from monitoring.evaluation.questions import Question

# Questions embedded, searched and written together: what is lost when the process dies, and how often progress shows.
BATCH_QUESTIONS = 256


@dataclass(frozen=True, slots=True)
class Ranking:
    """What was found for one question, best first, with the search's score of each chunk."""

    chunk_ids: tuple[int, ...] = ()
    document_ids: tuple[int, ...] = ()
    hit_scores: tuple[float, ...] = ()
    search_seconds: float | None = None
    best_similarity: float | None = None  # of any hit; None: none has one


class QuestionVectors:
    """Vectors of questions, kept for the runs of one process: those of several configs ask the same questions."""

    def __init__(self) -> None:
        self._kept: dict[int, dict[str, NDArray[np.float32]]] = {}

    def of(self, tools: Tools, texts: Sequence[str], record: Record) -> list[NDArray[np.float32]]:
        """Return the vectors of `texts`, each distinct one embedded once. `record` is given the call where a server
        did it. Raises EmbeddingError."""
        kept = self._kept.setdefault(tools.embedder_id, {})
        if missing := [text for text in dict.fromkeys(texts) if text not in kept]:
            begun = time.perf_counter()
            embedded = tools.embedder.embed_documents(missing)
            overrides = tools.access.price_overrides
            if call := embedding_call(tools.embedder.name, begun, embedded, overrides=overrides):
                record(call)
            kept.update(zip(missing, embedded.vectors, strict=True))
        return [kept[text] for text in texts]


class Searcher:
    """Finds by one config."""

    def __init__(self, config: PipelineConfig, vectors: QuestionVectors, recipe: Recipe | None = None) -> None:
        """`recipe`: in place of the config's own. Reads `embedder`. Raises ConfigurationError when that is not set up
        here."""
        self._recipe, self._tools, self._vectors = recipe or config.recipe(), tools_of(config), vectors
        # of the last batch
        self.embed_seconds = 0.0
        self.calls: list[LLMCall] = []

    def rankings(self, questions: Sequence[Question]) -> list[Ranking]:
        """Return what is found for each question, in order. Raises RetrievalError."""
        self.calls = []
        begun = time.perf_counter()
        queries = self._queries(questions)
        self.embed_seconds = time.perf_counter() - begun
        begun = time.perf_counter()
        found = search_many(
            queries=queries,
            mode=self._recipe.search_mode,
            embedder_id=self._tools.embedder_id,
            dimensions=self._tools.dimensions,
            top_k=self._recipe.top_k,
            fusion=self._recipe.fusion,
        )
        seconds = (time.perf_counter() - begun) / max(len(questions), 1)
        return [ranking_of(hits, search_seconds=seconds) for hits in found]

    def _queries(self, questions: Sequence[Question]) -> list[Query]:
        texts = [self._text(question) for question in questions]
        vectors: Sequence[NDArray[np.float32] | None] = [None] * len(texts)
        if self._recipe.search_mode is not SearchMode.TEXT:
            vectors = self._vectors.of(self._tools, texts, self.calls.append)
        return [
            Query(text, None if vector is None else vector.tolist(), question.collection_id)
            for text, vector, question in zip(texts, vectors, questions, strict=True)
        ]

    def _text(self, question: Question) -> str:
        """What is searched: a question that follows up is rewritten by the rule, since no model is asked here."""
        if question.history and self._recipe.rewrite:
            return follow_up_query(question.question, question.history)
        return question.question


def ranking_of(hits: Sequence[Hit], *, search_seconds: float | None) -> Ranking:
    """Return the ranking that hits stand for."""
    return Ranking(
        chunk_ids=tuple(hit.chunk_id for hit in hits),
        document_ids=tuple(hit.document_id for hit in hits),
        hit_scores=tuple(hit.score for hit in hits),
        search_seconds=search_seconds,
        best_similarity=max((hit.similarity for hit in hits if hit.similarity is not None), default=None),
    )
