"""Files of turns or traces, line by line: JSONL, or Parquet of ours, whose rows are lines too."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monitoring.exceptions import ImportTurnsError

ROWS_AT_ONCE = 500
LINE_MAX_BYTES = 64 * 2**20


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
    """Return what a file holds: Parquet by how it begins, otherwise JSONL. Raises ImportTurnsError."""
    try:
        with path.open("rb") as file:
            is_parquet = file.read(4) == b"PAR1"
        size = path.stat().st_size
    except OSError as error:
        raise ImportTurnsError(f"{path} cannot be opened ({error.strerror}).") from error
    return Source(path, _parquet(path).metadata.num_rows, "turn") if is_parquet else Source(path, size, "B")


def _json_lines(path: Path) -> Iterator[Line]:
    with path.open("rb") as file:
        number = 0
        while data := file.readline(LINE_MAX_BYTES):
            number += 1
            if len(data) == LINE_MAX_BYTES:
                raise ImportTurnsError(f"Line {number} of {path} is longer than {LINE_MAX_BYTES // 2**20} MB.")
            text = data.removeprefix(b"\xef\xbb\xbf").strip()
            if text:
                yield _json_line(number, len(data), text)


def _json_line(number: int, size: int, text: bytes) -> Line:
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except UnicodeDecodeError:
        return Line(number, size, None, "it is not UTF-8")
    except (ValueError, RecursionError) as error:
        return Line(number, size, None, f"it is no JSON ({error})")
    if not isinstance(value, dict):
        return Line(number, size, None, "it is no JSON object")
    return Line(number, size, value)


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
