"""Plain text, taken as it is: paragraphs are read as Markdown, which plain text mostly is."""

from collections.abc import Iterator

from chat.ingest.encoding import decode
from chat.ingest.source import ReadOptions, ReadProblem, SourceDocument, SourceFile, file_document


def read(source: SourceFile, options: ReadOptions) -> Iterator[SourceDocument | ReadProblem]:
    """Yield the file as one document named after the file."""
    yield file_document(source, text=decode(source.data), title="", media_type="text/plain")
