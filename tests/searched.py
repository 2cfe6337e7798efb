"""A small knowledge base to search, with vectors of two dimensions: the question's is (1, 0)."""

from chat.models import Chunk, Collection, Document, Embedding
from chat.rag.search import search

# A chunk's vector; the question's is (1, 0), so that the cosine is the first number.
NEAR, MIDDLE, FAR = (1.0, 0.0), (0.6, 0.8), (0.0, 1.0)


def make_collection(name="Guide", language="english"):
    return Collection.objects.create(name=name, language=language)


def make_chunk(collection, text, *, title="Notes", heading_path="", vectors=()):
    """A document of one chunk, with a vector for each (embedder, vector)."""
    source_id = str(Document.objects.count())
    document = Document.objects.create(collection=collection, source_id=source_id, title=title, text=text)
    chunk = Chunk.objects.create(
        document=document,
        collection=collection,
        position=0,
        title=title,
        heading_path=heading_path,
        text=text,
        start=0,
        end=len(text),
        content_hash="",
        language=collection.language,
    )
    for embedder, vector in vectors:
        Embedding.objects.create(chunk=chunk, embedder=embedder, collection=collection, vector=list(vector))
    return chunk


def find(question, mode, *, embedder, collection=None, collection_id=None, vector=(1.0, 0.0), top_k=5, **options):
    return search(
        question=question,
        query_vector=vector,
        mode=mode,
        collection_id=collection.pk if collection else collection_id,
        embedder_id=embedder.pk,
        dimensions=embedder.dimensions,
        top_k=top_k,
        **options,
    )


def chunk_ids(hits):
    return [hit.chunk_id for hit in hits]
