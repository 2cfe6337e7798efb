"""Documents with their chunks and vectors: cut, embedded, then written whole or not at all."""

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePosixPath

from django.conf import settings
from django.db import transaction
from django_q.tasks import async_task

from chat.exceptions import ChatError, IngestError
from chat.ingest.readers import read_source
from chat.ingest.source import ReadOptions, ReadProblem, SourceDocument, SourceFile
from chat.models import Chunk, Collection, Document
from chat.rag.chunk import CHUNK_TOKENS_DEFAULT, CHUNKER_VERSION, ChunkText, chunk, embedding_text
from chat.services.knowledge import Vectors, active_embedders, embed_texts, lock_collections, write_vectors

logger = logging.getLogger(__name__)

INGEST_TASK = "chat.tasks.ingest_document"


@dataclass(frozen=True, slots=True)
class ReadyDocument:
    """A document cut into chunks, ready to be embedded and written. `document_id` is None for one that is added."""

    collection: Collection
    source: SourceDocument
    chunks: tuple[ChunkText, ...]
    content_hash: str
    document_id: int | None = None

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


def make_ready(*, collection: Collection, source: SourceDocument, document_id: int | None = None) -> ReadyDocument:
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
    return ReadyDocument(collection, source, chunks, content_hash(source, size), document_id)


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
    values = {
        "title": source.title,
        "heading_path": source.heading_path,
        "text": source.text,
        "media_type": source.media_type,
        "metadata": stored_metadata(source),
        "content_hash": ready.content_hash,
        "status": Document.Status.READY,
        "error": "",
    }
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


def ingest_upload(*, document_id: int) -> Document.Status | None:
    """Read the file uploaded with a document, cut, embed and write it; return the status that the document has then,
    None when it is gone. Whatever goes wrong is kept in its `error`. May run twice: the same file gives the same."""
    document = Document.objects.select_related("collection").filter(pk=document_id).first()
    if document is None:
        return None
    Document.objects.filter(pk=document_id).update(status=Document.Status.PROCESSING, error="")
    try:
        source = _read_upload(document)
        ready = make_ready(collection=document.collection, source=source, document_id=document_id)
        if ready.content_hash == document.content_hash:
            Document.objects.filter(pk=document_id).update(status=Document.Status.READY)
        else:
            embedders, _ = active_embedders()
            write_documents(documents=[ready], vectors=embed_texts(ready.embedding_texts(), embedders))
    except ChatError as exc:
        return _fail(document_id, str(exc))
    except Exception:  # a task's edge: the person who uploaded it looks at the document, not at the worker's log
        logger.exception("document could not be taken in", extra={"document_id": document_id})
        return _fail(document_id, "An unexpected error; an administrator finds it in the log of the worker.")
    return Document.Status.READY


def _fail(document_id: int, error: str) -> Document.Status:
    Document.objects.filter(pk=document_id).update(status=Document.Status.FAILED, error=error)
    return Document.Status.FAILED


def _read_upload(document: Document) -> SourceDocument:
    """The uploaded file as one document under the row's own id. Records of a CSV or JSON file become sections of it.
    Raises IngestError with the reason of the file's first problem."""
    if not document.upload:
        raise IngestError("There is no file. Choose one and save again.")
    name = PurePosixPath(document.source_id).name  # the stored file may be named otherwise
    try:
        with document.upload.open("rb") as file:
            data = file.read()
    except OSError as exc:
        raise IngestError(f"The uploaded file {name} is gone ({exc.strerror}). Upload it again.") from exc
    items = list(read_source(SourceFile(name, data), _read_options(document)))
    if failed := [item for item in items if isinstance(item, ReadProblem) and item.kind == "failed"]:
        more = f" (and {len(failed) - 1} more problems)" if len(failed) > 1 else ""
        raise IngestError(f"{failed[0]}{more}")
    records = [item for item in items if isinstance(item, SourceDocument)]
    source = records[0] if len(records) == 1 else _as_sections(records, title=name)
    # A second try reads the same columns.
    columns = {name: value for name, value in document.metadata.items() if name == "columns"}
    return replace(source, source_id=document.source_id, metadata={**source.metadata, **columns})


def _as_sections(records: Sequence[SourceDocument], *, title: str) -> SourceDocument:
    """One document with a section for each record."""
    sections = [
        f"## {' > '.join(filter(None, [record.heading_path, record.title]))}\n\n{record.text}" for record in records
    ]
    return replace(records[0], title=title, text="\n\n".join(sections), heading_path="", line=None, metadata={})


def _read_options(document: Document) -> ReadOptions:
    """Return the columns that were named with the upload, if any, and the limit of this site."""
    columns = document.metadata.get("columns", {})
    return ReadOptions(
        id_field=columns.get("id_field", ""),
        title_field=columns.get("title_field", ""),
        text_field=columns.get("text_field", ""),
        heading_fields=tuple(columns.get("heading_fields", ())),
        max_megabytes=settings.UPLOAD_MAX_MB,
    )
