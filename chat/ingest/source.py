"""What goes into a reader and what comes out of it. Every format ends as Markdown, so that chunking and pages are the
same for all; whatever cannot be read comes out as a problem with a reason that a person can act on."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, Protocol

from chat.exceptions import IngestError
from chat.storable import storable

# Column widths of chat.models.knowledge.Document.
TITLE_MAX_CHARS = 500
HEADING_PATH_MAX_CHARS = 1000
SOURCE_ID_MAX_CHARS = 500
MAX_MEGABYTES_DEFAULT = 20.0


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How records of CSV and JSONL map to documents, and how large a file may be. An empty name: not given."""

    id_field: str = ""
    title_field: str = ""
    text_field: str = ""
    heading_fields: tuple[str, ...] = ()
    collection_field: str = ""
    max_megabytes: float = MAX_MEGABYTES_DEFAULT


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file in memory. `name` is its stable id: the path below the folder that was given, with forward slashes."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class SourceDocument:
    """One document as read. `collection` is None unless the record names it; `line` is the first line of a record in
    its file, None for whole files."""

    source_id: str
    title: str
    text: str
    media_type: str
    file: str
    heading_path: str = ""
    collection: str | None = None
    line: int | None = None
    metadata: dict[str, str | int | float | bool] = field(default_factory=dict)

    @property
    def is_record(self) -> bool:
        """Whether it is one of the records of a table, and not a whole file."""
        return self.line is not None

    @property
    def place(self) -> str:
        """Where it stands, for messages."""
        return self.file if self.line is None else f"{self.file}, line {self.line}"


@dataclass(frozen=True, slots=True)
class ReadProblem:
    """What could not be read (`failed`), was left out on purpose (`skipped`) or was read but should be looked at
    (`warning`)."""

    file: str
    reason: str
    line: int | None = None
    kind: Literal["failed", "skipped", "warning"] = "failed"

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}, line {self.line}"
        return f"{place}: {self.reason}"


class Reader(Protocol):
    """Turns one file into documents. Raises IngestError where nothing of the file can be used."""

    def __call__(self, source: SourceFile, options: ReadOptions) -> Iterator[SourceDocument | ReadProblem]: ...


def clean(text: str) -> str:
    """`text` as PostgreSQL can store it: no NUL, no half of a surrogate pair, line ends as \\n, no space around it."""
    text = storable(text).replace("\r\n", "\n").replace("\r", "\n")
    return text.strip("\ufeff\n ").rstrip()


def one_line(text: str, max_chars: int) -> str:
    """`text` on one line, cut with an ellipsis where it is longer than `max_chars`."""
    line = " ".join(clean(text).split())
    return line if len(line) <= max_chars else line[: max_chars - 1].rstrip() + "…"


def file_document(
    source: SourceFile,
    *,
    text: str,
    title: str,
    media_type: str,
    metadata: dict[str, str | int | float | bool] | None = None,
) -> SourceDocument:
    """The document of a whole file; without a title it is named after the file. Raises IngestError when there is no
    text, or the path is longer than the database keeps."""
    text = clean(text)
    if not text:
        raise IngestError("has no text")
    if len(source.name) > SOURCE_ID_MAX_CHARS:
        raise IngestError(f"its path is longer than {SOURCE_ID_MAX_CHARS} characters; move it to a shorter one")
    stem = source.name.rpartition("/")[2].rpartition(".")[0] or source.name
    return SourceDocument(
        source_id=source.name,
        title=one_line(title, TITLE_MAX_CHARS) or one_line(stem.replace("_", " ").replace("-", " "), TITLE_MAX_CHARS),
        text=text,
        media_type=media_type,
        file=source.name,
        metadata=metadata or {},
    )
