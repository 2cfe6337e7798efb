"""An embedder whose vectors a test writes out."""

from collections.abc import Mapping, Sequence

import numpy as np

from chat.rag.embed import Embedded


class TableEmbedder:
    """Knows the vectors of some texts, and remembers what it was asked for."""

    name = "local/table"

    def __init__(self, table: Mapping[str, Sequence[float]]) -> None:
        self.table = table
        self.batches: list[list[str]] = []
        self.dimensions = len(next(iter(table.values()), [0.0]))

    def embed_documents(self, texts: Sequence[str]) -> Embedded:
        self.batches.append(list(texts))
        return Embedded(np.asarray([self.table[text] for text in texts], np.float32).reshape(len(texts), -1))

    def embed_query(self, text: str) -> Embedded:
        return self.embed_documents([text])

    async def aembed_query(self, text: str) -> Embedded:
        return self.embed_documents([text])
