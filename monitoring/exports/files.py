"""An export straight into a file. It appears under its name when it is complete, and not before."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Protocol

from monitoring.exceptions import ExportError
from monitoring.exports.jsonl import json_lines
from monitoring.exports.parquet import ParquetSink, table_of
from monitoring.exports.records import Reader, Record
from monitoring.exports.table import columns_of, csv_head, csv_rows, score_names


class _Writer(Protocol):
    def write(self, records: list[Record]) -> None: ...

    def close(self) -> None: ...


class _Lines:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, records: list[Record]) -> None:
        self._file.write(json_lines(records))

    def close(self) -> None:
        pass


class _Rows:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._columns = columns_of(score_names())
        file.write(csv_head(self._columns))

    def write(self, records: list[Record]) -> None:
        self._file.write(csv_rows(records, self._columns))

    def close(self) -> None:
        pass


class _Groups:
    def __init__(self, file: BinaryIO) -> None:
        self._sink = ParquetSink(file)

    def write(self, records: list[Record]) -> None:
        self._sink.write(table_of(records))

    def close(self) -> None:
        self._sink.close()


_WRITERS: dict[str, Callable[[BinaryIO], _Writer]] = {"jsonl": _Lines, "csv": _Rows, "parquet": _Groups}


def write_turns(
    file: BinaryIO, reader: Reader, *, file_format: str, on_turns: Callable[[int], object] = lambda turns: None
) -> int:
    """Write the turns of a reader; return how many. `on_turns(n)` is called after each batch."""
    writer = _WRITERS[file_format](file)
    count = 0
    for records, _ in reader.batches():
        writer.write(records)
        count += len(records)
        on_turns(len(records))
    writer.close()
    return count


@contextmanager
def complete_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file beside `path` and give it that name when the block ends well; otherwise remove it. Raises ExportError
    where it cannot be written."""
    partial = path.with_name(f"{path.name}.part")
    try:
        with partial.open("wb") as file:
            yield file
        partial.replace(path)
    except OSError as error:
        raise ExportError(f"{path} cannot be written ({error.strerror}).") from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
