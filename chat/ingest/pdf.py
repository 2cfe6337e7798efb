"""PDF: the text layer, page by page. Each page of a longer file stands under a heading "Page 3", so that a chunk says
where it comes from and the reader finds it in the original."""

import io
import logging
import time
from collections.abc import Iterator

from pypdf import PdfReader
from pypdf.errors import PyPdfError

from chat.exceptions import IngestError
from chat.ingest.source import ReadOptions, ReadProblem, SourceDocument, SourceFile, clean, file_document

# Damaged files make the library raise almost anything besides its own errors.
_DAMAGED = (PyPdfError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError, RecursionError, OSError)
# A thousand pages take about a minute; a file made to keep the parser busy must not stop the rest.
_MAX_SECONDS = 300.0

# Each small flaw of a file that reads well otherwise would be a line on the terminal.
logging.getLogger("pypdf").setLevel(logging.ERROR)


def _open(data: bytes) -> PdfReader:
    """Raise IngestError where the file is damaged or asks for a password."""
    try:
        reader = PdfReader(io.BytesIO(data))
        locked = reader.is_encrypted and not reader.decrypt("")
        if not locked:
            len(reader.pages)
    except _DAMAGED as exc:
        raise IngestError(f"is a damaged PDF ({exc}); open it and save it again") from exc
    if locked:
        raise IngestError("is a PDF protected by a password; save it without one")
    return reader


def _pages(reader: PdfReader) -> list[str]:
    """Text of each page, empty where it has none. Raises IngestError that names the page."""
    deadline = time.monotonic() + _MAX_SECONDS
    pages = []
    for number, page in enumerate(reader.pages, start=1):
        try:
            pages.append(clean(page.extract_text()))
        except _DAMAGED as exc:
            raise IngestError(f"is a damaged PDF: page {number} cannot be read ({exc})") from exc
        if time.monotonic() > deadline:
            raise IngestError(f"takes too long: after {_MAX_SECONDS:.0f} s at page {number}; split the file")
    return pages


def _title(reader: PdfReader) -> str:
    try:
        return str((reader.metadata and reader.metadata.title) or "")
    except _DAMAGED:
        return ""  # a broken title is no reason to refuse the text


def read(source: SourceFile, options: ReadOptions) -> Iterator[SourceDocument | ReadProblem]:
    """Yield the file as one document; its title is the one in its properties, else the file's name."""
    reader = _open(source.data)
    pages = _pages(reader)
    if not pages:
        raise IngestError("has no pages")
    if not any(pages):
        raise IngestError(
            f"has {len(pages)} pages but no text, as a scan has; run text recognition first, for instance `ocrmypdf`"
        )
    text = (
        pages[0]
        if len(pages) == 1
        else "\n\n".join(f"## Page {number}\n\n{page}" for number, page in enumerate(pages, start=1) if page)
    )
    if empty := [str(number) for number, page in enumerate(pages, start=1) if not page]:
        yield ReadProblem(source.name, f"pages without text: {', '.join(empty[:20])}", kind="warning")
    yield file_document(
        source, text=text, title=_title(reader), media_type="application/pdf", metadata={"pages": len(pages)}
    )
