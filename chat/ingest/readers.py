"""Which reader reads which file, and how folders are walked. A new format is a new file beside this one and a line
here."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from chat.exceptions import IngestError
from chat.ingest import csv, docx, html, jsonl, markdown, pdf, text
from chat.ingest.source import Reader, ReadOptions, ReadProblem, SourceDocument, SourceFile

READERS: dict[str, Reader] = {
    ".md": markdown.read,
    ".markdown": markdown.read,
    ".txt": text.read,
    ".html": html.read,
    ".htm": html.read,
    ".pdf": pdf.read,
    ".docx": docx.read,
    ".csv": csv.read,
    ".tsv": csv.read,
    ".jsonl": jsonl.read,
    ".ndjson": jsonl.read,
    ".json": jsonl.read,
}


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file to read: where it is, and its stable name below the path that was given."""

    path: Path
    name: str


def suffix_of(name: str) -> str:
    """The suffix in lower case, with its dot; empty where there is none."""
    return PurePosixPath(name).suffix.lower()


def walk(paths: Iterable[Path]) -> Iterator[FoundFile | ReadProblem]:
    """Yield the files of `paths` in the order given, those of a folder by name. A file that was named is always
    yielded; of a folder, hidden and unknown ones are problems of kind "skipped". Linked folders are not entered."""
    for path in paths:
        if path.is_dir():
            yield from _walk_folder(path)
        elif path.is_file():
            yield FoundFile(path, path.name)
        else:
            yield ReadProblem(str(path), "does not exist" if not path.exists() else "is neither a file nor a folder")


def _walk_folder(root: Path) -> Iterator[FoundFile | ReadProblem]:
    def unreadable(error: OSError) -> None:
        problems.append(ReadProblem(str(error.filename), f"cannot be opened ({error.strerror})"))

    problems: list[ReadProblem] = []
    for folder, folders, files in os.walk(root, onerror=unreadable):
        yield from problems
        problems.clear()
        folders.sort()
        for name in [name for name in folders if name.startswith(".")]:
            folders.remove(name)
            yield ReadProblem((Path(folder, name).relative_to(root)).as_posix() + "/", "hidden folder", kind="skipped")
        for name in sorted(files):
            path = Path(folder, name)
            relative = path.relative_to(root).as_posix()
            if name.startswith("."):
                yield ReadProblem(relative, "hidden file", kind="skipped")
            elif suffix_of(name) not in READERS:
                yield ReadProblem(
                    relative, f"no reader for {suffix_of(name) or 'files without suffix'}", kind="skipped"
                )
            else:
                yield FoundFile(path, relative)
    yield from problems


def read_source(source: SourceFile, options: ReadOptions) -> Iterator[SourceDocument | ReadProblem]:
    """Read a file in memory. Never raises for what is in it: what cannot be used comes out as a problem."""
    reader = READERS.get(suffix_of(source.name))
    try:
        if reader is None:
            known = " ".join(sorted(READERS))
            raise IngestError(f"no reader for {suffix_of(source.name) or 'a file without suffix'}; known are {known}")
        if not source.data.strip():
            raise IngestError("is empty")
        if len(source.data) > options.max_megabytes * 2**20:
            raise IngestError(_too_large(len(source.data), options))
        yield from reader(source, options)
    except IngestError as exc:
        yield ReadProblem(source.name, str(exc))


def read(found: FoundFile, options: ReadOptions) -> Iterator[SourceDocument | ReadProblem]:
    """Read a file from disk; see `read_source`. A file over the limit is not loaded."""
    try:
        size_bytes = found.path.stat().st_size
        data = found.path.read_bytes() if size_bytes <= options.max_megabytes * 2**20 else None
    except OSError as exc:
        yield ReadProblem(found.name, f"cannot be opened ({exc.strerror})")
        return
    if data is None:
        yield ReadProblem(found.name, _too_large(size_bytes, options))
        return
    yield from read_source(SourceFile(found.name, data), options)


def _too_large(size_bytes: int, options: ReadOptions) -> str:
    return (
        f"is too large: {size_bytes / 2**20:,.1f} MB, the limit is {options.max_megabytes:g} MB "
        "(--max-megabytes raises it); or split the file"
    )
