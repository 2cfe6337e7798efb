"""Collections, and embedders with their index and vectors. Texts are embedded before the transaction that writes their
vectors, never inside it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet
from numpy.typing import NDArray
from psycopg import sql

from chat.exceptions import ConfigurationError, EmbeddingError, IngestError
from chat.models import Chunk, Collection, Embedder, Embedding
from chat.models.conversation import Origin
from chat.rag.chunk import CHUNK_TOKENS_DEFAULT, CHUNK_TOKENS_MAX, CHUNK_TOKENS_MIN, embedding_text
from chat.rag.embed import LOCAL_NAME, LocalEmbedder, TextEmbedder
from chat.rag.embedders import get_embedder, get_local_embedder
from chat.services.embedding import embed_documents, embed_query

# Chunks embedded in one go: enough of like length for full batches, few enough for a progress bar that moves.
EMBED_BATCH_CHUNKS = 256

Vectors = Mapping[int, NDArray[np.float32]]  # by embedder id: shape (chunks, dimensions)


def ensure_collection(*, name: str, language: str = "", chunk_tokens: int | None = None) -> Collection:
    """Return the collection of that name, made when it is absent (in English unless `language` says otherwise).

    An existing one whose language differs from `language` takes it on, with all its chunks. It takes on `chunk_tokens`
    too (0: the default; None: as it is), by which its documents are cut when they are taken in again. Raises
    IngestError for a name that is too long, a language that text search does not know, or a size that chunks cannot
    have.
    """
    if not name.strip() or len(name) > 200:
        raise IngestError(f"A collection's name has 1 to 200 characters, this one has {len(name.strip())}.")
    if language and language not in Collection.Language.values:
        known = ", ".join(Collection.Language.values)
        raise IngestError(f'Text search does not know the language "{language}"; known: {known}.')
    collection, _ = Collection.objects.get_or_create(
        name=name.strip(), defaults={"language": language or Collection.Language.ENGLISH}
    )
    if language and collection.language != language:
        collection.language = language
        with transaction.atomic():
            lock_collections([collection.pk])
            collection.save(update_fields=["language"])
            Chunk.objects.filter(collection=collection).update(language=language)
    if chunk_tokens is not None and collection.chunk_tokens != (size := checked_chunk_tokens(chunk_tokens)):
        collection.chunk_tokens = size
        collection.save(update_fields=["chunk_tokens"])
    return collection


def make_collection(**fields: Any) -> Collection:
    """Make a collection of fields that were checked. Raises IntegrityError where somebody took its name meanwhile."""
    with transaction.atomic():
        return Collection.objects.create(**fields)


def change_collection(*, collection: Collection, language: str = "", **fields: Any) -> None:
    """Change some of a collection, by fields that were checked; another language is taken on by all its chunks."""
    if fields:
        for name, value in fields.items():
            setattr(collection, name, value)
        collection.save(update_fields=list(fields))
    if language:
        ensure_collection(name=collection.name, language=language)


def checked_chunk_tokens(chunk_tokens: int) -> int | None:
    """Return the size of chunks as a collection has it: None for 0, the default. Raises IngestError for one that cannot
    be."""
    if chunk_tokens and not CHUNK_TOKENS_MIN <= chunk_tokens <= CHUNK_TOKENS_MAX:
        raise IngestError(
            f"Chunks have {CHUNK_TOKENS_MIN} to {CHUNK_TOKENS_MAX} tokens, not {chunk_tokens}; "
            f"0 stands for the default of {CHUNK_TOKENS_DEFAULT}."
        )
    return chunk_tokens or None


def lock_collections(collection_ids: Iterable[int]) -> dict[int, str]:
    """Let others who write chunks of these collections wait for the end of this transaction; return their languages.

    Words are counted by collection: who writes to several would otherwise lock their counts in any order, and two who
    do so each other out.
    """
    collections = Collection.objects.filter(pk__in=collection_ids).order_by("pk").select_for_update(no_key=True)
    return dict(collections.values_list("pk", "language"))


def rebuild_postings() -> None:
    """Count the words of all chunks anew. Triggers keep them right by themselves (chat/models/words.py)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT chat_rebuild_postings()")


def register_embedder(*, name: str) -> Embedder:
    """Return the embedder's row; the first time make it and the partial index of its vectors.

    Raises ConfigurationError for a name that is not set up here, EmbeddingError when its server cannot say how long its
    vectors are.
    """
    embedder = Embedder.objects.filter(name=name).first()
    dimensions = embedder.dimensions if embedder else _ask_dimensions(name)
    with transaction.atomic():
        embedder, _ = Embedder.objects.get_or_create(name=name, defaults={"dimensions": dimensions})
        if not _index_exists(embedder):
            _create_index(embedder)
    return embedder


def _ask_dimensions(name: str) -> int:
    """Return how long the vectors of an embedder are, of which there is no row yet."""
    embedder = _embedder_named(name)
    if name == LOCAL_NAME:
        return embedder.dimensions  # without loading it
    return int(embed_query(embedder, "dimensions", origin=Origin.USER).vectors.shape[1])


def _index_exists(embedder: Embedder) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [embedder.index_name])
        return bool(cursor.fetchone()[0])


def _create_index(embedder: Embedder) -> None:
    """m and ef_construction: measured at a million vectors, recall 0.98 of the first ten with ef_search 200."""
    statement = sql.SQL(
        "CREATE INDEX {index} ON {table} USING hnsw ((vector::halfvec({dimensions})) halfvec_cosine_ops) "
        "WITH (m = 24, ef_construction = 128) WHERE embedder_id = {embedder_id}"
    ).format(
        index=sql.Identifier(embedder.index_name),
        table=sql.Identifier(Embedding._meta.db_table),
        dimensions=sql.Literal(embedder.dimensions),
        embedder_id=sql.Literal(embedder.pk),
    )
    with connection.cursor() as cursor:
        cursor.execute(statement)


def embedder_of(row: Embedder) -> TextEmbedder:
    """Return the program that makes the vectors of an Embedder row. Raises ConfigurationError when it is not set up."""
    return _embedder_named(row.name, dimensions=row.dimensions)


def _embedder_named(name: str, *, dimensions: int | None = None) -> TextEmbedder:
    return get_embedder(name, cache_dir=settings.MODEL_CACHE_DIR, providers=settings.PROVIDERS, dimensions=dimensions)


def local_embedder() -> LocalEmbedder:
    """Return this process's local model, whatever embeds the documents. It is loaded when it is first used."""
    return get_local_embedder(cache_dir=settings.MODEL_CACHE_DIR)


def active_embedders() -> tuple[list[tuple[int, TextEmbedder]], list[str]]:
    """Return the embedders that new documents are embedded by, with the ids of their rows, and the names of those that
    are not set up here any more, whose vectors will be missing until `manage.py embed` is run for them.

    A fresh database gets the local one. Raises ConfigurationError when there are some and none can work.
    """
    rows = list(Embedder.objects.order_by("pk")) or [register_embedder(name=LOCAL_NAME)]
    usable: list[tuple[int, TextEmbedder]] = []
    missing: list[str] = []
    for row in rows:
        try:
            usable.append((row.pk, embedder_of(row)))
        except ConfigurationError:
            missing.append(row.name)
    if not usable:
        raise ConfigurationError(
            f"No embedder can work here: {', '.join(missing)}. Set up its server, see .env.example."
        )
    return usable, missing


def embed_texts(texts: Sequence[str], embedders: Sequence[tuple[int, TextEmbedder]]) -> Vectors:
    """Return the vectors of `texts` by each embedder, and store what its server is paid. Raises EmbeddingError,
    ConfigurationError."""
    vectors = {pk: embed_documents(embedder, texts, origin=Origin.USER).vectors for pk, embedder in embedders}
    for pk, embedder in embedders:
        if vectors[pk].shape != (len(texts), embedder.dimensions):
            raise EmbeddingError(
                f'Embedder "{embedder.name}" made vectors of shape {vectors[pk].shape} for {len(texts)} texts, '
                f"expected {(len(texts), embedder.dimensions)}."
            )
    return vectors


def write_vectors(embedder_id: int, chunks: Sequence[tuple[int, int]], matrix: NDArray[np.float32]) -> None:
    """Insert the vectors of chunks, given as (chunk id, collection id), by COPY: they are most of what is written."""
    head = np.array([matrix.shape[1], 0], ">u2").tobytes()  # pgvector's binary form: length, zero, big-endian floats
    numbers = matrix.astype(">f4")
    statement = sql.SQL(
        "COPY {table} (chunk_id, embedder_id, collection_id, vector) FROM STDIN WITH (FORMAT BINARY)"
    ).format(table=sql.Identifier(Embedding._meta.db_table))
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(statement) as copy:
        copy.set_types(["int8", "int8", "int8", "bytea"])  # bytes go as they are
        for (chunk_id, collection_id), row in zip(chunks, numbers, strict=True):
            copy.write_row((chunk_id, embedder_id, collection_id, head + row.tobytes()))


def fill_embeddings(*, row: Embedder, on_progress: Callable[[int], None] = lambda chunks: None) -> int:
    """Embed all chunks that lack a vector by this embedder; return how many. Each batch is kept, so it can be stopped
    at any time and run again. `on_progress` hears the size of each batch."""
    embedder = embedder_of(row)
    written = 0
    for chunks in _batches_without_vector(row):
        texts = [embedding_text(piece.title, piece.heading_path, piece.text) for piece in chunks]
        vectors = embed_texts(texts, [(row.pk, embedder)])[row.pk]
        with transaction.atomic():
            # Meanwhile a document may have been replaced, or another process may have embedded it.
            here = set(
                missing_chunks(row)
                .filter(pk__in=[piece.pk for piece in chunks])
                .select_for_update(no_key=True)
                .values_list("pk", flat=True)
            )
            keep = [index for index, piece in enumerate(chunks) if piece.pk in here]
            write_vectors(row.pk, [(chunks[i].pk, chunks[i].collection_id) for i in keep], vectors[keep])
        written += len(keep)
        on_progress(len(chunks))
    return written


def missing_chunks(row: Embedder) -> QuerySet[Chunk]:
    """Chunks without a vector by this embedder."""
    return Chunk.objects.filter(~Exists(Embedding.objects.filter(chunk=OuterRef("pk"), embedder=row)))


def _batches_without_vector(row: Embedder) -> Iterator[list[Chunk]]:
    last = 0
    while batch := list(missing_chunks(row).filter(pk__gt=last).order_by("pk")[:EMBED_BATCH_CHUNKS]):
        yield batch
        last = batch[-1].pk
