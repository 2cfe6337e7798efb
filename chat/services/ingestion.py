"""Taking in files: unchanged documents are skipped, changed ones replaced, what is gone is removed on demand.

Chunks of many documents are embedded together, because the embedder is fast on full batches only; then the documents of
a batch are written in one transaction. When that fails they are tried one by one, so that one bad document costs
itself only.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from django.db import DatabaseError, OperationalError

from chat.exceptions import EmbeddingError, IngestError
from chat.ingest.readers import FoundFile, read, walk
from chat.ingest.source import ReadOptions, ReadProblem, SourceDocument
from chat.models import Collection, Document
from chat.rag.embed import TextEmbedder
from chat.services.documents import ReadyDocument, content_hash, make_ready, write_documents
from chat.services.knowledge import (
    EMBED_BATCH_CHUNKS,
    Vectors,
    active_embedders,
    checked_chunk_tokens,
    embed_texts,
    ensure_collection,
)

Key = tuple[int, str]  # collection id, source id


@dataclass(slots=True)
class IngestReport:
    """What a run did: numbers of documents, but for `failed` (files and records) and `chunks` (written)."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    failed: int = 0
    warnings: int = 0
    skipped: int = 0
    chunks: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is, for a progress bar."""

    done_bytes: int  # of source files
    total_bytes: int
    chunks: int


@dataclass(slots=True)
class _Known:
    """A document as the database has it."""

    pk: int
    content_hash: str
    ready: bool
    is_upload: bool


@dataclass(slots=True)
class IngestRun:
    """One run over many documents: add them, then finish. Holds what is not written yet and what has been seen."""

    collection: Collection | None  # None: each record names its own
    language: str = ""
    chunk_tokens: int | None = None
    part_of_id: int | None = None  # of the uploaded file whose records these are
    dry_run: bool = False
    on_problem: Callable[[ReadProblem], None] = lambda problem: None
    on_chunks: Callable[[int], None] = lambda chunks: None  # so many more are embedded
    report: IngestReport = field(default_factory=IngestReport)
    _embedders: Sequence[tuple[int, TextEmbedder]] = ()
    _collections: dict[str, Collection] = field(default_factory=dict)
    _known: dict[int, dict[str, _Known]] = field(default_factory=dict)
    _seen: dict[Key, str] = field(default_factory=dict)  # and where it stands
    _failed_files: set[str] = field(default_factory=set)
    _waiting: list[ReadyDocument] = field(default_factory=list)
    _embedding_failures: int = 0  # documents in a row

    def problem(self, problem: ReadProblem) -> None:
        """Count a problem and pass it on."""
        match problem.kind:
            case "failed":
                self.report.failed += 1
                self._failed_files.add(problem.file)
            case "warning":
                self.report.warnings += 1
            case "skipped":
                self.report.skipped += 1
        self.on_problem(problem)

    def add(self, source: SourceDocument) -> None:
        """Take a document in, or find that it is unchanged. It is written with the batch that it fills."""
        try:
            collection = self._collection_of(source)
            if first := self._seen.get((collection.pk, source.source_id)):
                raise IngestError(f"the id {source.source_id!r} is taken by {first} already; ids must differ")
            self._seen[collection.pk, source.source_id] = source.place
            known = self._known_in(collection).get(source.source_id)
            if known and known.is_upload and self.part_of_id:
                raise IngestError(f"the id {source.source_id!r} is that of an uploaded file; ids must differ")
            if known and known.ready and known.content_hash == content_hash(source, collection.chunk_tokens):
                self.report.unchanged += 1
                return
            ready = make_ready(
                collection=collection,
                source=source,
                document_id=known.pk if known else None,
                part_of_id=self.part_of_id,
            )
        except IngestError as exc:
            self.problem(ReadProblem(source.file, str(exc), source.line))
            return
        self._waiting.append(ready)
        if sum(len(waiting.chunks) for waiting in self._waiting) >= EMBED_BATCH_CHUNKS:
            self.flush()

    def flush(self) -> None:
        """Embed and write what waits. Raises EmbeddingError when the embedder fails for one document after another, for
        then it is not the documents that are broken."""
        waiting, self._waiting = self._waiting, []
        try:
            self._write(waiting)
        except OperationalError:
            raise  # the database is gone: each further document would fail alike
        except (EmbeddingError, DatabaseError) as exc:
            if len(waiting) > 1:
                for ready in waiting:
                    self._waiting = [ready]
                    self.flush()
                return
            self._embedding_failures += isinstance(exc, EmbeddingError)
            if self._embedding_failures > 1:
                raise
            source = waiting[0].source
            self.problem(ReadProblem(source.file, f"could not be stored: {_first_line(exc)}", source.line))

    def _write(self, waiting: Sequence[ReadyDocument]) -> None:
        if waiting and not self.dry_run:
            self._embedders = self._embedders or self._usable_embedders()
            write_documents(documents=waiting, vectors=self._embed(waiting))
            self._embedding_failures = 0
        for ready in waiting:
            if ready.document_id is None:
                self.report.added += 1
            else:
                self.report.changed += 1
            self.report.chunks += len(ready.chunks)

    def _embed(self, waiting: Sequence[ReadyDocument]) -> Vectors:
        """In slices, so that a document of thousands of chunks moves the progress bar too."""
        texts = [text for ready in waiting for text in ready.embedding_texts()]
        slices = []
        for at in range(0, len(texts), EMBED_BATCH_CHUNKS):
            batch = texts[at : at + EMBED_BATCH_CHUNKS]
            slices.append(embed_texts(batch, self._embedders))
            self.on_chunks(len(batch))
        return {pk: np.concatenate([part[pk] for part in slices]) for pk, _ in self._embedders}

    def _usable_embedders(self) -> Sequence[tuple[int, TextEmbedder]]:
        usable, missing = active_embedders()
        for name in missing:
            reason = f"is not set up here; when it is, run: manage.py embed --embedder {name}"
            self.problem(ReadProblem(f"embedder {name}", reason, kind="warning"))
        return usable

    def prune(self) -> None:
        """Remove the documents of this run's collections that were not seen. Uploads stay, and so does what came from a
        file that could not be read whole: whether it is gone is not known."""
        if not self._seen:
            self.problem(ReadProblem("prune", "nothing was read, so nothing is removed", kind="warning"))
            return
        for collection_id in {collection_id for collection_id, _ in self._seen}:
            rows = Document.objects.filter(collection=collection_id, upload="", part_of=None).values_list(
                "pk", "source_id", "metadata__file"
            )
            gone = [
                pk
                for pk, source_id, file in rows
                if (collection_id, source_id) not in self._seen and not {source_id, file} & self._failed_files
            ]
            self.report.removed += len(gone)
            if not self.dry_run:
                Document.objects.filter(pk__in=gone).delete()

    def _collection_of(self, source: SourceDocument) -> Collection:
        if self.collection is not None:
            return self.collection
        name = source.collection or ""
        if name not in self._collections:
            self._collections[name] = find_collection(
                name, language=self.language, chunk_tokens=self.chunk_tokens, dry_run=self.dry_run
            )
        return self._collections[name]

    def _known_in(self, collection: Collection) -> dict[str, _Known]:
        if collection.pk not in self._known:
            rows = Document.objects.filter(collection=collection.pk)
            self._known[collection.pk] = {
                source_id: _Known(pk, content_hash, status == Document.Status.READY, bool(upload))
                for source_id, pk, content_hash, status, upload in rows.values_list(
                    "source_id", "pk", "content_hash", "status", "upload"
                )
            }
        return self._known[collection.pk]


def find_collection(name: str, *, language: str, chunk_tokens: int | None, dry_run: bool) -> Collection:
    """The collection of that name; a dry run makes none, and one that is not there has an id that no row has."""
    if not dry_run:
        return ensure_collection(name=name, language=language, chunk_tokens=chunk_tokens)
    collection = Collection.objects.filter(name=name).first() or Collection(pk=-abs(hash(name)) - 1, name=name)
    if chunk_tokens is not None:
        collection.chunk_tokens = checked_chunk_tokens(chunk_tokens)
    return collection


def _first_line(exc: Exception) -> str:
    return str(exc).partition("\n")[0]


def ingest_paths(
    *,
    paths: Sequence[Path],
    collection_name: str,
    options: ReadOptions,
    language: str = "",
    chunk_tokens: int | None = None,
    prune: bool = False,
    dry_run: bool = False,
    on_problem: Callable[[ReadProblem], None] = lambda problem: None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> IngestReport:
    """Take in files and whole folders, into the named collection, or by record where `options` has a collection field.

    `chunk_tokens` is the size of chunks that the collections have from now on; 0 is the default, None leaves it.
    Problems of files and records are passed on, counted, and stop nothing. Raises IngestError for a collection, size or
    language that cannot be, EmbeddingError when the embedder is down, ConfigurationError when none is set up; what was
    written by then stays, and the same call goes on from there.
    """
    run = IngestRun(
        collection=None
        if options.collection_field
        else find_collection(collection_name, language=language, chunk_tokens=chunk_tokens, dry_run=dry_run),
        language=language,
        chunk_tokens=chunk_tokens,
        dry_run=dry_run,
        on_problem=on_problem,
    )
    files: list[FoundFile] = []
    for found in walk(paths):
        if isinstance(found, ReadProblem):
            run.problem(found)
        else:
            files.append(found)
    all_found = not run.report.failed
    sizes = [_size_bytes(file) for file in files]
    done, chunks, total = 0.0, 0, sum(sizes)

    def report_progress(new_chunks: int = 0) -> None:
        nonlocal chunks
        chunks += new_chunks
        on_progress(Progress(int(done), total, chunks))

    run.on_chunks = report_progress
    for file, size in zip(files, sizes, strict=True):
        items = list(read(file, options))
        for item in items:
            if isinstance(item, ReadProblem):
                run.problem(item)
            else:
                run.add(item)
            done += size / len(items)
            report_progress()
    run.flush()
    if prune and all_found:
        run.prune()
    elif prune:
        reason = "nothing is removed, because not every path could be opened"
        run.problem(ReadProblem("prune", reason, kind="warning"))
    return run.report


def _size_bytes(found: FoundFile) -> int:
    try:
        return found.path.stat().st_size
    except OSError:
        return 0  # reading it names the reason
