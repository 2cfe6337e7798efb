"""JSON Lines, and .json files that hold one array of objects: one object a document."""

import json
from collections.abc import Iterator

from chat.exceptions import IngestError
from chat.ingest.encoding import decode
from chat.ingest.records import Record, check_fields, documents
from chat.ingest.source import ReadOptions, ReadProblem, SourceDocument, SourceFile

_SPACE = " \t\r\n"


def _lines(name: str, text: str) -> Iterator[Record | ReadProblem]:
    """One object a line; a line that is not one is a problem, the next is read."""
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as exc:
            yield ReadProblem(name, f"is not JSON ({exc})", number)
            continue
        if isinstance(value, dict):
            yield Record(number, value)
        else:
            yield ReadProblem(name, "is not a JSON object like {...}", number)


def _array(name: str, text: str) -> Iterator[Record | ReadProblem]:
    """Objects of one array, each with its line. Raises IngestError where the array is broken."""
    decoder = json.JSONDecoder()

    def skip(at: int, characters: str) -> int:
        while at < len(text) and text[at] in characters:
            at += 1
        return at

    at = skip(0, _SPACE)
    if text[at : at + 1] != "[":
        raise IngestError("is not an array of objects like [{...}, {...}]; JSON Lines files end with .jsonl")
    at = skip(at + 1, _SPACE)
    line, counted = 1, 0
    while text[at : at + 1] != "]":
        line, counted = line + text.count("\n", counted, at), at
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as exc:
            raise IngestError(f"is not JSON ({exc})") from None
        if isinstance(value, dict):
            yield Record(line, value)
        else:
            yield ReadProblem(name, "is not a JSON object like {...}", line)
        at = skip(end, _SPACE)
        if text[at : at + 1] == ",":
            at = skip(at + 1, _SPACE)
        elif text[at : at + 1] != "]":
            raise IngestError(f"is not JSON: a comma or ] is missing behind the object of line {line}")


def records(name: str, data: bytes, *, encoding: str = "") -> tuple[list[str], Iterator[Record | ReadProblem]]:
    """Return the fields that any object has, and what the file holds. Raises IngestError where an array is broken."""
    text = decode(data, declared=encoding)
    parse = _array if name.lower().endswith(".json") else _lines
    found = list(parse(name, text))
    names = dict.fromkeys(field for record in found if isinstance(record, Record) for field in record.fields)
    return list(names), iter(found)


def read(source: SourceFile, options: ReadOptions) -> Iterator[SourceDocument | ReadProblem]:
    """Yield one document for each object. Raises IngestError where no object has a field that was asked for."""
    names, found = records(source.name, source.data)
    if not names:
        yield from (record for record in found if isinstance(record, ReadProblem))
        raise IngestError("has no records")
    options = check_fields(options, names)
    yield from documents(found, file=source.name, media_type="application/jsonl", options=options)
