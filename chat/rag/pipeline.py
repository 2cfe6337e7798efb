"""The way of a question: retrieve (see retrieve.py) -> [context] -> prompt -> model. With retrieve.py the only place
that knows the order.

A `Run` is asked once for its `events()`; `result()` tells at any time, also after a failure or when it was stopped,
all that happened so far, so that a failed turn is recorded like any other. What was left out or replaced on the way
stands in `degraded`: nothing falls back in silence.
"""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from chat.database import in_database
from chat.rag.citations import CitationFilter
from chat.rag.config import (
    AnswerRequest,
    AnswerResult,
    ContextSize,
    Hit,
    LLMCall,
    LLMRequest,
    Prompt,
    Purpose,
    Retrieved,
)
from chat.rag.context import widen
from chat.rag.llm import open_stream
from chat.rag.offline import OFFLINE_MODEL, nothing_found_text, stream_extract
from chat.rag.prompt import SOURCES_MAX_CHARS, answer_prompt
from chat.rag.retrieve import Retrieval, Tools

__all__ = ["Event", "Run", "Stage", "Token", "Tools"]


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
        self._first_token_seconds: float | None = None
        self._total_seconds: float | None = None
        self._calls: list[LLMCall] = []
        self._retrieval = Retrieval(request, tools, self._calls.append)
        self._context_seconds: float | None = None
        self._prompt: Prompt | None = None
        self._pieces: list[str] = []
        self._citations = CitationFilter(0)
        self._degraded: list[str] = []

    async def events(self) -> AsyncIterator[Event]:
        """Yield stages and tokens. Raises ChatError when a step fails; leaving early stops the model."""
        yield Stage("searching")
        retrieved = await self._retrieval.run()
        yield Stage("answering")
        self._citations = CitationFilter(len(retrieved.hits))
        async with aclosing(self._texts(retrieved)) as texts:
            async for text in texts:
                if cleaned := self._citations.feed(text):
                    yield self._token(cleaned)
        if rest := self._citations.end():
            yield self._token(rest)
        self._total_seconds = self._elapsed()

    def result(self) -> AnswerResult:
        """Return all that happened so far."""
        retrieved = self._retrieval.retrieved
        times = replace(
            retrieved.times,
            context_seconds=self._context_seconds,
            first_token_seconds=self._first_token_seconds,
            total_seconds=self._elapsed() if self._total_seconds is None else self._total_seconds,
        )
        return AnswerResult(
            answer="".join(self._pieces),
            search_query=retrieved.query,
            hits=retrieved.hits,
            cited_ranks=tuple(self._citations.cited_ranks),
            removed_citations=self._citations.removed,
            nothing_found=retrieved.nothing_found,
            prompt_name=self._prompt.name if self._prompt else "",
            prompt_sha256=self._prompt.sha256 if self._prompt else "",
            calls=tuple(self._calls),
            times=times,
            degraded="; ".join(filter(None, [retrieved.degraded, *self._degraded])),
        )

    async def _texts(self, retrieved: Retrieved) -> AsyncGenerator[str]:
        """Yield the raw text of the answer, from whoever gives it."""
        if retrieved.nothing_found:
            yield nothing_found_text(self.request.question)
        elif self.recipe.model == OFFLINE_MODEL:
            extract = stream_extract(retrieved.query, retrieved.hits, self.tools.embedder, retrieved.vector)
            async with aclosing(extract) as texts:
                async for text in texts:
                    yield text
        else:
            self._prompt = answer_prompt(
                self.recipe.prompt,
                question=self.request.question,
                hits=await self._with_context(retrieved.hits),
                history=self.request.history,
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

    async def _with_context(self, hits: Sequence[Hit]) -> Sequence[Hit]:
        """Return the hits with as much of their documents as the model is to see."""
        if self.recipe.context is ContextSize.CHUNK:
            return hits
        begun = time.perf_counter()
        wider = await in_database(widen, hits, size=self.recipe.context, max_chars=SOURCES_MAX_CHARS)
        self._context_seconds = time.perf_counter() - begun
        return wider

    def _record_answer(self, call: LLMCall) -> None:
        if call.model != self.recipe.model:
            self._degraded.append(f"{self.recipe.model} failed, {call.model} answered")
        self._calls.append(call)

    def _token(self, text: str) -> Token:
        if self._first_token_seconds is None:
            self._first_token_seconds = self._elapsed()
        self._pieces.append(text)
        return Token(text)

    def _elapsed(self) -> float:
        return time.perf_counter() - self._started
