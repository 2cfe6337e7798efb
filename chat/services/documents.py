"""Documents with their chunks and vectors: cut, embedded, then written whole or not at all."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django_q.brokers import get_broker
from django_q.tasks import async_task

from chat.exceptions import IngestError
from chat.ingest.source import SourceDocument
from chat.models import Chunk, Collection, Document
from chat.rag.chunk import CHUNK_TOKENS_DEFAULT, CHUNKER_VERSION, ChunkText, chunk, embedding_text
from chat.services.knowledge import Vectors, lock_collections, write_vectors

INGEST_TASK = "chat.tasks.ingest_document"


@dataclass(frozen=True, slots=True)
class ReadyDocument:
    """A document cut into chunks, ready to be embedded and written. `document_id` is None for one that is added."""

    collection: Collection
    source: SourceDocument
    chunks: tuple[ChunkText, ...]
    content_hash: str
    document_id: int | None = None
    part_of_id: int | None = None  # of the uploaded file that it is a record of

    def embedding_texts(self) -> list[str]:
        """What is embedded for each chunk, in order."""
        return [embedding_text(self.source.title, piece.heading_path, piece.text) for piece in self.chunks]


def content_hash(source: SourceDocument, chunk_tokens: int | None) -> str:
    """Hash of all that decides what is stored of a document: what it says, and how it is cut."""
    parts: list[object] = [
        CHUNKER_VERSION,
        source.title,
        source.heading_path,
        source.media_type,
        stored_metadata(source),
        source.text,
    ]
    if chunk_tokens is not None:
        parts.append(chunk_tokens)
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def stored_metadata(source: SourceDocument) -> dict[str, str | int | float | bool]:
    """What is kept beside the text; `file` tells pruning which file a record came from."""
    return {**source.metadata, "file": source.file}


def make_ready(
    *,
    collection: Collection,
    source: SourceDocument,
    document_id: int | None = None,
    part_of_id: int | None = None,
) -> ReadyDocument:
    """Cut a document into chunks. Raises IngestError when there is nothing to search in it."""
    size = collection.chunk_tokens
    chunks = tuple(
        chunk(
            source.text,
            title=source.title,
            heading_path=source.heading_path,
            max_tokens=size or CHUNK_TOKENS_DEFAULT,
            has_headings=not source.is_record,
        )
    )
    if not chunks:
        raise IngestError("has no text")
    return ReadyDocument(collection, source, chunks, content_hash(source, size), document_id, part_of_id)


def write_documents(*, documents: Sequence[ReadyDocument], vectors: Vectors) -> None:
    """Add or replace documents with their chunks and vectors, all or none of them. The rows of `vectors` are the chunks
    of all documents, one after the other. A replaced document keeps its id; its old chunks go, with their vectors."""
    with transaction.atomic():
        languages = lock_collections({ready.collection.pk for ready in documents})
        rows = [_write_document(ready) for ready in documents]
        chunks = Chunk.objects.bulk_create(
            [
                Chunk(
                    document=row,
                    collection=ready.collection,
                    position=piece.position,
                    title=ready.source.title,
                    heading_path=piece.heading_path,
                    text=piece.text,
                    start=piece.start,
                    end=piece.end,
                    content_hash=piece.content_hash,
                    language=languages.get(ready.collection.pk, ready.collection.language),
                )
                for row, ready in zip(rows, documents, strict=True)
                for piece in ready.chunks
            ],
            batch_size=1000,
        )
        for embedder_id, matrix in vectors.items():
            write_vectors(embedder_id, [(row.pk, row.collection_id) for row in chunks], matrix)


def _write_document(ready: ReadyDocument) -> Document:
    """Insert the row, or update it and delete its chunks."""
    source = ready.source
    values: dict[str, object] = {
        "title": source.title,
        "heading_path": source.heading_path,
        "text": source.text,
        "media_type": source.media_type,
        "metadata": stored_metadata(source),
        "content_hash": ready.content_hash,
        "status": Document.Status.READY,
        "error": "",
    }
    if ready.part_of_id is not None:  # who takes a record in from elsewhere does not take it out of its upload
        values["part_of_id"] = ready.part_of_id
    if ready.document_id is None:
        return Document.objects.create(collection=ready.collection, source_id=source.source_id, **values)
    row = Document.objects.select_for_update().get(pk=ready.document_id)
    for name, value in values.items():
        setattr(row, name, value)
    row.save(update_fields=[*values, "updated_at"])
    row.chunks.all().delete()
    return row


def queue_document(*, document: Document) -> None:
    """Have the worker take in the file uploaded with a document; its status tells how far that is."""
    document.status = Document.Status.QUEUED
    document.error = ""
    document.save(update_fields=["status", "error", "updated_at"])
    transaction.on_commit(partial(async_task, INGEST_TASK, document.pk))


def sweep_uploads() -> int:
    """Queue uploads again whose task was lost with its worker; return how many.

    PostgreSQL as the queue gives such a task to the next worker by itself. Redis does not: there a task is out of the
    queue once it is begun."""
    if "redis" not in settings.Q_CLUSTER:
        return 0
    too_long = timezone.now() - timedelta(seconds=settings.Q_CLUSTER["retry"])
    silent = Document.objects.filter(
        status__in=[Document.Status.QUEUED, Document.Status.PROCESSING], updated_at__lt=too_long
    )
    if not silent.exists() or get_broker().queue_size():  # they may be waiting
        return 0
    documents = list(silent)
    for document in documents:
        queue_document(document=document)
    return len(documents)
