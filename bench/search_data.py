"""A large knowledge base for bench/search.py, made quickly; imported after django.setup().

Its chunks are a few sentences of the handbook each, with some made-up words that are spread like those of a language: a
few in many chunks, most in few. Its vectors are the means of the sentences' real embeddings, with noise. A question is
some words of one chunk, and its vector is near that chunk's. All is the same in each run of a size.
"""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from chat.models import Chunk, Collection, Document, Embedder
from chat.services.knowledge import active_embedders, write_vectors

DOCS = Path(__file__).resolve().parent.parent / "docs"
# Their shares of the chunks in percent; the filtered search is in the second.
COLLECTIONS = {"most": 89, "one of ten": 10, "one of a hundred": 1}
SENTENCES = 4  # of a chunk
MADE_UP_WORDS = 4  # of a chunk
MADE_UP_VOCABULARY = 200_000
NOISE = 0.03  # standard deviation of each number; the cosine of a vector with and without it is 0.86
CHUNKS_OF_A_DOCUMENT = 20
BATCH = 20_000


@dataclass(frozen=True, slots=True)
class Made:
    """What was made, for those who search in this process."""

    embedder: Embedder
    collections: dict[str, int]  # ids by name
    first_chunk_id: int  # the others follow
    texts: list[str]
    vectors: NDArray[np.float32]
    questions: list[str]
    question_vectors: NDArray[np.float32]


def make(chunks: int, questions: int) -> Made:
    """Fill an empty database: chunks with their postings, and vectors that have no index yet."""
    sentences = handbook_sentences()
    ((_, model),), _ = active_embedders()  # registers the embedder, whose index is dropped until the rows are there
    embedder = Embedder.objects.get()
    with connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX {embedder.index_name}")
    base = model.embed_documents(sentences).vectors
    numbers = np.random.default_rng(chunks)
    picks = numbers.integers(len(sentences), size=(chunks, SENTENCES))
    texts = [text for begin in range(0, chunks, BATCH) for text in _texts(sentences, picks[begin : begin + BATCH])]
    vectors = np.concatenate([_near(base, picks[begin : begin + BATCH], numbers) for begin in range(0, chunks, BATCH)])
    collections = {name: Collection.objects.create(name=name).pk for name in COLLECTIONS}
    first = _write(collections, texts, vectors, embedder)
    asked = numbers.integers(chunks, size=questions)
    return Made(
        embedder=embedder,
        collections=collections,
        first_chunk_id=first,
        texts=texts,
        vectors=vectors,
        questions=[_question(texts[at], random.Random(int(at))) for at in asked],
        question_vectors=_near(base, picks[asked], numbers),
    )


def handbook_sentences() -> list[str]:
    """Return the sentences of the handbook that have at least five words."""
    text = "\n".join(path.read_text() for path in sorted(DOCS.glob("*.md")))
    sentences = (" ".join(part.split()) for part in re.split(r"(?<=[.?!:])\s+|\n\n|\n[-|#]", text))
    return list(dict.fromkeys(sentence for sentence in sentences if len(sentence.split()) >= 5))


def _texts(sentences: list[str], picks: NDArray[np.int64]) -> Iterator[str]:
    """Yield the sentences of each chunk, and words of a distribution like Zipf's."""
    numbers = np.random.default_rng(int(picks[0, 0]))
    words = np.minimum(numbers.zipf(1.2, size=(len(picks), MADE_UP_WORDS)), MADE_UP_VOCABULARY).tolist()
    for row, made_up in zip(picks.tolist(), words, strict=True):
        yield " ".join([*(sentences[at] for at in row), *(f"Zq{word}." for word in made_up)])


def _near(base: NDArray[np.float32], picks: NDArray[np.int64], numbers: np.random.Generator) -> NDArray[np.float32]:
    """Return the normalised means of the picked vectors, with noise."""
    vectors = base[picks].mean(axis=1)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors += numbers.normal(0, NOISE, vectors.shape)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def _question(text: str, dice: random.Random) -> str:
    """Return four to nine words of a text."""
    words = re.findall(r"\w+", text)
    return f"How do I {' '.join(dice.sample(words, min(dice.randint(4, 9), len(words))))}?"


def _write(collections: dict[str, int], texts: list[str], vectors: NDArray[np.float32], embedder: Embedder) -> int:
    """COPY documents, chunks and vectors; return the first chunk's id. Postings are counted at the end, in one go."""
    ends = np.cumsum([len(texts) * share // 100 for share in COLLECTIONS.values()]).tolist()
    ends[-1] = len(texts)
    of_chunk = np.repeat(list(collections.values()), np.diff([0, *ends])).tolist()
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {Chunk._meta.db_table} DISABLE TRIGGER USER")
        with cursor.copy(
            f"COPY {Document._meta.db_table} (id, collection_id, source_id, title, heading_path, text, media_type,"
            " metadata, content_hash, upload, status, error, created_at, updated_at) FROM STDIN"
        ) as copy:
            for begin in range(0, len(texts), CHUNKS_OF_A_DOCUMENT):
                number = begin // CHUNKS_OF_A_DOCUMENT + 1
                title = f"Part {number}"
                copy.write_row(
                    (number, of_chunk[begin], title, title, "", "", "", "{}", "", "", "READY", "", "now", "now")
                )
        with cursor.copy(
            f"COPY {Chunk._meta.db_table} (id, document_id, collection_id, position, title, heading_path, text, start,"
            ' "end", content_hash, language) FROM STDIN'
        ) as copy:
            for at, text in enumerate(texts):
                number, position = divmod(at, CHUNKS_OF_A_DOCUMENT)
                title = f"Part {number + 1}"
                copy.write_row(
                    (at + 1, number + 1, of_chunk[at], position, title, "", text, 0, len(text), "", "english")
                )
        cursor.execute(f"ALTER TABLE {Chunk._meta.db_table} ENABLE TRIGGER USER")
    for begin in range(0, len(texts), BATCH):
        span = range(begin, min(begin + BATCH, len(texts)))
        write_vectors(embedder.pk, [(at + 1, of_chunk[at]) for at in span], vectors[begin : span.stop])
    return 1
