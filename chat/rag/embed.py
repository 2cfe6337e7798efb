"""Text to vectors: the local model, or any server that speaks OpenAI's /v1/embeddings.

An embedder is named as its row is: "local/all-MiniLM-L6-v2", or "provider/model" of a server that is set up. All
vectors have length 1, so that a dot product is the cosine. Ask `get_embedder` for one each time: it keeps one of each
in a process, and none across a fork.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Protocol

import numpy as np
from numpy.typing import NDArray

from chat.exceptions import ConfigurationError, EmbeddingError
from chat.rag.config import Provider
from chat.rag.late import LateModule
from chat.rag.minilm import DIMENSIONS as MINILM_DIMENSIONS
from chat.rag.minilm import MiniLM, TokenVectors

if TYPE_CHECKING:
    import openai
    from openai.types import CreateEmbeddingResponse
else:
    openai = LateModule("openai")  # it takes most of a second to load

LOCAL_NAME = "local/all-MiniLM-L6-v2"

# One request holds at most so much: OpenAI allows 2,048 texts and 300,000 tokens, smaller servers time out earlier.
BATCH_TEXTS = 128
BATCH_TOKENS = 50_000
# UTF-8 bytes of one token: English has 4 to 5, Chinese 3 to 4. Estimated low, so that batches stay under the limit.
BYTES_PER_TOKEN = 3

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class Embedded:
    """Vectors of texts, in their order: shape (texts, dimensions), each of length 1."""

    vectors: NDArray[np.float32]
    input_tokens: int | None = None  # as the server counted them, for the cost; None: not counted

    @property
    def vector(self) -> NDArray[np.float32]:
        """The first vector, for a single text: shape (dimensions,)."""
        return np.asarray(self.vectors[0], np.float32)


class TextEmbedder(Protocol):
    """What search and ingest need of an embedder. All methods may be called from several threads, and raise
    EmbeddingError, or ConfigurationError when the embedder cannot work here at all."""

    @property
    def name(self) -> str:
        """As in the Embedder row."""

    @property
    def dimensions(self) -> int:
        """Numbers in a vector. Asks the server once when it is not known."""

    def embed_documents(self, texts: Sequence[str]) -> Embedded:
        """Embed texts for the knowledge base. Patient: waits minutes for a busy server."""

    def embed_query(self, text: str) -> Embedded:
        """Embed one question. Impatient: somebody waits."""

    async def aembed_query(self, text: str) -> Embedded:
        """Embed one question without holding up the event loop."""


class LocalEmbedder:
    """all-MiniLM-L6-v2 in this process, loaded with the first text."""

    name = LOCAL_NAME
    dimensions = MINILM_DIMENSIONS

    def __init__(self, cache_dir: Path, *, threads: int | None = None) -> None:
        """`threads`: of one run; None: one for each core."""
        self._cache_dir = cache_dir
        self._threads = threads
        self._lock = threading.Lock()
        self._model: MiniLM | None = None
        # One question keeps all cores busy for 3 ms: more of them at once only wait for each other.
        self._executor = ThreadPoolExecutor(2, "embed")

    def load(self) -> MiniLM:
        """Return the model, loaded at the first call (0.2 s); a process may call this when it starts."""
        if self._model is None:
            with self._lock:
                if self._model is None:
                    self._model = MiniLM(self._cache_dir, threads=self._threads)
        return self._model

    def embed_documents(self, texts: Sequence[str]) -> Embedded:
        """See TextEmbedder. Any number of texts; tokens are not counted, they cost nothing."""
        return Embedded(self.load().embed(texts))

    def embed_query(self, text: str) -> Embedded:
        """See TextEmbedder."""
        return self.embed_documents([text])

    async def aembed_query(self, text: str) -> Embedded:
        """See TextEmbedder."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self.embed_query, text)

    async def atoken_vectors(self, texts: Sequence[str], *, max_tokens: int) -> list[TokenVectors]:
        """Return the tokens of the first texts, as `MiniLM.token_vectors`, without holding up the event loop."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._executor, lambda: self.load().token_vectors(texts, max_tokens=max_tokens)
        )


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a server is waited for: one request, and all attempts with the pauses between them."""

    attempts: int
    request_seconds: float
    total_seconds: float


DOCUMENT_PATIENCE = Patience(attempts=6, request_seconds=60, total_seconds=180)
QUERY_PATIENCE = Patience(attempts=3, request_seconds=10, total_seconds=15)


class OpenAIEmbedder:
    """A model behind OpenAI's /v1/embeddings: OpenAI, Ollama, vLLM, and many others."""

    def __init__(
        self,
        provider: Provider,
        model: str,
        *,
        dimensions: int | None = None,
        document_patience: Patience = DOCUMENT_PATIENCE,
        query_patience: Patience = QUERY_PATIENCE,
    ) -> None:
        """`dimensions`: what the server must answer with; None: what its first answer has."""
        self.name = f"{provider.name}/{model}"
        self._provider = provider
        self._model = model
        self._dimensions = dimensions
        self._document_patience = document_patience
        self._query_patience = query_patience
        # The retries are ours: the client's would sleep up to two minutes while somebody waits for an answer.
        # It refuses an empty key, which servers without keys have.
        self._client = openai.OpenAI(base_url=provider.base_url, api_key=provider.api_key or "none", max_retries=0)
        self._executor = ThreadPoolExecutor(32, "embed")

    @property
    def dimensions(self) -> int:
        """See TextEmbedder."""
        if self._dimensions is None:
            self._dimensions = self.embed_query("dimensions").vectors.shape[1]
        return self._dimensions

    def embed_documents(self, texts: Sequence[str]) -> Embedded:
        """See TextEmbedder. One request for each batch, one after the other."""
        parts = [self._embed(batch, self._document_patience) for batch in _batches(texts)]
        if not parts:
            return Embedded(np.empty((0, self._dimensions or 0), np.float32), 0)
        tokens = [part.input_tokens for part in parts if part.input_tokens is not None]
        return Embedded(
            np.concatenate([part.vectors for part in parts]), sum(tokens) if len(tokens) == len(parts) else None
        )

    def embed_query(self, text: str) -> Embedded:
        """See TextEmbedder."""
        return self._embed([text], self._query_patience)

    async def aembed_query(self, text: str) -> Embedded:
        """See TextEmbedder. A thread of its own each, since the client's connections outlive an event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self.embed_query, text)

    def _embed(self, texts: Sequence[str], patience: Patience) -> Embedded:
        reply = self._request(texts, patience)
        vectors = self._read_vectors(reply, len(texts))
        tokens = getattr(reply.usage, "prompt_tokens", None)
        # A server that answers zero did not count.
        return Embedded(vectors, tokens if isinstance(tokens, int) and tokens > 0 else None)

    def _request(self, texts: Sequence[str], patience: Patience) -> CreateEmbeddingResponse:
        """Send one batch, again where that may help, until patience ends."""
        deadline = time.monotonic() + patience.total_seconds
        for attempt in range(1, patience.attempts + 1):
            try:
                return self._client.embeddings.create(
                    # OpenAI refuses an empty text; a blank means the same.
                    input=[text if text.strip() else " " for text in texts],
                    model=self._model,
                    encoding_format="float",  # the client would ask for base64, which not all servers know
                    timeout=max(0.1, min(patience.request_seconds, deadline - time.monotonic())),
                )
            except openai.OpenAIError as exc:
                pause = _pause_seconds(exc, attempt)
                if pause is None or attempt == patience.attempts or time.monotonic() + pause > deadline:
                    self._fail(exc, attempt)
                time.sleep(pause)
            except ValueError as exc:  # an answer that is not JSON, or no data at all
                raise EmbeddingError(f"{self._who} answers what is not an embedding: {exc}") from exc
        raise AssertionError("the last attempt returns or raises")

    def _read_vectors(self, reply: CreateEmbeddingResponse, count: int) -> NDArray[np.float32]:
        """Return the vectors in the order of the texts, length 1; the client itself checks nothing of an answer."""
        data = getattr(reply, "data", None)
        if not isinstance(data, list):
            raise EmbeddingError(f"{self._who} answers what is not an embedding. Is its base URL right?")
        if len(data) != count:
            raise EmbeddingError(f"{self._who} answers with {len(data)} vectors for {count} texts.")
        # Servers that write JSON from protocol buffers leave a zero out.
        data = sorted(data, key=lambda item: getattr(item, "index", None) or 0)
        if [getattr(item, "index", None) or 0 for item in data] != list(range(count)):
            raise EmbeddingError(f"{self._who} answers with indexes that are not 0 to {count - 1}, each once.")
        try:
            vectors = np.asarray([item.embedding for item in data], np.float64)
        except (ValueError, TypeError, AttributeError) as exc:
            message = f"{self._who} answers with vectors that are not numbers, or of different lengths."
            raise EmbeddingError(message) from exc
        if vectors.ndim != 2 or vectors.shape[1] == 0:
            raise EmbeddingError(f"{self._who} answers with vectors that are not lists of numbers.")
        expected = self._dimensions or vectors.shape[1]
        if vectors.shape[1] != expected:
            raise EmbeddingError(
                f"{self._who} answers with vectors of {vectors.shape[1]} dimensions, expected {expected}. "
                "Another model behind the same name? Vectors of two models cannot be compared."
            )
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.isfinite(lengths).all() or not lengths.all():
            raise EmbeddingError(f"{self._who} answers with a vector of zeros or of numbers that are not finite.")
        self._dimensions = expected
        return np.asarray(vectors / lengths, np.float32)

    @property
    def _who(self) -> str:
        return f'Embedder "{self.name}" at {self._provider.base_url}'

    def _fail(self, exc: openai.OpenAIError, attempts: int) -> NoReturn:
        """Raise the error in words that say what to do. The vendor's words are kept, the key is not."""
        tried = f" ({attempts} attempts)" if attempts > 1 else ""
        if isinstance(exc, openai.APITimeoutError):
            advice = f"did not answer in time{tried}. Is it overloaded? Try again later."
        elif isinstance(exc, openai.APIConnectionError):
            cause = exc.__cause__ or exc
            advice = f"cannot be reached{tried}: {cause}. Check that it runs and that its base URL is right."
        elif isinstance(exc, openai.APIStatusError):
            advice = self._status_advice(exc, tried)
        else:
            advice = f"failed{tried}: {exc}"
        if self._provider.api_key:
            advice = advice.replace(self._provider.api_key, "***")
        raise EmbeddingError(f"{self._who} {advice}") from exc

    def _status_advice(self, exc: openai.APIStatusError, tried: str) -> str:
        said = _server_words(exc) + (f" (request {exc.request_id})" if exc.request_id else "")
        match exc.status_code:
            case 401 | 403:
                return f'refuses the key: {said}. Check the key of provider "{self._provider.name}".'
            case 404:
                return f'does not know the model "{self._model}": {said}. Check its name and the base URL.'
            case 429 if exc.code == "insufficient_quota":
                return f"has no quota left: {said}. Check plan and billing."
            case 429:
                wait = _retry_after_seconds(exc)
                when = "later" if wait is None else f"in {wait:.0f} s"
                return f"limits the rate of requests{tried}: {said}. Try again {when}."
            case status if status >= 500:
                return f"failed with status {status}{tried}: {said}. Try again later."
            case status:
                return f"refuses the request with status {status}: {said}"


def _batches(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield runs of texts within BATCH_TEXTS and BATCH_TOKENS; a text over the limit goes alone."""
    start, tokens = 0, 0
    for index, text in enumerate(texts):
        size = len(text.encode(errors="replace")) // BYTES_PER_TOKEN + 1
        if index > start and (index - start == BATCH_TEXTS or tokens + size > BATCH_TOKENS):
            yield texts[start:index]
            start, tokens = index, 0
        tokens += size
    if start < len(texts):
        yield texts[start:]


def _pause_seconds(exc: openai.OpenAIError, attempt: int) -> float | None:
    """Return how long to wait before the next attempt: what the server asks for, or twice as long each time.
    None: another attempt would not help."""
    if isinstance(exc, openai.APIStatusError):
        if exc.code == "insufficient_quota" or (exc.status_code < 500 and exc.status_code not in (408, 409, 429)):
            return None
        if (asked := _retry_after_seconds(exc)) is not None:
            return asked
    elif not isinstance(exc, openai.APIConnectionError):
        return None
    pause = min(FIRST_PAUSE_SECONDS * 2.0 ** (attempt - 1), LONGEST_PAUSE_SECONDS)
    return pause * random.uniform(0.75, 1.0)  # noqa: S311 - spreads retries, keeps no secret


def _retry_after_seconds(exc: openai.APIStatusError) -> float | None:
    """Return what the Retry-After header asks for (RFC 9110: seconds or a date), None when it is absent or odd."""
    value: str = exc.response.headers.get("retry-after", "")
    if re.fullmatch(r"\d+(\.\d+)?", value):
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _server_words(exc: openai.APIStatusError) -> str:
    """Return the server's own message, short: some answer with a page of HTML."""
    message = exc.body.get("message") if isinstance(exc.body, dict) else None
    return " ".join(str(message or exc.message).split())[:300].rstrip(".")


_embedders: dict[tuple[object, ...], OpenAIEmbedder] = {}
_local_embedders: dict[tuple[object, ...], LocalEmbedder] = {}
_embedders_lock = threading.Lock()


def get_embedder(
    name: str,
    *,
    cache_dir: Path,
    providers: Mapping[str, Provider],
    dimensions: int | None = None,
    threads: int | None = None,
) -> TextEmbedder:
    """Return this process's embedder of that name; nothing is loaded or asked yet.

    `dimensions`: of the Embedder row, None for one that is not registered; `threads`: of the local model's runs.
    Raises ConfigurationError for a name that is not set up here.
    """
    if name == LOCAL_NAME:
        if dimensions not in (None, MINILM_DIMENSIONS):
            raise ConfigurationError(
                f'Embedder "{name}" has {MINILM_DIMENSIONS} dimensions, its row says {dimensions}.'
            )
        return get_local_embedder(cache_dir=cache_dir, threads=threads)
    provider_name, _, model = name.partition("/")
    provider = providers.get(provider_name)
    if provider is None or not model:
        known = ", ".join(sorted(f"{provider}/MODEL" for provider in providers)) or "no server is set up"
        raise ConfigurationError(f'Embedder "{name}" is not known here. Known: {LOCAL_NAME}; {known}.')
    key = (name, provider, dimensions)
    with _embedders_lock:
        if key not in _embedders:
            _embedders[key] = OpenAIEmbedder(provider, model, dimensions=dimensions)
        return _embedders[key]


def get_local_embedder(*, cache_dir: Path, threads: int | None = None) -> LocalEmbedder:
    """Return this process's local embedder; nothing is loaded yet."""
    key = (LOCAL_NAME, cache_dir, threads)
    with _embedders_lock:
        if key not in _local_embedders:
            _local_embedders[key] = LocalEmbedder(cache_dir, threads=threads)
        return _local_embedders[key]


# Kept for ever: a session that is destroyed waits for its threads, which never end where they never came along.
_left_behind: list[TextEmbedder] = []


def _forget_embedders() -> None:
    """Start anew in a forked process (the worker forks): threads of a session or client did not come along."""
    global _embedders_lock
    _embedders_lock = threading.Lock()
    _left_behind.extend([*_embedders.values(), *_local_embedders.values()])
    _embedders.clear()
    _local_embedders.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_embedders)
