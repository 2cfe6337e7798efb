"""An embedder of a server, with limits that tests have the patience for."""

from chat.rag.config import Provider
from chat.rag.embed_server import OpenAIEmbedder, Patience

PATIENCE = Patience(attempts=3, request_seconds=5, total_seconds=10)


def make_embedder(base_url, model="embed-8", *, api_key="sk-secret-1", dimensions=None, patience=PATIENCE):
    return OpenAIEmbedder(
        Provider("fake", base_url, api_key),
        model,
        dimensions=dimensions,
        document_patience=patience,
        query_patience=patience,
    )


def body_of(vectors, *, indexes=None, usage=None):
    """A server's answer with these vectors."""
    indexes = range(len(vectors)) if indexes is None else indexes
    data = [
        {"object": "embedding", "index": index, "embedding": vector}
        for index, vector in zip(indexes, vectors, strict=True)
    ]
    body = {"object": "list", "model": "embed-8", "data": data}
    return body if usage is None else {**body, "usage": usage}
