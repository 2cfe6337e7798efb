"""CSV and TSV with a header line: one record a document."""

import csv
import io
from collections.abc import Iterator

from chat.exceptions import IngestError
from chat.ingest.encoding import decode
from chat.ingest.records import Record, check_fields, documents
from chat.ingest.source import ReadOptions, ReadProblem, SourceDocument, SourceFile

_DELIMITERS = ",;\t|"


def _delimiter(text: str) -> str:
    """The delimiter that the header line has most of; a comma where it has none."""
    header = text.partition("\n")[0]
    return max(_DELIMITERS, key=header.count)


def _records(name: str, text: str, header: list[str], delimiter: str) -> Iterator[Record | ReadProblem]:
    """Rows below the header; a row with more or fewer cells than the header, or with broken quotes, is a problem."""
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    next(rows)
    line = rows.line_num + 1
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as exc:
            yield ReadProblem(name, f"broken row ({exc}); is a quotation mark not closed or not doubled?", line)
        else:
            if len(row) == len(header):
                yield Record(line, dict(zip(header, row, strict=True)))
            elif row:
                reason = f"has {len(row)} cells, the header has {len(header)}; quote cells that contain {delimiter!r}"
                yield ReadProblem(name, reason, line)
        line = rows.line_num + 1


def records(name: str, data: bytes, *, encoding: str = "") -> tuple[list[str], Iterator[Record | ReadProblem]]:
    """Return the columns, and the rows as they are read. Raises IngestError for a file without a usable header."""
    text = decode(data, declared=encoding).strip("\ufeff")
    delimiter = _delimiter(text)
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))  # the file's own size is limited already
    try:
        header = [name.strip() for name in next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))]
    except (StopIteration, csv.Error):
        raise IngestError("has no header line") from None
    if repeated := sorted({name for name in header if header.count(name) > 1}):
        raise IngestError(f"has several columns named {', '.join(map(repr, repeated))}; give each its own name")
    return header, _records(name, text, header, delimiter)


def read(source: SourceFile, options: ReadOptions) -> Iterator[SourceDocument | ReadProblem]:
    """Yield one document for each row. Raises IngestError where the header lacks a field that was asked for."""
    header, rows = records(source.name, source.data)
    options = check_fields(options, header)
    yield from documents(rows, file=source.name, media_type="text/csv", options=options)
