"""Text to vectors: what an embedder is, and the local model.

An embedder is named as its row is: "local/all-MiniLM-L6-v2", or "provider/model" of a server that is set up. All
vectors have length 1, so that a dot product is the cosine. `embedders.py` has those of this process.
"""

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from chat.rag.minilm import DIMENSIONS as MINILM_DIMENSIONS
from chat.rag.minilm import MiniLM, TokenVectors

LOCAL_NAME = "local/all-MiniLM-L6-v2"


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
