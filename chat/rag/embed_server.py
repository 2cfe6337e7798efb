"""Text to vectors by any server that speaks OpenAI's /v1/embeddings: OpenAI, Ollama, vLLM, and many others."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NoReturn

import numpy as np
from numpy.typing import NDArray

from chat.exceptions import EmbeddingError
from chat.rag.config import TOKENS_MAX, Provider
from chat.rag.embed import Embedded
from chat.rag.late import LateModule
from chat.storable import storable

if TYPE_CHECKING:
    import openai
    from openai.types import CreateEmbeddingResponse
else:
    openai = LateModule("openai")  # it takes most of a second to load

# One request holds at most so much: OpenAI allows 2,048 texts and 300,000 tokens, smaller servers time out earlier.
BATCH_TEXTS = 128
BATCH_TOKENS = 50_000
# UTF-8 bytes of one token: English has 4 to 5, Chinese 3 to 4. Estimated low, so that batches stay under the limit.
BYTES_PER_TOKEN = 3

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 8.0


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
        return Embedded(vectors, tokens if isinstance(tokens, int) and 0 < tokens <= TOKENS_MAX else None)

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
        raise EmbeddingError(storable(f"{self._who} {advice}")) from exc

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
