"""From a question to its hits: [rewrite] -> embed -> search. The same code for a live answer and for an evaluation.

A `Retrieval` is run once; `retrieved` tells at any time, also after a failure or when it was stopped, what happened so
far. `retrieve` is both in one call, for whoever wants the hits and no answer.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from chat.database import in_database
from chat.exceptions import EmbeddingError, GenerationError
from chat.rag.config import (
    AnswerRequest,
    Hit,
    LLMCall,
    LLMRequest,
    Purpose,
    Retrieved,
    SearchMode,
    StageTimes,
    Usage,
)
from chat.rag.embed import TextEmbedder
from chat.rag.llm import ModelAccess, complete, split_model_name
from chat.rag.offline import OFFLINE_MODEL
from chat.rag.prices import cost_usd, price_for
from chat.rag.prompt import rewrite_prompt
from chat.rag.rewrite import follow_up_query
from chat.rag.search import search

REWRITE_MAX_TOKENS = 200

Record = Callable[[LLMCall], None]


@dataclass(frozen=True, slots=True)
class Tools:
    """What a question is worked on with; chat/services/answering.py puts it together from rows and settings."""

    embedder: TextEmbedder
    embedder_id: int
    dimensions: int
    access: ModelAccess


async def retrieve(request: AnswerRequest, tools: Tools, record: Record) -> Retrieved:
    """Return what is found for a question. `record` is given each call to a model, failed ones too.

    Raises ChatError when a step fails that cannot be done without.
    """
    return await Retrieval(request, tools, record).run()


class Retrieval:
    """One question on its way to its hits."""

    def __init__(self, request: AnswerRequest, tools: Tools, record: Record) -> None:
        self.request, self.recipe, self.tools = request, request.recipe, tools
        self._record = record
        self._times = StageTimes()
        self._query = request.question
        self._vector: list[float] | None = None
        self._hits: list[Hit] = []
        self._degraded: list[str] = []

    @property
    def retrieved(self) -> Retrieved:
        """What happened so far."""
        return Retrieved(
            query=self._query,
            vector=None if self._vector is None else tuple(self._vector),
            hits=tuple(self._hits),
            times=self._times,
            degraded="; ".join(self._degraded),
        )

    async def run(self) -> Retrieved:
        """Go all the way. Raises ChatError when a step fails that cannot be done without."""
        await self._rewrite()
        await self._embed()
        await self._search()
        return self.retrieved

    async def _rewrite(self) -> None:
        """Make a question that stands alone of one that follows up; by rule where there is no model."""
        question, history = self.request.question, self.request.history
        if not (history and self.recipe.rewrite):
            return
        begun = time.perf_counter()
        if self.recipe.model == OFFLINE_MODEL:
            self._query = follow_up_query(question, history)
        else:
            request = LLMRequest(
                model=self.recipe.model,
                purpose=Purpose.REWRITE,
                prompt=rewrite_prompt(question=question, history=history),
                temperature=self.recipe.temperature,
                max_output_tokens=REWRITE_MAX_TOKENS,
            )
            try:
                text = await complete(request, access=self.tools.access, record=self._record)
                self._query = " ".join(text.split()) or question
            except GenerationError as error:
                self._query = follow_up_query(question, history)
                self._degraded.append(f"rewriting failed ({error.code}), the rule was used")
        self._times = replace(self._times, rewrite_seconds=time.perf_counter() - begun)

    async def _embed(self) -> None:
        """Make the query's vector. Text search goes on without it, hybrid search falls back to text, and says so."""
        begun = time.perf_counter()
        try:
            embedded = await self.tools.embedder.aembed_query(self._query)
        except EmbeddingError as error:
            self._record_embedding(begun, None, error_code=error.code)
            if self.recipe.search_mode == SearchMode.VECTOR:
                raise
            self._degraded.append("the question could not be embedded, only text was searched")
        else:
            self._record_embedding(begun, embedded.input_tokens)
            self._vector = [float(number) for number in embedded.vector]
        finally:
            self._times = replace(self._times, embed_seconds=time.perf_counter() - begun)

    def _record_embedding(self, begun: float, input_tokens: int | None, error_code: str = "") -> None:
        """Count what a server was paid for; the local embedder is no call."""
        provider, model = split_model_name(self.tools.embedder.name)
        if provider == "local":
            return
        usage = Usage(input_tokens, 0) if input_tokens is not None else None
        price = price_for(provider, model, at=datetime.now(UTC), overrides=self.tools.access.price_overrides)
        self._record(
            LLMCall(
                purpose=Purpose.EMBEDDING,
                model=self.tools.embedder.name,
                prompt_name="",
                prompt_sha256="",
                duration_seconds=time.perf_counter() - begun,
                usage=usage,
                price=price,
                cost_usd=cost_usd(usage, price),
                error_code=error_code,
            )
        )

    async def _search(self) -> None:
        begun = time.perf_counter()
        mode = self.recipe.search_mode if self._vector is not None else SearchMode.TEXT
        self._hits = await in_database(
            search,
            question=self._query,
            query_vector=self._vector,
            mode=mode,
            collection_id=self.request.collection_id,
            embedder_id=self.tools.embedder_id,
            dimensions=self.tools.dimensions,
            top_k=self.recipe.top_k,
        )
        self._times = replace(self._times, search_seconds=time.perf_counter() - begun)
