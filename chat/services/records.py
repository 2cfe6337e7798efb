"""Rows of CSV, TSV, JSON Lines and JSON files, for whoever imports tables that are no documents."""

import codecs
from collections.abc import Iterator

from chat.exceptions import IngestError
from chat.ingest import csv, jsonl
from chat.ingest.readers import suffix_of
from chat.ingest.records import Record
from chat.ingest.source import ReadProblem

__all__ = ["RECORD_SUFFIXES", "ReadProblem", "Record", "read_records"]

_READERS = {
    ".csv": csv.records,
    ".tsv": csv.records,
    ".jsonl": jsonl.records,
    ".ndjson": jsonl.records,
    ".json": jsonl.records,
}
RECORD_SUFFIXES = tuple(_READERS)


def read_records(*, name: str, data: bytes, encoding: str = "") -> tuple[list[str], Iterator[Record | ReadProblem]]:
    """Return the columns of a file, and its records with what could not be read in the order of the lines.

    `encoding` is what the file is in where that is not UTF-8. Raises IngestError for a file that is none of these
    formats, is empty, is in another encoding, or has no record at all.
    """
    reader = _READERS.get(suffix_of(name))
    if reader is None:
        raise IngestError(f"{name}: rows are read from files that end in {' '.join(RECORD_SUFFIXES)}")
    if not data.strip():
        raise IngestError(f"{name} is empty")
    try:
        codecs.lookup(encoding or "utf-8")
    except LookupError:
        raise IngestError(f'There is no encoding "{encoding}"; usual ones are utf-8, latin-1 and cp1252.') from None
    try:
        columns, records = reader(name, data, encoding=encoding)
    except IngestError as exc:
        raise IngestError(f"{name} {exc}") from exc
    if not columns:
        raise IngestError(f"{name} has no records")
    return columns, records
