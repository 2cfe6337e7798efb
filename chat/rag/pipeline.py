"""The way of a question: [rewrite] -> embed -> search -> prompt -> model. The only place that knows the order.

A `Run` is asked once for its `events()`; `result()` tells at any time, also after a failure or when it was stopped,
all that happened so far, so that a failed turn is recorded like any other. What was left out or replaced on the way
stands in `degraded`: nothing falls back in silence.
"""

import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from chat.database import in_database
from chat.exceptions import EmbeddingError, GenerationError
from chat.rag.citations import CitationFilter
from chat.rag.config import (
    AnswerRequest,
    AnswerResult,
    Hit,
    LLMCall,
    LLMRequest,
    Prompt,
    Purpose,
    SearchMode,
    StageTimes,
    Usage,
)
from chat.rag.embed import TextEmbedder
from chat.rag.llm import ModelAccess, complete, open_stream, split_model_name
from chat.rag.offline import OFFLINE_MODEL, nothing_found_text, stream_extract
from chat.rag.prices import cost_usd, price_for
from chat.rag.prompt import answer_prompt, rewrite_prompt
from chat.rag.rewrite import follow_up_query
from chat.rag.search import is_relevant, search

logger = logging.getLogger(__name__)

REWRITE_MAX_TOKENS = 200


@dataclass(frozen=True, slots=True)
class Tools:
    """What a run works with; chat/services/answering.py puts it together from rows and settings."""

    embedder: TextEmbedder
    embedder_id: int
    dimensions: int
    access: ModelAccess


@dataclass(frozen=True, slots=True)
class Stage:
    """The run begins "searching" or "answering"."""

    name: str


@dataclass(frozen=True, slots=True)
class Token:
    """Text of the answer, with citations of hits that do not exist already removed."""

    text: str


Event = Stage | Token


class Run:
    """One question on its way."""

    def __init__(self, request: AnswerRequest, tools: Tools) -> None:
        self.request, self.recipe, self.tools = request, request.recipe, tools
        self._started = time.perf_counter()
        self._times = StageTimes()
        self._query = request.question
        self._hits: list[Hit] = []
        self._calls: list[LLMCall] = []
        self._prompt: Prompt | None = None
        self._pieces: list[str] = []
        self._citations = CitationFilter(0)
        self._nothing_found = False
        self._degraded: list[str] = []

    async def events(self) -> AsyncIterator[Event]:
        """Yield stages and tokens. Raises ChatError when a step fails; leaving early stops the model."""
        yield Stage("searching")
        await self._rewrite()
        vector = await self._embed()
        await self._search(vector)
        yield Stage("answering")
        self._nothing_found = not is_relevant(self._hits, min_similarity=self.recipe.min_similarity)
        self._citations = CitationFilter(len(self._hits))
        async with aclosing(self._texts(vector)) as texts:
            async for text in texts:
                if cleaned := self._citations.feed(text):
                    yield self._token(cleaned)
        if rest := self._citations.end():
            yield self._token(rest)
        self._times = replace(self._times, total_seconds=self._elapsed())

    def result(self) -> AnswerResult:
        """Return all that happened so far."""
        times = self._times
        if times.total_seconds is None:
            times = replace(times, total_seconds=self._elapsed())
        return AnswerResult(
            answer="".join(self._pieces),
            search_query=self._query,
            hits=tuple(self._hits),
            cited_ranks=tuple(self._citations.cited_ranks),
            removed_citations=self._citations.removed,
            nothing_found=self._nothing_found,
            prompt_name=self._prompt.name if self._prompt else "",
            prompt_sha256=self._prompt.sha256 if self._prompt else "",
            calls=tuple(self._calls),
            times=times,
            degraded="; ".join(self._degraded),
        )

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
                text = await complete(request, access=self.tools.access, record=self._calls.append)
                self._query = " ".join(text.split()) or question
            except GenerationError as error:
                self._query = follow_up_query(question, history)
                self._degraded.append(f"rewriting failed ({error.code}), the rule was used")
        self._times = replace(self._times, rewrite_seconds=time.perf_counter() - begun)

    async def _embed(self) -> list[float] | None:
        """Return the query's vector. Text search goes on without it, hybrid search falls back to text, and says so."""
        begun = time.perf_counter()
        embedder = self.tools.embedder
        try:
            embedded = await embedder.aembed_query(self._query)
        except EmbeddingError as error:
            self._record_embedding(begun, None, error_code=error.code)
            if self.recipe.search_mode == SearchMode.VECTOR:
                raise
            self._degraded.append("the question could not be embedded, only text was searched")
            return None
        finally:
            self._times = replace(self._times, embed_seconds=time.perf_counter() - begun)
        self._record_embedding(begun, embedded.input_tokens)
        return [float(number) for number in embedded.vector]

    def _record_embedding(self, begun: float, input_tokens: int | None, error_code: str = "") -> None:
        """Count what a server was paid for; the local embedder is no call."""
        provider, model = split_model_name(self.tools.embedder.name)
        if provider == "local":
            return
        usage = Usage(input_tokens, 0) if input_tokens is not None else None
        price = price_for(provider, model, at=datetime.now(UTC), overrides=self.tools.access.price_overrides)
        self._calls.append(
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

    async def _search(self, vector: list[float] | None) -> None:
        begun = time.perf_counter()
        mode = self.recipe.search_mode if vector is not None else SearchMode.TEXT
        self._hits = await in_database(
            search,
            question=self._query,
            query_vector=vector,
            mode=mode,
            collection_id=self.request.collection_id,
            embedder_id=self.tools.embedder_id,
            dimensions=self.tools.dimensions,
            top_k=self.recipe.top_k,
        )
        self._times = replace(self._times, search_seconds=time.perf_counter() - begun)

    async def _texts(self, vector: list[float] | None) -> AsyncGenerator[str]:
        """Yield the raw text of the answer, from whoever gives it."""
        if self._nothing_found:
            yield nothing_found_text(self.request.question)
        elif self.recipe.model == OFFLINE_MODEL:
            async with aclosing(stream_extract(self._query, self._hits, self.tools.embedder, vector)) as texts:
                async for text in texts:
                    yield text
        else:
            self._prompt = answer_prompt(
                self.recipe.prompt, question=self.request.question, hits=self._hits, history=self.request.history
            )
            request = LLMRequest(
                model=self.recipe.model,
                purpose=Purpose.ANSWER,
                prompt=self._prompt,
                temperature=self.recipe.temperature,
                max_output_tokens=self.recipe.max_output_tokens,
            )
            async with open_stream(
                request,
                access=self.tools.access,
                record=self._record_answer,
                fallback_model=self.recipe.fallback_model,
            ) as texts:
                async for text in texts:
                    yield text

    def _record_answer(self, call: LLMCall) -> None:
        if call.model != self.recipe.model:
            self._degraded.append(f"{self.recipe.model} failed, {call.model} answered")
        self._calls.append(call)

    def _token(self, text: str) -> Token:
        if self._times.first_token_seconds is None:
            self._times = replace(self._times, first_token_seconds=self._elapsed())
        self._pieces.append(text)
        return Token(text)

    def _elapsed(self) -> float:
        return time.perf_counter() - self._started
