"""From a question to its hits: [rewrite] -> [expand] -> embed -> search -> [limit per document] -> [rerank]. The same
code for a live answer and for an evaluation. A stage that is off costs nothing; one that fails is left out, and
`degraded` says so.

A `Retrieval` is run once; `retrieved` tells at any time, also after a failure or when it was stopped, what happened so
far. `retrieve` is both in one call, for whoever wants the hits and no answer.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from chat.database import in_database
from chat.exceptions import ConfigurationError, EmbeddingError, GenerationError
from chat.rag.chunk import embedding_text
from chat.rag.config import (
    AnswerRequest,
    Hit,
    LLMRequest,
    Prompt,
    Purpose,
    Reranker,
    Retrieved,
    SearchMode,
    StageTimes,
)
from chat.rag.embed import Embedded, LocalEmbedder, TextEmbedder
from chat.rag.expand import PHRASINGS_SCHEMA, read_phrasings
from chat.rag.llm import ModelAccess, complete
from chat.rag.offline import OFFLINE_MODEL
from chat.rag.prompt import multi_query_prompt, rerank_prompt, rewrite_prompt
from chat.rag.rankings import fuse_rankings, limit_per_document, reordered
from chat.rag.rerank import LOCAL_MAX_TOKENS, RANKING_SCHEMA, local_ranking, read_ranking
from chat.rag.rewrite import follow_up_query
from chat.rag.search import is_relevant, search
from chat.rag.stage_calls import Record, ask_for_list, embedding_call
from chat.rag.word_pairs import count_pairs

REWRITE_MAX_TOKENS = 200
# How deep each phrasing is searched at least: what several find at rank 10 is better than what one finds at rank 5.
PHRASING_DEPTH = 20
# Where a few documents have most of the hits, search goes deeper for those of others, up to here.
LIMITED_DEPTH_MAX = 200


@dataclass(frozen=True, slots=True)
class Tools:
    """What a question is worked on with; chat/services/answering.py puts it together from rows and settings."""

    embedder: TextEmbedder
    embedder_id: int
    dimensions: int
    access: ModelAccess
    reranker: LocalEmbedder  # loaded when it re-ranks for the first time


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
        self._phrasings = [request.question]  # the first one is the query
        self._vectors: list[list[float] | None] = []  # of the phrasings
        self._hits: list[Hit] = []
        self._nothing_found = False
        self._degraded: list[str] = []

    @property
    def retrieved(self) -> Retrieved:
        """What happened so far."""
        vector = self._vectors[0] if self._vectors else None
        return Retrieved(
            query=self._phrasings[0],
            vector=None if vector is None else tuple(vector),
            phrasings=tuple(self._phrasings),
            hits=tuple(self._hits[: self.recipe.top_k]),
            nothing_found=self._nothing_found,
            times=self._times,
            degraded="; ".join(self._degraded),
        )

    async def run(self) -> Retrieved:
        """Go all the way. Raises ChatError when a step fails that cannot be done without."""
        await self._rewrite()
        await self._expand()
        await self._embed()
        await self._search()
        await self._rerank()
        return self.retrieved

    async def _rewrite(self) -> None:
        """Make a question that stands alone of one that follows up; by rule where there is no model."""
        question, history = self.request.question, self.request.history
        if not (history and self.recipe.rewrite):
            return
        begun = time.perf_counter()
        if self.recipe.model == OFFLINE_MODEL:
            self._phrasings = [follow_up_query(question, history)]
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
                self._phrasings = [" ".join(text.split()) or question]
            except GenerationError as error:
                self._phrasings = [follow_up_query(question, history)]
                self._degraded.append(f"rewriting failed ({error.code}), the rule was used")
        self._times = replace(self._times, rewrite_seconds=time.perf_counter() - begun)

    async def _expand(self) -> None:
        """Add further phrasings by the model."""
        count = self.recipe.query_count - 1
        if count < 1:
            return
        begun = time.perf_counter()
        query = self._phrasings[0]
        prompt = multi_query_prompt(question=query, count=count)
        reply = await self._ask("further phrasings", Purpose.REWRITE, self.recipe.model, prompt, PHRASINGS_SCHEMA)
        if reply is not None:
            phrasings = read_phrasings(reply, question=query, count=count)
            self._phrasings += phrasings
            if not phrasings:
                self._degraded.append("further phrasings left out: the reply has none")
        self._times = replace(self._times, expand_seconds=time.perf_counter() - begun)

    async def _ask(
        self, stage: str, purpose: Purpose, model: str, prompt: Prompt, schema: Mapping[str, object]
    ) -> str | None:
        """Return a model's reply for a stage that an answer can do without; None, with the reason noted, if there is
        none."""
        if model == OFFLINE_MODEL:
            self._degraded.append(f"{stage} left out: it needs a language model")
            return None
        try:
            return await ask_for_list(
                prompt,
                model=model,
                purpose=purpose,
                schema=schema,
                temperature=self.recipe.temperature,
                access=self.tools.access,
                record=self._record,
            )
        except (GenerationError, ConfigurationError) as error:
            self._degraded.append(f"{stage} left out: {model} failed ({error.code})")
            return None

    async def _embed(self) -> None:
        """Make the phrasings' vectors. Without the query's own, hybrid search falls back to text, and says so."""
        begun = time.perf_counter()
        try:
            vectors = await asyncio.gather(*map(self._vector, self._phrasings))
        finally:
            self._times = replace(self._times, embed_seconds=time.perf_counter() - begun)
        if isinstance(vectors[0], EmbeddingError):
            if self.recipe.search_mode == SearchMode.VECTOR:
                raise vectors[0]
            self._degraded.append("the question could not be embedded, only text was searched")
            self._vectors = [None] * len(self._phrasings)
            return
        embedded = [
            (phrasing, vector)
            for phrasing, vector in zip(self._phrasings, vectors, strict=True)
            if not isinstance(vector, EmbeddingError)
        ]
        if lost := len(self._phrasings) - len(embedded):
            self._degraded.append(f"{lost} of the further phrasings could not be embedded and were left out")
        self._phrasings = [phrasing for phrasing, _ in embedded]
        self._vectors = [vector for _, vector in embedded]

    async def _vector(self, text: str) -> list[float] | EmbeddingError:
        """Return the vector of a text, or why there is none. What a server was paid for is recorded."""
        begun = time.perf_counter()
        try:
            embedded = await self.tools.embedder.aembed_query(text)
        except EmbeddingError as error:
            self._record_embedding(begun, None, error.code)
            return error
        self._record_embedding(begun, embedded)
        return [float(number) for number in embedded.vector]

    def _record_embedding(self, begun: float, embedded: Embedded | None, error_code: str = "") -> None:
        name, overrides = self.tools.embedder.name, self.tools.access.price_overrides
        if call := embedding_call(name, begun, embedded, overrides=overrides, error_code=error_code):
            self._record(call)

    async def _search(self) -> None:
        """Search each phrasing, as deep as the stages behind want it."""
        begun = time.perf_counter()
        recipe = self.recipe
        wanted = max(recipe.top_k, recipe.rerank_depth) if recipe.rerank else recipe.top_k
        depth = wanted if len(self._phrasings) == 1 else max(wanted, PHRASING_DEPTH)
        while True:
            rankings = await asyncio.gather(*(self._found(number, depth) for number in range(len(self._phrasings))))
            hits = fuse_rankings(rankings)
            if recipe.max_per_document:
                hits = limit_per_document(hits, recipe.max_per_document)
            there_is_more = any(len(ranking) == depth for ranking in rankings)
            if len(hits) >= wanted or not there_is_more or not recipe.max_per_document or depth >= LIMITED_DEPTH_MAX:
                break
            depth = min(4 * depth, LIMITED_DEPTH_MAX)
        self._hits = hits[:wanted]
        self._nothing_found = not is_relevant(self._hits, min_similarity=recipe.min_similarity)
        self._times = replace(self._times, search_seconds=time.perf_counter() - begun)

    async def _found(self, number: int, depth: int) -> list[Hit]:
        """Return what one phrasing finds, best first."""
        vector = self._vectors[number]
        return await in_database(
            search,
            question=self._phrasings[number],
            query_vector=vector,
            mode=self.recipe.search_mode if vector is not None else SearchMode.TEXT,
            collection_id=self.request.collection_id,
            embedder_id=self.tools.embedder_id,
            dimensions=self.tools.dimensions,
            top_k=depth,
            fusion=self.recipe.fusion,
        )

    async def _rerank(self) -> None:
        """Put the first hits into a better order; where nothing was found there is none."""
        if self.recipe.rerank is Reranker.NONE or self._nothing_found or len(self._hits) < 2:
            return
        begun = time.perf_counter()
        hits = self._hits[: self.recipe.rerank_depth]
        by = self._order_locally if self.recipe.rerank is Reranker.LOCAL else self._order_by_model
        if order := await by(self._phrasings[0], hits):
            self._hits = reordered(self._hits, order)
        self._times = replace(self._times, rerank_seconds=time.perf_counter() - begun)

    async def _order_by_model(self, query: str, hits: Sequence[Hit]) -> Sequence[int]:
        """Return the hits' ranks in a language model's order; none, with the reason noted, where it gives none."""
        prompt = rerank_prompt(question=query, hits=hits)
        model = self.recipe.rerank_model or self.recipe.model
        reply = await self._ask("re-ranking", Purpose.RERANK, model, prompt, RANKING_SCHEMA)
        if reply is None:
            return ()
        order = read_ranking(reply, count=len(hits))
        if order is None:
            self._degraded.append("re-ranking left out: the reply is no ranking")
            return ()
        return order or [hit.rank for hit in hits]

    async def _order_locally(self, query: str, hits: Sequence[Hit]) -> Sequence[int]:
        """Return the ranks of as many hits as the local model reads in time, in its order."""
        texts = [query, *(embedding_text(hit.document_title, hit.heading_path, hit.text) for hit in hits)]
        try:
            question, *passages = await self.tools.reranker.atoken_vectors(texts, max_tokens=LOCAL_MAX_TOKENS)
        except ConfigurationError as error:
            self._degraded.append(f"re-ranking left out: the local model failed ({error.code})")
            return ()
        read = hits[: len(passages)]
        pairs = await in_database(count_pairs, question=query, chunk_ids=[hit.chunk_id for hit in read])
        return await asyncio.to_thread(local_ranking, read, question=question, passages=passages, pairs=pairs)
