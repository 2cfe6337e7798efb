"""Word documents: mammoth makes HTML of styles (headings, lists, tables), which then goes the way of HTML."""

import io
import zipfile
import zlib
from collections.abc import Iterator
from xml.parsers.expat import ExpatError

import mammoth
from bs4 import BeautifulSoup

from chat.exceptions import IngestError
from chat.ingest.html import to_markdown
from chat.ingest.markdown import first_heading
from chat.ingest.source import ReadOptions, ReadProblem, SourceDocument, SourceFile, file_document

_MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
# A thousand pages have about 10 MB of XML; more is made to exhaust memory, of which parsing takes a multiple.
_MAX_XML_BYTES = 40 * 2**20
# What a damaged part makes the library raise is not documented: XML errors, missing keys, wrong types.
_DAMAGED = (
    ExpatError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    NotImplementedError,
    OSError,
    zipfile.BadZipFile,
    zlib.error,
)


def _check_archive(data: bytes) -> None:
    """Raise IngestError unless `data` is a zip archive of bearable size with Word's main part."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            xml_bytes = sum(
                entry.file_size for entry in archive.infolist() if entry.filename.endswith((".xml", ".rels"))
            )
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        hint = " (old .doc files must be saved as .docx)" if data.startswith(b"\xd0\xcf\x11\xe0") else ""
        raise IngestError(f"is not a Word document: it is damaged or of another format{hint}") from None
    if xml_bytes > _MAX_XML_BYTES:
        raise IngestError(f"unpacks to {xml_bytes / 2**20:,.0f} MB, more than {_MAX_XML_BYTES // 2**20} MB; split it")
    if "word/document.xml" not in names:
        raise IngestError("is a zip archive but not a Word document")


def _without_picture(image: object) -> dict[str, str]:
    return {"src": ""}


def read(source: SourceFile, options: ReadOptions) -> Iterator[SourceDocument | ReadProblem]:
    """Yield the file as one document; its title is the first heading of level one."""
    _check_archive(source.data)
    try:
        html = mammoth.convert_to_html(
            io.BytesIO(source.data), convert_image=mammoth.images.img_element(_without_picture)
        ).value
    except RecursionError:
        raise IngestError("is nested too deeply to be read; is it damaged?") from None
    except _DAMAGED as exc:
        raise IngestError(f"is a damaged Word document ({type(exc).__name__}); open and save it in Word") from exc
    text = to_markdown(BeautifulSoup(html, "html.parser"))
    yield file_document(source, text=text, title=first_heading(text), media_type=_MEDIA_TYPE)
