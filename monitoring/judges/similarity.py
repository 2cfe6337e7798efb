"""How near two texts are: in meaning, by the cosine of their vectors, and in the words that they share."""

from collections.abc import Sequence

import numpy as np

from chat.rag.embed import TextEmbedder
from chat.rag.words import stems


def text_similarities(pairs: Sequence[tuple[str, str]], embedder: TextEmbedder) -> list[float]:
    """Return the cosine of each pair of texts, 0 to 1. Each different text is embedded once."""
    if not pairs:
        return []
    places = {text: place for place, text in enumerate(dict.fromkeys(text for pair in pairs for text in pair))}
    vectors = embedder.embed_documents([*places]).vectors
    return [float(np.clip(vectors[places[first]] @ vectors[places[second]], 0, 1)) for first, second in pairs]


def word_share(asked: str, text: str) -> float:
    """Return the share of the words of `asked` that mean something and are in `text`; 0 where none mean something."""
    words = stems(asked)
    return len(words & stems(text)) / len(words) if words else 0.0
