"""Parquet: typed columns, with hits, calls, votes and scores as lists of structs.

A part is a small Parquet file of its own, so that an export can be made piece by piece; sent, the parts are row groups
of one file, which is written while it is sent. The package that writes it is large, and imported when it is needed.
"""

import io
import json
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

from monitoring.exports.records import Record
from monitoring.exports.shape import SCHEMA, TURN, Field, Kind

if TYPE_CHECKING:
    import pyarrow as pa


class _Pipe(io.RawIOBase):
    """A file that is read by whoever takes what was written to it since."""

    def __init__(self) -> None:
        super().__init__()
        self._written = bytearray()
        self._size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._written += piece
        self._size += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._size

    def take(self) -> bytes:
        """Return what was written since the last time."""
        taken = bytes(self._written)
        self._written.clear()
        return taken


class ParquetSink:
    """Writes row groups to `file`, and the end of the file when it is closed."""

    def __init__(self, file: Any) -> None:
        import pyarrow.parquet as pq

        self._writer = pq.ParquetWriter(file, arrow_schema(), compression="zstd")

    def write(self, table: "pa.Table") -> None:
        self._writer.write_table(table)

    def close(self) -> None:
        self._writer.close()


def table_of(records: Iterable[Record]) -> "pa.Table":
    """Return records as a table. Objects of no fixed fields are JSON text."""
    import pyarrow as pa

    return pa.Table.from_pylist([_flat(record, TURN) for record in records], schema=arrow_schema())


def part_of(records: Iterable[Record]) -> bytes:
    """Return records as a Parquet file of its own."""
    file = io.BytesIO()
    sink = ParquetSink(file)
    sink.write(table_of(records))
    sink.close()
    return file.getvalue()


def whole_of(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Yield one Parquet file of parts, piece by piece; one part is held at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pipe = _Pipe()
    sink = ParquetSink(pa.PythonFile(pipe, mode="w"))
    for part in parts:
        sink.write(pq.read_table(io.BytesIO(part), schema=arrow_schema()))
        yield pipe.take()
    sink.close()
    yield pipe.take()


@cache
def arrow_schema() -> "pa.Schema":
    """Return the columns; their types are all that a file says, beside the version of the shape."""
    import pyarrow as pa

    columns = [pa.field(name, _type(one)) for name, one in TURN.items()]
    return pa.schema(columns, metadata={"schema": SCHEMA})


def _type(one: Field) -> Any:
    import pyarrow as pa

    match one.kind:
        case Kind.COUNT:
            return pa.int64()
        case Kind.NUMBER:
            return pa.float64()
        case Kind.USD:
            return pa.decimal128(14, 8)
        case Kind.PRICE:
            return pa.decimal128(14, 6)
        case Kind.FLAG:
            return pa.bool_()
        case Kind.TIME:
            return pa.timestamp("us", tz="UTC")
        case Kind.TEXTS:
            return pa.list_(pa.string())
        case Kind.ONE | Kind.MANY:
            fields = pa.struct([pa.field(name, _type(inner)) for name, inner in (one.fields or {}).items()])
            return fields if one.kind is Kind.ONE else pa.list_(fields)
    return pa.string()


def _flat(record: Mapping[str, Any], fields: Mapping[str, Field]) -> Record:
    """Return a record as the types want it."""
    flat: Record = {}
    for name, one in fields.items():
        value = record[name]
        if value is not None:
            if one.kind is Kind.JSON:
                value = json.dumps(value, ensure_ascii=False, sort_keys=True)
            elif one.kind is Kind.ONE:
                value = _flat(value, one.fields or {})
            elif one.kind is Kind.MANY:
                value = [_flat(row, one.fields or {}) for row in value]
            elif one.kind is Kind.USD:
                value = Decimal(value).quantize(Decimal("1e-8"))
            elif one.kind is Kind.PRICE:
                value = Decimal(value).quantize(Decimal("1e-6"))
        flat[name] = value
    return flat
