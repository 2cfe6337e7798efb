"""The formats of an export: how a batch of records becomes a part, and how parts become a file."""

import itertools
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from monitoring.exports import parquet
from monitoring.exports.jsonl import json_lines
from monitoring.exports.records import Record
from monitoring.exports.table import columns_of, csv_head, csv_rows

FormatName = Literal["jsonl", "csv", "parquet"]


@dataclass(frozen=True, slots=True)
class Format:
    """`title`: for people."""

    name: FormatName
    title: str
    media_type: str


FORMATS: dict[str, Format] = {
    "jsonl": Format("jsonl", "JSONL, can be imported", "application/jsonl"),
    "csv": Format("csv", "CSV, for spreadsheets", "text/csv; charset=utf-8"),
    "parquet": Format("parquet", "Parquet, can be imported", "application/vnd.apache.parquet"),
}


def pack(records: Sequence[Record], *, file_format: str, score_names: Sequence[str]) -> tuple[bytes, int]:
    """Return a batch as a part, which is kept in the database until it is downloaded, and its size in the file."""
    if file_format == "parquet":
        part = parquet.part_of(records)
        return part, len(part)
    plain = csv_rows(records, columns_of(score_names)) if file_format == "csv" else json_lines(records)
    return zlib.compress(plain), len(plain)


def unpack(parts: Iterable[bytes], *, file_format: str, score_names: Sequence[str]) -> Iterator[bytes]:
    """Yield the file that parts make, piece by piece."""
    if file_format == "parquet":
        return parquet.whole_of(parts)
    plain = (zlib.decompress(part) for part in parts)
    return itertools.chain([csv_head(columns_of(score_names))], plain) if file_format == "csv" else plain
