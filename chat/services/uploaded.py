"""What the worker does with an uploaded file: most become the document that they were uploaded as. Of a CSV or JSON
file each record becomes a document of its own, as with `manage.py ingest`; the file's own row says how that went."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from django.conf import settings
from django.db import transaction

from chat.exceptions import ChatError, IngestError
from chat.ingest.readers import read_source, suffix_of
from chat.ingest.source import ReadOptions, ReadProblem, SourceDocument, SourceFile
from chat.models import Document
from chat.services.documents import make_ready, write_documents
from chat.services.ingestion import IngestRun
from chat.services.knowledge import active_embedders, embed_texts, lock_collections
from chat.services.records import RECORD_SUFFIXES
from chat.services.uploads import delete_documents

logger = logging.getLogger(__name__)

SHOWN_PROBLEMS = 20


def ingest_upload(*, document_id: int) -> Document.Status | None:
    """Read the file uploaded with a document, cut, embed and write it; return the status that the document has then,
    None when it is gone. Whatever goes wrong is kept in its `error`. May run twice: the same file gives the same."""
    document = Document.objects.select_related("collection").filter(pk=document_id).first()
    if document is None:
        return None
    Document.objects.filter(pk=document_id).update(status=Document.Status.PROCESSING, error="")
    try:
        items = _read(document)
        if suffix_of(document.source_id) in RECORD_SUFFIXES:
            _take_in_records(document, items)
            return Document.Status.DIVIDED
        _take_in_whole(document, items)
    except ChatError as exc:
        return _fail(document_id, str(exc))
    except Exception:  # a task's edge: the person who uploaded it looks at the document, not at the worker's log
        logger.exception("document could not be taken in", extra={"document_id": document_id})
        return _fail(document_id, "An unexpected error; an administrator finds it in the log of the worker.")
    return Document.Status.READY


def _fail(document_id: int, error: str) -> Document.Status:
    Document.objects.filter(pk=document_id).update(status=Document.Status.FAILED, error=error)
    return Document.Status.FAILED


def _read(document: Document) -> list[SourceDocument | ReadProblem]:
    """What the file holds. Raises IngestError, with the reason of its first problem, when nothing of it can be used."""
    if not document.upload:
        raise IngestError("There is no file. Choose one and save again.")
    name = PurePosixPath(document.source_id).name  # the stored file may be named otherwise
    try:
        with document.upload.open("rb") as file:
            data = file.read()
    except OSError as exc:
        raise IngestError(f"The uploaded file {name} is gone ({exc.strerror}). Upload it again.") from exc
    items = list(read_source(SourceFile(name, data), _read_options(document)))
    if not any(isinstance(item, SourceDocument) for item in items):
        failed = [item for item in items if isinstance(item, ReadProblem) and item.kind == "failed"]
        more = f" (and {len(failed) - 1} more problems)" if len(failed) > 1 else ""
        raise IngestError(f"{failed[0]}{more}" if failed else f"{name} has no records")
    return items


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


def _take_in_whole(document: Document, items: Sequence[SourceDocument | ReadProblem]) -> None:
    """Write the file as the document that it was uploaded as."""
    (source,) = (item for item in items if isinstance(item, SourceDocument))
    source = replace(source, source_id=document.source_id)
    ready = make_ready(collection=document.collection, source=source, document_id=document.pk)
    if ready.content_hash == document.content_hash:
        Document.objects.filter(pk=document.pk).update(status=Document.Status.READY)
        return
    embedders, _ = active_embedders()
    write_documents(documents=[ready], vectors=embed_texts(ready.embedding_texts(), embedders))


def _take_in_records(document: Document, items: Sequence[SourceDocument | ReadProblem]) -> None:
    """Write each record as a document. Those that the file has no more go, unless something of it could not be read:
    then it is not known whether they are gone. Raises IngestError that names what could not be taken in."""
    failed: list[ReadProblem] = []

    def keep_failed(problem: ReadProblem) -> None:
        if problem.kind == "failed":
            failed.append(problem)

    run = IngestRun(collection=document.collection, part_of_id=document.pk, on_problem=keep_failed)
    for item in items:
        if isinstance(item, ReadProblem):
            run.problem(item)
        else:
            run.add(item)
    run.flush()
    _leave_to_records(document)
    if failed:
        taken_in = run.report.added + run.report.changed + run.report.unchanged
        reasons = "; ".join(map(str, failed[:SHOWN_PROBLEMS]))
        more = f"; and {len(failed) - SHOWN_PROBLEMS} more" if len(failed) > SHOWN_PROBLEMS else ""
        raise IngestError(f"{taken_in} records are taken in, {len(failed)} could not be: {reasons}{more}")
    named = {item.source_id for item in items if isinstance(item, SourceDocument)}
    delete_documents(documents=document.records.exclude(source_id__in=named))
    Document.objects.filter(pk=document.pk).update(status=Document.Status.DIVIDED)


def _leave_to_records(document: Document) -> None:
    """A file whose records are documents has no text and no chunks itself, also where it had some before."""
    with transaction.atomic():
        lock_collections([document.collection_id])
        document.chunks.all().delete()
        document.text = document.content_hash = ""
        document.title = PurePosixPath(document.source_id).name
        document.save(update_fields=["text", "content_hash", "title", "updated_at"])
