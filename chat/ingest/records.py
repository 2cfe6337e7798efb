"""Records of CSV and JSONL to documents, one a record. Nothing is lost: records that share an id become one
document."""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from chat.exceptions import IngestError
from chat.ingest.source import (
    HEADING_PATH_MAX_CHARS,
    SOURCE_ID_MAX_CHARS,
    TITLE_MAX_CHARS,
    ReadOptions,
    ReadProblem,
    SourceDocument,
    clean,
    one_line,
)

_DERIVED_TITLE_CHARS = 80
# What columns are called where nobody says which one holds what; the first that there is counts, in any case.
USUAL_NAMES = {"id": ("id",), "title": ("title", "question"), "text": ("text", "answer", "body", "content")}


@dataclass(frozen=True, slots=True)
class Record:
    """One record with the line (from 1) on which it starts."""

    line: int
    fields: Mapping[str, object]


def usual_field(role: str, names: Iterable[str], *, taken: Collection[str] = ()) -> str:
    """The field that by its name is the id, title or text, but for those `taken` already; empty where none is."""
    by_name = {name.lower(): name for name in names if name not in taken}
    return next((by_name[usual] for usual in USUAL_NAMES[role] if usual in by_name), "")


def check_fields(options: ReadOptions, existing: Iterable[str]) -> ReadOptions:
    """Fill in the text and title fields where the file has columns of usual names. Raises IngestError that names a
    field which does not exist and lists those that do."""
    names = list(dict.fromkeys(existing))
    listed = ", ".join(names) or "none"
    wanted = {
        "id": (options.id_field,),
        "title": (options.title_field,),
        "text": (options.text_field,),
        "heading": options.heading_fields,
        "collection": (options.collection_field,),
    }
    for role, fields in wanted.items():
        for name in fields:
            if name and name not in names:
                raise IngestError(f"has no field {name!r} for the {role}; its fields are: {listed}")
    taken = [name for fields in wanted.values() for name in fields if name]
    text_field = options.text_field or usual_field("text", names, taken=taken)
    if not text_field:
        usual = ", ".join(map(repr, USUAL_NAMES["text"]))
        raise IngestError(
            f"has no field for the text that is named one of {usual}; say which one holds it (--text-field);"
            f" its fields are: {listed}"
        )
    title_field = options.title_field or usual_field("title", names, taken=taken)
    return replace(options, text_field=text_field, title_field=title_field)


def _as_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return clean(value)
    return clean(json.dumps(value, ensure_ascii=False))


def _document(record: Record, *, file: str, media_type: str, options: ReadOptions) -> SourceDocument:
    """One record as a document. Raises IngestError where a field that is needed is empty.

    Without an id field the id is a hash of the record's content, not its row number: a row inserted above would shift
    all numbers below and every document would look changed.
    """
    values = {name: _as_text(value) for name, value in record.fields.items()}

    def required(role: str, name: str) -> str:
        if not values.get(name):
            raise IngestError(f"the {role} is empty (field {name!r})")
        return values[name]

    text = required("text", options.text_field)
    headings = [values[name] for name in options.heading_fields if values.get(name)]
    title = values.get(options.title_field, "") or one_line(text, _DERIVED_TITLE_CHARS)
    if options.id_field:
        source_id = one_line(required("id", options.id_field), SOURCE_ID_MAX_CHARS + 1)
        if len(source_id) > SOURCE_ID_MAX_CHARS:
            raise IngestError(f"the id is longer than {SOURCE_ID_MAX_CHARS} characters")
    else:
        source_id = hashlib.sha256("\0".join([*headings, title, text]).encode()).hexdigest()[:16]
    used = {options.id_field, options.title_field, options.text_field, options.collection_field}
    return SourceDocument(
        source_id=source_id,
        title=one_line(title, TITLE_MAX_CHARS),
        text=text,
        media_type=media_type,
        file=file,
        heading_path=one_line(" > ".join(headings), HEADING_PATH_MAX_CHARS),
        collection=required("collection", options.collection_field) if options.collection_field else None,
        line=record.line,
        metadata={
            name: value
            for name, value in record.fields.items()
            if isinstance(value, str | int | float) and name not in used and name not in options.heading_fields
        },
    )


def _repeats(first: SourceDocument, second: SourceDocument) -> bool:
    """Whether the second says nothing that the first does not say."""
    return (second.title, second.heading_path) == (first.title, first.heading_path) and set(
        second.text.splitlines()
    ) <= set(first.text.splitlines())


def _joined(first: SourceDocument, second: SourceDocument) -> SourceDocument:
    """Both texts in one document; title and headings of the second become a heading where they differ."""
    same_place = (first.title, first.heading_path) == (second.title, second.heading_path)
    heading = " > ".join(filter(None, [second.heading_path, second.title]))
    between = "\n\n" if same_place else f"\n\n## {heading}\n\n"
    return replace(first, text=first.text + between + second.text)


def documents(
    records: Iterable[Record | ReadProblem], *, file: str, media_type: str, options: ReadOptions
) -> Iterator[SourceDocument | ReadProblem]:
    """Yield problems as they come, then one document for each id of a collection, in the order of the file."""
    found: dict[tuple[str | None, str], SourceDocument] = {}
    for record in records:
        if isinstance(record, ReadProblem):
            yield record
            continue
        try:
            document = _document(record, file=file, media_type=media_type, options=options)
        except IngestError as exc:
            yield ReadProblem(file, str(exc), record.line)
            continue
        key = (document.collection, document.source_id)
        if (first := found.get(key)) is None:
            found[key] = document
        elif _repeats(first, document):
            yield ReadProblem(
                file,
                f"says nothing beyond line {first.line}, which has the same id; taken once",
                record.line,
                "warning",
            )
        else:
            found[key] = _joined(first, document)
            reason = f"has the id {document.source_id!r} of line {first.line} too; both are kept in one document"
            yield ReadProblem(file, reason, record.line, "warning")
    yield from found.values()
