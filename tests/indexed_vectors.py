"""Embedders of two numbers, and enough vectors that their index is asked."""

from django.db import connection

from chat.models import Collection, Embedder
from chat.rag.search import EXACT_SCAN_MAX_VECTORS_OF_COLLECTION


def make_indexed_embedder(name="test/two-numbers", dimensions=2):
    """An embedder with its index, as its registration makes them."""
    embedder = Embedder.objects.create(name=name, dimensions=dimensions)
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE INDEX {embedder.index_name} ON chat_embedding"
            f" USING hnsw ((vector::halfvec({dimensions})) halfvec_cosine_ops) WHERE embedder_id = {embedder.pk}"
        )
    return embedder


def fill(collection: Collection, embedder: Embedder) -> Collection:
    """Give a collection more chunks than are scanned exactly, with vectors on a part of the circle; return it."""
    count = EXACT_SCAN_MAX_VECTORS_OF_COLLECTION + 1_000
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO chat_document (collection_id, source_id, title, heading_path, text, media_type, metadata,"
            " content_hash, upload, status, error, created_at, updated_at)"
            " VALUES (%s, 'x', 'Many', '', '', '', '{}', '', '', 'READY', '', now(), now()) RETURNING id",
            [collection.pk],
        )
        document_id = cursor.fetchone()[0]
        cursor.execute(
            "INSERT INTO chat_chunk"
            ' (document_id, collection_id, position, title, heading_path, text, start, "end", content_hash, language)'
            " SELECT %s, %s, n, 'Many', '', 'Number ' || n, 0, 1, '', 'english' FROM generate_series(1, %s) AS n",
            [document_id, collection.pk, count],
        )
        cursor.execute(
            "INSERT INTO chat_embedding (chunk_id, embedder_id, collection_id, vector)"
            " SELECT id, %s, %s, ARRAY[cos(position / 2000.0), sin(position / 2000.0)]::vector"
            " FROM chat_chunk WHERE collection_id = %s",
            [embedder.pk, collection.pk, collection.pk],
        )
    return collection
