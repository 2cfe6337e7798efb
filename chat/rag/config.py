"""The data that moves between the steps of the pipeline: frozen dataclasses and nothing else.

Everything is plain data so that a step can be tested, timed and replaced alone. Times are seconds, money is US dollars
(Decimal), null means unknown or "did not happen", never zero.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import Literal


class SearchMode(StrEnum):
    """How hits are found."""

    TEXT = "text"
    VECTOR = "vector"
    HYBRID = "hybrid"


class FusionMethod(StrEnum):
    """How hybrid search makes one score of a chunk's score by words and its similarity."""

    RRF = "rrf"  # by the ranks of the two legs
    CONVEX = "convex"  # score by words, the best counting 1, and similarity
    SUM = "sum"  # both as they are, on scales that go together


@dataclass(frozen=True, slots=True)
class Bm25:
    """How words are counted: `k1` and `b` as in the literature, what a word in title or headings counts for, where one
    in the text counts 1, and what is added for a pair of words that stand together as in the question."""

    k1: float = 1.2
    b: float = 0.75
    title_weight: float = 2.0
    heading_weight: float = 1.0
    pair_weight: float = 1.5
    # How much is looked at (chat/rag/lexical.py). With these, the first ten hits among 100,000 chunks are to 0.98 those
    # of a look at everything, and among 1,000,000 to 0.83 (to 0.37 if the limits did not grow).
    min_postings: int = 2_000
    max_postings: int = 30_000
    postings_share: float = 0.1  # of the number of chunks
    scored_chunks: int = 300
    scored_share: float = 0.001


@dataclass(frozen=True, slots=True)
class Fusion:
    """How words are counted, and how hybrid search weighs its two legs."""

    method: FusionMethod = FusionMethod.SUM
    text_weight: float = 0.5  # 0..1; the vector leg has the rest
    rrf_k: int = 60
    depth: int = 50  # how many chunks of each leg are fused
    bm25: Bm25 = Bm25()


DEFAULT_FUSION = Fusion()


@dataclass(frozen=True, slots=True)
class Query:
    """A question to search for; `vector` is the question by the embedder that is searched, None for text search."""

    question: str
    vector: Sequence[float] | None
    collection_id: int | None  # None: all collections


class Reranker(StrEnum):
    """Who puts the hits of a search into a better order."""

    NONE = ""
    LLM = "llm"
    LOCAL = "local"


class ContextSize(StrEnum):
    """How much of a document around each hit goes into the prompt."""

    CHUNK = "chunk"
    NEIGHBOURS = "neighbours"
    SECTION = "section"


class Purpose(StrEnum):
    """What an LLM call was made for."""

    ANSWER = "answer"
    REWRITE = "rewrite"
    RERANK = "rerank"
    JUDGE = "judge"
    QUESTION = "question"
    EMBEDDING = "embedding"


@dataclass(frozen=True, slots=True)
class Recipe:
    """A pipeline config as the pipeline sees it: which steps, with which settings."""

    search_mode: SearchMode
    embedder: str  # name of an Embedder row, e.g. "local/all-MiniLM-L6-v2"
    top_k: int
    model: str  # "provider/model", e.g. "offline/extractive"
    prompt: str  # file name in prompts/ without suffix, e.g. "answer_v1"
    fallback_model: str = ""  # tried once when `model` fails before its first token; empty: none
    temperature: float | None = None  # None: the server's default, the parameter is not sent
    max_output_tokens: int | None = None
    min_similarity: float = 0.0  # below this best cosine similarity nothing relevant was found
    rewrite: bool = True  # rewrite follow-up questions with the history
    fusion: Fusion = DEFAULT_FUSION  # of hybrid search
    query_count: int = 1  # phrasings that are searched: the question, and further ones by the model
    max_per_document: int = 0  # hits of one document; 0: any number
    rerank: Reranker = Reranker.NONE
    rerank_depth: int = 20  # hits of the search that are put into a new order
    rerank_model: str = ""  # "provider/model"; empty: `model`
    context: ContextSize = ContextSize.CHUNK

    @property
    def is_plain_search(self) -> bool:
        """Whether a search of the question ranks hits as the whole retrieval does: no stage that changes it is on."""
        return self.query_count == 1 and not self.max_per_document and self.rerank is Reranker.NONE


@dataclass(frozen=True, slots=True)
class Exchange:
    """One earlier question and its answer, oldest first in a history."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Hit:
    """A retrieved chunk for one question. `rank` starts at 1. `score` is the search's, also of hits that were
    re-ranked; `search_rank` is their rank before that, None without re-ranking. The rank of a leg is None where that
    leg did not find the chunk, `text_score` where no word of the question is in it or words were not looked at;
    `similarity` is the cosine in -1..1, None where it was not computed."""

    rank: int
    score: float
    chunk_id: int
    document_id: int
    document_title: str
    heading_path: str
    text: str
    text_rank: int | None = None
    text_score: float | None = None
    vector_rank: int | None = None
    similarity: float | None = None
    search_rank: int | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One chat message as sent to a model."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """Messages ready to send, with the name and SHA-256 of the prompt file that made them."""

    name: str
    sha256: str
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class LLMRequest:
    """What is asked of a model."""

    model: str  # "provider/model"
    purpose: Purpose
    prompt: Prompt
    temperature: float | None = None
    max_output_tokens: int | None = None
    output_schema: Mapping[str, object] | None = None  # a JSON schema; a server that knows none is asked without


# As many as are stored of a call; a server that counts more has not counted.
TOKENS_MAX = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the server counted them, or as estimated where it did not (`estimated`)."""

    input_tokens: int
    output_tokens: int
    cached_input_tokens: int = 0  # part of the input tokens
    estimated: bool = False
    reasoning_tokens: int = 0  # part of the output tokens, as far as the server says


@dataclass(frozen=True, slots=True)
class Price:
    """Unit prices in US dollars for a million tokens at the time of a call; None: unknown."""

    input_usd_per_million: Decimal | None = None
    output_usd_per_million: Decimal | None = None
    cached_input_usd_per_million: Decimal | None = None


@dataclass(frozen=True, slots=True)
class LLMCall:
    """One finished request to a model, failed ones too (`error_code`), as it is stored."""

    purpose: Purpose
    model: str
    prompt_name: str
    prompt_sha256: str
    duration_seconds: float
    first_token_seconds: float | None = None
    usage: Usage | None = None  # None: nothing was counted, e.g. the request failed
    price: Price = field(default_factory=Price)
    cost_usd: Decimal | None = None  # None: unknown
    attempts: int = 1
    finish_reason: str = ""
    request_id: str = ""
    response_id: str = ""
    response_model: str = ""
    error_code: str = ""
    # Never stored, for telemetry alone. As sent, None: left to the server; and where texts are asked for what was sent,
    # and all that the model wrote, thoughts too.
    temperature: float | None = None
    max_output_tokens: int | None = None
    prompt: Prompt | None = field(default=None, repr=False)
    reply: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class StageTimes:
    """Seconds for each stage of a turn; None: the stage did not happen."""

    rewrite_seconds: float | None = None
    expand_seconds: float | None = None
    embed_seconds: float | None = None
    search_seconds: float | None = None
    rerank_seconds: float | None = None
    context_seconds: float | None = None
    first_token_seconds: float | None = None
    total_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class AnswerRequest:
    """What the pipeline is asked."""

    question: str
    collection_id: int | None  # None: all collections
    recipe: Recipe
    history: tuple[Exchange, ...] = ()


@dataclass(frozen=True, slots=True)
class Retrieved:
    """What was found for a question, and how."""

    query: str  # what was searched: the question, or its rewrite
    vector: tuple[float, ...] | None  # of the query; None: it was not embedded
    phrasings: tuple[str, ...]  # all that were searched; the first one is `query`
    hits: tuple[Hit, ...]  # best first
    nothing_found: bool  # no hit of the search is near enough to the question
    times: StageTimes
    degraded: str = ""  # what was left out or replaced on the way, empty: nothing


@dataclass(frozen=True, slots=True)
class AnswerResult:
    """All that a finished turn records."""

    answer: str
    search_query: str
    hits: tuple[Hit, ...]
    cited_ranks: tuple[int, ...]
    removed_citations: int  # citations of hits that do not exist
    nothing_found: bool  # the answer says that nothing relevant was found
    prompt_name: str
    prompt_sha256: str
    calls: tuple[LLMCall, ...]
    times: StageTimes
    degraded: str = ""  # what was left out or replaced on the way, empty: nothing

    @classmethod
    def empty(cls) -> "AnswerResult":
        """Return the record of a turn that failed before its first step."""
        return cls("", "", (), (), 0, False, "", "", (), StageTimes())

    def without_texts(self) -> "AnswerResult":
        """Return its numbers, without what was searched, found and said."""
        hits = tuple(replace(hit, document_title="", heading_path="", text="") for hit in self.hits)
        return replace(self, answer="", search_query="", hits=hits, degraded="")


@dataclass(frozen=True, slots=True)
class Provider:
    """An OpenAI-compatible server: its name in "provider/model", where it is, and the key it wants (may be empty)."""

    name: str
    base_url: str
    api_key: str = field(default="", repr=False)
