"""Files that people upload: kept beside a document that the worker takes in, and removed with it."""

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import transaction

from chat.exceptions import IngestError
from chat.ingest.readers import READERS, suffix_of
from chat.ingest.records import check_fields, usual_field
from chat.ingest.source import SOURCE_ID_MAX_CHARS, ReadOptions
from chat.models import Collection, Document
from chat.services.documents import queue_document
from chat.services.knowledge import lock_collections
from chat.services.records import RECORD_SUFFIXES, read_records


def known_suffixes() -> list[str]:
    """Return the suffixes of files that can be read, such as ".md"."""
    return sorted(READERS)


def check_upload(*, name: str, size_bytes: int) -> None:
    """Raise IngestError, naming the file and what to do, for a file that cannot be taken in."""
    if suffix_of(name) not in READERS:
        kind = f'files that end in "{suffix_of(name)}"' if suffix_of(name) else "files without a suffix"
        raise IngestError(f"{name}: {kind} cannot be read; known formats: {', '.join(known_suffixes())}.")
    if not size_bytes:
        raise IngestError(f"{name} is empty.")
    if size_bytes > settings.UPLOAD_MAX_MB * 2**20:
        raise IngestError(
            f"{name} has {size_bytes / 2**20:,.1f} MB; at most {settings.UPLOAD_MAX_MB} MB are possible. Split it, or"
            " ask your administrator to raise RAGSITE_UPLOAD_MAX_MB."
        )
    if len(name) > SOURCE_ID_MAX_CHARS:
        raise IngestError(f"{name[:60]}… has a name longer than {SOURCE_ID_MAX_CHARS} characters; rename it.")


def find_columns(*, file: "File[bytes]", columns: Mapping[str, str | list[str]]) -> dict[str, str | list[str]]:
    """Return which columns of a CSV or JSON file hold what: those that are named, else those of usual names; nothing
    for another file. Raises IngestError that lists the columns when one is not there, or none can be the text."""
    name = PurePosixPath(str(file.name)).name
    if suffix_of(name) not in RECORD_SUFFIXES:
        return {}
    file.seek(0)
    names, _ = read_records(name=name, data=file.read())
    file.seek(0)
    named: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in columns.items()}
    try:
        found = check_fields(ReadOptions(**named), names)
    except IngestError as exc:
        raise IngestError(f"{name} {exc}") from exc
    taken = [found.title_field, found.text_field, *found.heading_fields]
    resolved: dict[str, str | list[str]] = {
        "id_field": found.id_field or usual_field("id", names, taken=taken),
        "title_field": found.title_field,
        "text_field": found.text_field,
        "heading_fields": list(found.heading_fields),
    }
    return {key: value for key, value in resolved.items() if value}


def queue_upload(
    *, file: "File[bytes]", collection: Collection, columns: Mapping[str, str | list[str]] | None = None
) -> Document:
    """Keep a file and have the worker take it in; a file of the same name replaces the collection's earlier one.

    `columns` says which fields of a CSV or JSON file hold what: `id_field`, `title_field`, `text_field` and
    `heading_fields`. Raises IngestError for a file that cannot be read.
    """
    name = PurePosixPath(str(file.name).replace("\\", "/")).name
    check_upload(name=name, size_bytes=file.size)
    with transaction.atomic():
        document, _ = Document.objects.select_for_update().get_or_create(collection=collection, source_id=name)
        earlier = document.upload.name
        document.metadata = {**document.metadata, "columns": dict(columns or {})}
        document.upload.save(name, file, save=False)
        document.save(update_fields=["upload", "metadata", "updated_at"])
        if earlier:
            transaction.on_commit(partial(default_storage.delete, earlier))
        queue_document(document=document)
    return document


def delete_documents(*, documents: Iterable[Document]) -> int:
    """Delete documents with their chunks, vectors and uploaded files; return how many. Hits keep their copied texts."""
    documents = list(documents)
    with transaction.atomic():
        lock_collections({document.collection_id for document in documents})
        for document in documents:
            if document.upload:
                transaction.on_commit(partial(default_storage.delete, str(document.upload.name)))
        Document.objects.filter(pk__in=[document.pk for document in documents]).delete()
    return len(documents)


def delete_collection(*, collection: Collection) -> None:
    """Delete a collection with all its documents. Conversations and turns that used it stay."""
    with transaction.atomic():
        delete_documents(documents=collection.documents.defer("text"))
        collection.delete()
