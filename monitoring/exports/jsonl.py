"""JSONL: one turn a line, everything that belongs to it nested in it."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from monitoring.exports.records import Record


def json_lines(records: Iterable[Record]) -> bytes:
    """Return the lines of records. Dollars are numbers of at most 14 digits, which a float keeps exactly."""
    return b"".join(
        json.dumps(record, ensure_ascii=False, separators=(",", ":"), default=_plain).encode() + b"\n"
        for record in records
    )


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"{type(value).__name__} has no place in an export")
