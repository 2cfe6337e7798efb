"""Files of turns or traces, line by line: JSONL, or Parquet of ours, whose rows are lines too."""

import codecs
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from monitoring.exceptions import ImportTurnsError

ROWS_AT_ONCE = 500
LINE_MAX_BYTES = 64 * 2**20
MOST_DEPTH = 100  # of objects and lists in each other; what reads them needs room on the stack for each
HEAD_BYTES = 2**16  # which tell what a file is
BEGIN_SHOWN = 60


class LineError(Exception):
    """A line cannot be imported; the message says why."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file: what it holds, or why that cannot be read. `size`: how far it brings the progress."""

    number: int
    size: int
    value: Any
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """A file to read. `total` is in `unit`s, as the sizes of its lines are."""

    path: Path
    total: int
    unit: str

    def lines(self) -> Iterator[Line]:
        """Yield the lines that are not empty. Raises ImportTurnsError for a file that is no such file."""
        return _rows(self.path) if self.unit == "turn" else _json_lines(self.path)


def open_source(path: Path) -> Source:
    """Return what a file holds: Parquet by how it begins, otherwise JSONL. Raises ImportTurnsError, also for what is
    plainly neither, rather than say so of each line."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        size = path.stat().st_size
    except OSError as error:
        raise ImportTurnsError(f"{path} cannot be opened ({error.strerror}).") from error
    if head.startswith(b"PAR1"):
        return Source(path, _parquet(path).metadata.num_rows, "turn")
    if reason := _no_lines(head):
        raise ImportTurnsError(f"{path} {reason}.")
    return Source(path, size, "B")


def _no_lines(head: bytes) -> str:
    """Return why a file that begins so is no JSONL; empty where it may be."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)):
        return "is text in UTF-16 or UTF-32; save it as UTF-8"
    if head.startswith((b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")):
        return "is compressed; unpack it first"
    if b"\x00" in head:
        return "is no text; what is read is JSONL, one JSON object a line, or Parquet"
    lines = [line.strip() for line in head.removeprefix(codecs.BOM_UTF8).split(b"\n")]
    lines = [line for line in lines if line]
    if not lines:
        return "is empty" if len(head) < HEAD_BYTES else ""
    if lines[0].startswith(b"[") or lines[0] == b"{":
        return "is a list or spread over lines; JSONL has one object a line, as jq -c . or jq -c '.[]' writes it"
    if not any(line.startswith(b"{") for line in lines):
        begin = lines[0][:BEGIN_SHOWN].decode(errors="replace")
        return f"is no JSONL, which has one JSON object a line; it begins with “{begin}”"
    return ""


def _json_lines(path: Path) -> Iterator[Line]:
    with path.open("rb") as file:
        number = 0
        while data := file.readline(LINE_MAX_BYTES):
            number += 1
            if len(data) == LINE_MAX_BYTES and not data.endswith(b"\n"):
                size = len(data) + _skip_line(file)
                yield Line(number, size, None, f"it is longer than {LINE_MAX_BYTES // 2**20} MB")
                continue
            text = data.removeprefix(codecs.BOM_UTF8).strip()
            if text:
                yield _json_line(number, len(data), text)


def _skip_line(file: BinaryIO) -> int:
    """Read to the end of a line, without keeping it; return how many bytes that was."""
    size = 0
    while data := file.readline(2**20):
        size += len(data)
        if data.endswith(b"\n"):
            break
    return size


def _json_line(number: int, size: int, text: bytes) -> Line:
    try:
        value = read_json(text)
    except UnicodeDecodeError:
        return Line(number, size, None, "it is not UTF-8")
    except ValueError as error:
        return Line(number, size, None, f"it is no JSON ({error})")
    if not isinstance(value, dict):
        return Line(number, size, None, "it is no JSON object")
    return Line(number, size, value)


def read_json(text: str | bytes) -> Any:
    """Return what JSON says. Raises ValueError for what is none, or too deep in itself to be worked with."""
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except RecursionError as error:
        raise ValueError(too_deep(MOST_DEPTH)) from error
    if is_too_deep(value):
        raise ValueError(too_deep(MOST_DEPTH))
    return value


def is_too_deep(value: Any, most: int = MOST_DEPTH) -> bool:
    """Whether what JSON said has more objects and lists in each other than are taken."""
    level = [value]
    for _ in range(most):
        level = [inner for one in level for inner in _inside(one)]
        if not level:
            return False
    return True


def too_deep(most: int) -> str:
    """Return what is wrong with such a value."""
    return f"more than {most} objects and lists are in each other"


def _inside(value: Any) -> Iterable[Any]:
    """Return the objects and lists right inside of one."""
    within = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return (one for one in within if isinstance(one, dict | list))


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _parquet(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise ImportTurnsError(f"{path} cannot be read as Parquet ({error}).") from error


def _rows(path: Path) -> Iterator[Line]:
    import pyarrow as pa

    number = 0
    try:
        for batch in _parquet(path).iter_batches(batch_size=ROWS_AT_ONCE):
            for row in batch.to_pylist():
                number += 1
                yield Line(number, 1, row)
    except (pa.ArrowInvalid, OSError) as error:
        raise ImportTurnsError(f"{path} cannot be read behind row {number} ({error}).") from error
